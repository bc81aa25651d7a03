//! The candidates that need nobody's help: our own addresses, and those that the port map knows.

use std::net::{IpAddr, SocketAddr};

use super::{Audience, CandidateKind, GatherConfig, LocalCandidate, Paths};
use crate::portmap::Protocol;

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

/// The candidates to offer before any server has answered, best first: a pure function of sockets,
/// map, audience and paths.
///
/// UDP comes before TCP, hosts before mapped addresses, private IPv4 before other addresses and
/// loopback last; otherwise in the order of the bases and of the map's entries. No address comes
/// twice. A base that is unspecified is no address and left out. Where the map says that a socket's
/// own address is the outside one, it is a host candidate for every audience (RFC 8445 §5.1.3).
/// Without a map a public audience is told those of our addresses that are public themselves.
/// Nobody forwards a port to loopback: it is mapped only where we have no other address.
pub fn local_candidates(config: &GatherConfig) -> Vec<LocalCandidate> {
    if config.paths == Paths::Relay {
        return Vec::new();
    }
    let udp = candidates_over(Protocol::Udp, &config.bases, config);
    let tcp = candidates_over(Protocol::Tcp, &config.tcp_bases, config);
    without_repeats(udp.into_iter().chain(tcp).collect())
}

fn candidates_over(
    protocol: Protocol,
    bases: &[SocketAddr],
    config: &GatherConfig,
) -> Vec<LocalCandidate> {
    let GatherConfig { map, audience, .. } = config;
    let mut bases: Vec<SocketAddr> =
        bases.iter().copied().filter(|base| !base.ip().is_unspecified()).collect();
    bases.sort_by_key(|base| reach(base.ip()));
    let only_here = bases.iter().all(|base| base.ip().is_loopback());

    let host = |base: SocketAddr| LocalCandidate::host(protocol, base);
    let is_told = |base: &SocketAddr| match audience {
        Audience::Public => map.is_empty() && is_public(base.ip()),
        Audience::Lan | Audience::Both => true,
    };
    let hosts = bases.iter().copied().filter(is_told).map(host);
    let forwarded = bases.iter().filter(|base| only_here || !base.ip().is_loopback());
    let mapped = forwarded.flat_map(|&base| {
        let outside = map.external_over(protocol, base).into_iter();
        outside.map(move |address| LocalCandidate::server_reflexive(protocol, base, address))
    });
    let mut candidates: Vec<LocalCandidate> = match audience {
        Audience::Lan => hosts.collect(),
        Audience::Public | Audience::Both => hosts.chain(mapped).collect(),
    };
    candidates.sort_by_key(|candidate| reach(candidate.address.ip()) == Reach::Loopback);
    candidates
}

impl LocalCandidate {
    /// The address of one of our sockets.
    pub fn host(protocol: Protocol, base: SocketAddr) -> LocalCandidate {
        LocalCandidate { base, address: base, kind: CandidateKind::Host, protocol }
    }

    /// An outside address that leads to one of our sockets; a host candidate where it is that
    /// socket's own.
    pub fn server_reflexive(
        protocol: Protocol,
        base: SocketAddr,
        address: SocketAddr,
    ) -> LocalCandidate {
        if address == base {
            return LocalCandidate::host(protocol, base);
        }
        LocalCandidate { base, address, kind: CandidateKind::ServerReflexive, protocol }
    }
}

/// The first of each address: the others lead to the same place.
pub(super) fn without_repeats(candidates: Vec<LocalCandidate>) -> Vec<LocalCandidate> {
    let mut kept: Vec<LocalCandidate> = Vec::with_capacity(candidates.len());
    for candidate in candidates {
        let same = |earlier: &LocalCandidate| {
            (earlier.address, earlier.protocol) == (candidate.address, candidate.protocol)
        };
        if !kept.iter().any(same) {
            kept.push(candidate);
        }
    }
    kept
}

/// Whether viewers elsewhere can send to it, as far as the address tells.
pub(crate) fn is_public(address: IpAddr) -> bool {
    let shared = |v4: std::net::Ipv4Addr| v4.octets()[0] == 100 && v4.octets()[1] & 0xc0 == 64;
    match (reach(address), address) {
        (Reach::OtherV4, IpAddr::V4(v4)) => !shared(v4),
        (reach, _) => reach == Reach::OtherV6,
    }
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
    use crate::portmap::PortMap;

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
        let config = GatherConfig { map, audience, ..GatherConfig::lan(bases) };
        local_candidates(&config).into_iter().map(shown).collect()
    }

    fn shown(candidate: LocalCandidate) -> String {
        let tcp = if candidate.protocol == Protocol::Tcp { " tcp" } else { "" };
        match candidate.kind {
            CandidateKind::Host => {
                assert_eq!(candidate.base, candidate.address);
                format!("{}{tcp}", candidate.address)
            }
            _ => format!("{} < {}{tcp}", candidate.base, candidate.address),
        }
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
        assert_eq!(
            offered(&BASES, "", Audience::Public),
            ["198.51.100.5:5000", "[2001:db8::5]:5000"],
            "without a map, what is public of itself"
        );
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

    #[test]
    fn tcp_comes_last_and_is_mapped_by_its_own_entries() {
        let config = GatherConfig {
            tcp_bases: vec!["10.0.0.5:8080".parse().unwrap()],
            map: PortMap::parse(["5000/udp=203.0.113.10:30000", "8080/tcp=203.0.113.10:30080"])
                .unwrap(),
            audience: Audience::Both,
            ..GatherConfig::lan(vec!["10.0.0.5:5000".parse().unwrap()])
        };
        assert_eq!(
            local_candidates(&config).into_iter().map(shown).collect::<Vec<_>>(),
            [
                "10.0.0.5:5000",
                "10.0.0.5:5000 < 203.0.113.10:30000",
                "10.0.0.5:8080 tcp",
                "10.0.0.5:8080 < 203.0.113.10:30080 tcp",
            ]
        );
        let relay_only = GatherConfig { paths: Paths::Relay, ..config };
        assert!(local_candidates(&relay_only).is_empty());
    }
}
