//! The candidates of an endpoint: which addresses viewers are told.
//!
//! Gathered once, for all sessions: the addresses of our sockets (host candidates) and those that
//! the [port map](crate::portmap) says reach them (server-reflexive candidates, whose base is the
//! socket). The [`Audience`] decides who is told what; a public one sees no private address,
//! neither as a candidate nor as anything derived from one.
//!
//! Implements RFC 8445 §5.1.1.1 (host), §5.1.1.3 (foundation), §5.1.2.1 (priority) and RFC 8839
//! §5.1 (the candidate line). Left out so far: candidates found by STUN and TURN, and over TCP.

mod candidate_line;

use std::net::{IpAddr, SocketAddr};

use crate::portmap::PortMap;

pub use candidate_line::{candidate_line, foundation, priority};

pub use crate::portmap::Audience;

/// What a candidate is to its base, RFC 8445 §5.1.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum CandidateKind {
    /// The address of one of our own sockets.
    Host,
    /// An outside address that reaches one of our sockets.
    ServerReflexive,
}

/// One address that viewers are told, and the socket address behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct LocalCandidate {
    /// The local socket address: never unspecified.
    pub base: SocketAddr,
    /// The address that viewers are told.
    pub address: SocketAddr,
    /// Host or mapped.
    pub kind: CandidateKind,
}

/// How near a base is, the nearest first. A viewer on the LAN mostly has IPv4 there; loopback
/// serves nobody but a browser on this machine.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Reach {
    PrivateV4,
    OtherV4,
    UniqueLocalV6,
    OtherV6,
    LinkLocal,
    Loopback,
}

/// The candidates to offer, best first: pure function of sockets, map and audience.
///
/// Hosts come before mapped addresses, private IPv4 before other addresses and loopback last of
/// all; otherwise in the order of `bases` and of the map's entries. No address comes twice. A base
/// that is unspecified is no address and left out. Where the map says that a socket's own address
/// is the outside one, it is a host candidate for every audience (RFC 8445 §5.1.3).
pub fn local_candidates(
    bases: &[SocketAddr],
    map: &PortMap,
    audience: Audience,
) -> Vec<LocalCandidate> {
    let mut bases: Vec<SocketAddr> =
        bases.iter().copied().filter(|base| !base.ip().is_unspecified()).collect();
    bases.sort_by_key(|base| reach(base.ip()));

    let hosts = bases.iter().map(|&base| host(base));
    let mapped = bases
        .iter()
        .flat_map(|&base| map.external(base).into_iter().map(move |address| mapped(base, address)));
    let mut candidates: Vec<LocalCandidate> = match audience {
        Audience::Public => mapped.collect(),
        Audience::Lan => hosts.collect(),
        Audience::Both => hosts.chain(mapped).collect(),
    };
    candidates.sort_by_key(|candidate| reach(candidate.address.ip()) == Reach::Loopback);
    without_repeats(candidates)
}

fn host(base: SocketAddr) -> LocalCandidate {
    LocalCandidate { base, address: base, kind: CandidateKind::Host }
}

fn mapped(base: SocketAddr, address: SocketAddr) -> LocalCandidate {
    if address == base {
        return host(base);
    }
    LocalCandidate { base, address, kind: CandidateKind::ServerReflexive }
}

/// The first of each address: the others lead to the same place.
fn without_repeats(candidates: Vec<LocalCandidate>) -> Vec<LocalCandidate> {
    let mut kept: Vec<LocalCandidate> = Vec::with_capacity(candidates.len());
    for candidate in candidates {
        if kept.iter().all(|earlier| earlier.address != candidate.address) {
            kept.push(candidate);
        }
    }
    kept
}

fn reach(address: IpAddr) -> Reach {
    match address {
        _ if address.is_loopback() => Reach::Loopback,
        IpAddr::V4(v4) if v4.is_link_local() => Reach::LinkLocal,
        IpAddr::V4(v4) if v4.is_private() => Reach::PrivateV4,
        IpAddr::V4(_) => Reach::OtherV4,
        IpAddr::V6(v6) if v6.is_unicast_link_local() => Reach::LinkLocal,
        IpAddr::V6(v6) if v6.is_unique_local() => Reach::UniqueLocalV6,
        IpAddr::V6(_) => Reach::OtherV6,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const BASES: [&str; 7] = [
        "127.0.0.1:5000",
        "[fe80::1]:5000",
        "[2001:db8::5]:5000",
        "[fd00::5]:5000",
        "198.51.100.5:5000",
        "192.168.1.5:5000",
        "10.0.0.5:5000",
    ];
    const MAP: &str = "5000/udp=203.0.113.10:30000,5000/udp=192.0.2.7:40000";

    fn offered(bases: &[&str], map: &str, audience: Audience) -> Vec<String> {
        let bases: Vec<SocketAddr> = bases.iter().map(|base| base.parse().unwrap()).collect();
        let map = PortMap::parse([map]).unwrap();
        let shown = |candidate: LocalCandidate| match candidate.kind {
            CandidateKind::Host => {
                assert_eq!(candidate.base, candidate.address);
                candidate.address.to_string()
            }
            CandidateKind::ServerReflexive => format!("{} < {}", candidate.base, candidate.address),
        };
        local_candidates(&bases, &map, audience).into_iter().map(shown).collect()
    }

    #[test]
    fn a_lan_audience_is_told_our_own_addresses_the_nearest_first() {
        let expected = [
            "192.168.1.5:5000",
            "10.0.0.5:5000",
            "198.51.100.5:5000",
            "[fd00::5]:5000",
            "[2001:db8::5]:5000",
            "[fe80::1]:5000",
            "127.0.0.1:5000",
        ];
        assert_eq!(offered(&BASES, MAP, Audience::Lan), expected);
        assert_eq!(offered(&BASES, "", Audience::Both), expected);
    }

    #[test]
    fn a_public_audience_is_told_mapped_addresses_only_and_each_once() {
        assert_eq!(
            offered(&BASES, MAP, Audience::Public),
            ["192.168.1.5:5000 < 203.0.113.10:30000", "192.168.1.5:5000 < 192.0.2.7:40000"]
        );
        assert!(offered(&BASES, "", Audience::Public).is_empty());
        assert!(offered(&BASES, "5001/udp=203.0.113.10:1", Audience::Public).is_empty());
    }

    #[test]
    fn both_audiences_are_told_the_lan_first_and_loopback_last() {
        assert_eq!(
            offered(&["127.0.0.1:5000", "10.0.0.5:5000", "10.0.0.5:5000"], MAP, Audience::Both),
            [
                "10.0.0.5:5000",
                "10.0.0.5:5000 < 203.0.113.10:30000",
                "10.0.0.5:5000 < 192.0.2.7:40000",
                "127.0.0.1:5000",
            ]
        );
    }

    #[test]
    fn every_socket_of_a_range_has_its_own_mapped_port() {
        assert_eq!(
            offered(
                &["10.0.0.5:5000", "10.0.0.5:5001", "[fd00::5]:5000"],
                "5000-5001/udp=203.0.113.10:30000-30001,5000/udp=[2001:db8::1]:6000",
                Audience::Public
            ),
            [
                "10.0.0.5:5000 < 203.0.113.10:30000",
                "10.0.0.5:5001 < 203.0.113.10:30001",
                "[fd00::5]:5000 < [2001:db8::1]:6000",
            ]
        );
    }

    #[test]
    fn an_outside_address_that_is_our_own_is_a_host_candidate() {
        let map = "5000/udp=198.51.100.5:5000";
        for audience in [Audience::Public, Audience::Lan, Audience::Both] {
            let told = offered(&["198.51.100.5:5000"], map, audience);
            assert_eq!(told, ["198.51.100.5:5000"], "{audience:?}");
        }
    }

    #[test]
    fn an_unspecified_base_is_left_out() {
        let bases = ["0.0.0.0:5000", "[::]:5000", "10.0.0.5:5000"];
        assert_eq!(offered(&bases, "", Audience::Lan), ["10.0.0.5:5000"]);
        assert!(offered(&bases[..2], MAP, Audience::Both).is_empty());
    }
}
