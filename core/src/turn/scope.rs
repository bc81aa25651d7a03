//! Which peers a server may be asked to reach for us.
//!
//! A server on the public internet has no route to somebody's private network, and ours must not
//! be used to look into its own. coturn 4.6 without a route to a permitted peer drops the whole
//! allocation (measured; shared by all viewers here), so such a peer is never asked for.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// From how far an address can be reached, nearest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Scope {
    Loopback,
    Private,
    Public,
}

/// Whether a server that relays at `relayed` may be asked to reach `peer`: only what is reached
/// from at least as far as its own relayed address.
pub(super) fn may_reach(relayed: IpAddr, peer: IpAddr) -> bool {
    match (scope(relayed), scope(peer)) {
        (Some(relayed), Some(peer)) => peer >= relayed,
        (_, None) | (None, _) => false,
    }
}

/// `None`: not the address of one host, or not of its own family.
fn scope(ip: IpAddr) -> Option<Scope> {
    match ip {
        IpAddr::V4(ip) => scope_v4(ip),
        IpAddr::V6(ip) => scope_v6(ip),
    }
}

fn scope_v4(ip: Ipv4Addr) -> Option<Scope> {
    let [first, second, ..] = ip.octets();
    if first == 0 || ip.is_multicast() || first >= 240 {
        return None;
    }
    if ip.is_loopback() {
        return Some(Scope::Loopback);
    }
    // RFC 6598: behind a carrier's NAT.
    let is_shared = first == 100 && (64..128).contains(&second);
    let is_near = ip.is_private() || ip.is_link_local() || is_shared;
    Some(if is_near { Scope::Private } else { Scope::Public })
}

fn scope_v6(ip: Ipv6Addr) -> Option<Scope> {
    if ip.is_unspecified() || ip.is_multicast() || ip.to_ipv4_mapped().is_some() {
        return None;
    }
    if ip.is_loopback() {
        return Some(Scope::Loopback);
    }
    let is_near = ip.is_unique_local() || ip.is_unicast_link_local();
    Some(if is_near { Scope::Private } else { Scope::Public })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_asked_for_no_peer_that_is_nearer_than_itself() {
        let public = ["203.0.113.9", "8.8.8.8", "100.63.0.1", "172.32.0.1", "2001:db8::1"];
        let private = [
            "10.0.0.1",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.1.1",
            "100.64.0.1",
            "fd00::1",
            "fe80::1",
        ];
        let loopback = ["127.0.0.1", "127.9.9.9", "::1"];
        let never = [
            "0.0.0.0",
            "0.1.2.3",
            "224.0.0.1",
            "255.255.255.255",
            "240.0.0.1",
            "::",
            "ff02::1",
            "::ffff:8.8.8.8",
        ];
        let reach = |relayed: &str, peers: &[&str]| {
            let relayed = relayed.parse().unwrap();
            let reached: Vec<bool> =
                peers.iter().map(|peer| may_reach(relayed, peer.parse().unwrap())).collect();
            assert!(
                reached.iter().all(|one| *one == reached[0]),
                "{relayed}: {peers:?} {reached:?}"
            );
            reached[0]
        };

        for (relayed, to_private, to_loopback) in
            [("198.51.100.1", false, false), ("10.1.1.1", true, false), ("127.0.0.1", true, true)]
        {
            assert!(reach(relayed, &public), "{relayed}");
            assert_eq!(reach(relayed, &private), to_private, "{relayed}");
            assert_eq!(reach(relayed, &loopback), to_loopback, "{relayed}");
            assert!(!reach(relayed, &never), "{relayed}");
        }
    }
}
