//! `MurmurHash3_x86_32`, which takes up where a prefix left off: what comes before the unit is hashed
//! when the flag is compiled.

/// A hash that bytes were put into. After `x.then(a)`, `x.with(b)` is the hash of `a` and `b`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Murmur {
    hash: u32,
    /// Bytes that are no whole block yet, the first one lowest, and how many bits of them there are:
    /// 0, 8, 16 or 24.
    rest: u32,
    rest_bits: u32,
    /// All bytes so far.
    length: u32,
}

impl Murmur {
    pub(crate) const fn new(seed: u32) -> Self {
        Self { hash: seed, rest: 0, rest_bits: 0, length: 0 }
    }

    #[inline]
    pub(crate) fn then(self, bytes: &[u8]) -> Self {
        let (blocks, tail) = bytes.as_chunks::<4>();
        let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        let mut next = Self { length: self.length.wrapping_add(length), ..self };
        for block in blocks {
            let block = u32::from_le_bytes(*block);
            let (whole, rest) = halves((u64::from(block) << next.rest_bits) | u64::from(next.rest));
            next.mix(whole);
            next.rest = rest;
        }
        for byte in tail {
            next.rest |= u32::from(*byte) << next.rest_bits;
            next.rest_bits = next.rest_bits.wrapping_add(8);
            if next.rest_bits == 32 {
                next.mix(next.rest);
                (next.rest, next.rest_bits) = (0, 0);
            }
        }
        next
    }

    /// The hash of everything so far and these bytes.
    #[inline]
    pub(crate) fn with(self, bytes: &[u8]) -> u32 {
        let Self { mut hash, rest, length, .. } = self.then(bytes);
        hash ^= scrambled(rest);
        hash ^= length;
        hash = (hash ^ (hash >> 16)).wrapping_mul(0x85eb_ca6b);
        hash = (hash ^ (hash >> 13)).wrapping_mul(0xc2b2_ae35);
        hash ^ (hash >> 16)
    }

    fn mix(&mut self, block: u32) {
        self.hash = (self.hash ^ scrambled(block)).rotate_left(13).wrapping_mul(5).wrapping_add(0xe654_6b64);
    }
}

/// The lower and the upper half.
fn halves(bits: u64) -> (u32, u32) {
    let [b0, b1, b2, b3, upper @ ..] = bits.to_le_bytes();
    (u32::from_le_bytes([b0, b1, b2, b3]), u32::from_le_bytes(upper))
}

/// Of nothing, nothing.
fn scrambled(block: u32) -> u32 {
    block.wrapping_mul(0xcc9e_2d51).rotate_left(15).wrapping_mul(0x1b87_3593)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// As published with the implementations.
    #[test]
    fn published() {
        for (text, seed, expected) in [
            ("", 0, 0),
            ("", 1, 0x514e_28b7),
            ("test", 0, 0xba6b_d213),
            ("Hello, world!", 0x9747_b28c, 0x2488_4cba),
            ("abc", 0, 0xb3dd_93fa),
            ("The quick brown fox jumps over the lazy dog", 0, 0x2e4f_f723),
        ] {
            assert_eq!(Murmur::new(seed).with(text.as_bytes()), expected, "{text} {seed}");
        }
    }

    proptest! {
        #[test]
        fn pieces_are_the_whole(text in "\\PC{0,40}", seed: u32, at in 0_usize..40, other in 0_usize..40) {
            let bytes = text.as_bytes();
            let (first, rest) = bytes.split_at(at.min(bytes.len()));
            let (second, third) = rest.split_at(other.min(rest.len()));
            let whole = Murmur::new(seed).with(bytes);
            prop_assert_eq!(Murmur::new(seed).then(first).then(second).with(third), whole);
        }
    }
}
