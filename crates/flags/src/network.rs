//! Networks of IPv4 and IPv6 addresses (CIDR, RFC 4632 and RFC 4291 §2.3).

use core::net::IpAddr;

/// Addresses that share a prefix.
#[derive(Debug, PartialEq)]
pub(crate) struct Network {
    v4: bool,
    bits: u128,
    mask: u128,
}

impl Network {
    /// An address, or an address and the length of the prefix.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (address, length) = match text.split_once('/') {
            Some((address, length)) => (address, Some(length)),
            None => (text, None),
        };
        let written: IpAddr = address.parse().ok()?;
        let width = if written.is_ipv4() { 32_u32 } else { 128 };
        let length = match length {
            None => width,
            Some(text) if text.bytes().all(|byte| byte.is_ascii_digit()) => {
                text.parse().ok().filter(|length| *length <= width)?
            }
            Some(_) => return None,
        };
        let free = width - length;
        // An IPv4 network written as IPv6 is that IPv4 network, as its addresses are.
        let address = if free <= 32 { written.to_canonical() } else { written };
        let mask = u128::MAX.checked_shl(free).unwrap_or(0);
        Some(Self { v4: address.is_ipv4(), bits: bits(address) & mask, mask })
    }

    /// Whether the address, canonical, is in it.
    pub(crate) fn holds(&self, address: IpAddr) -> bool {
        self.v4 == address.is_ipv4() && bits(address) & self.mask == self.bits
    }
}

fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => u128::from(v4.to_bits()),
        IpAddr::V6(v6) => v6.to_bits(),
    }
}
