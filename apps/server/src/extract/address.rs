//! The client's address: the peer's, unless the peer is a proxy that we trust.

use std::net::IpAddr;

use actix_web::dev::ServiceRequest;

const FORWARDED_FOR: &str = "x-forwarded-for";

/// The address that limits, logs and audit events are about.
pub(crate) fn client_address(request: &ServiceRequest, trusted: &[IpAddr]) -> Option<IpAddr> {
    let peer = request.peer_addr()?.ip();
    if !trusted.contains(&peer) {
        return Some(peer);
    }
    // Each proxy appends whom it saw: the last that is not one of ours is the client.
    let forwarded = request
        .headers()
        .get_all(FORWARDED_FOR)
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|address| address.trim().parse::<IpAddr>());
    let mut client = peer;
    for address in forwarded.collect::<Vec<_>>().into_iter().rev() {
        let Ok(address) = address else { break };
        client = address;
        if !trusted.contains(&address) {
            break;
        }
    }
    Some(client)
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn only_trusted_proxies_are_believed() {
        let proxy: IpAddr = "10.0.0.1".parse().unwrap();
        for (peer, forwarded, client) in [
            ("192.0.2.7", Some("203.0.113.9"), "192.0.2.7"),
            ("10.0.0.1", None, "10.0.0.1"),
            ("10.0.0.1", Some("203.0.113.9"), "203.0.113.9"),
            ("10.0.0.1", Some("198.51.100.1, 203.0.113.9"), "203.0.113.9"),
            ("10.0.0.1", Some("203.0.113.9, 10.0.0.1"), "203.0.113.9"),
            ("10.0.0.1", Some("203.0.113.9, nonsense"), "10.0.0.1"),
        ] {
            let mut request = TestRequest::default().peer_addr(format!("{peer}:9").parse().unwrap());
            if let Some(forwarded) = forwarded {
                request = request.insert_header((FORWARDED_FOR, forwarded));
            }
            let address = client_address(&request.to_srv_request(), &[proxy]);
            assert_eq!(address, client.parse().ok(), "{peer} {forwarded:?}");
        }
    }
}
