//! A candidate as SDP and trickled messages write it: foundation, priority and the line itself.

use std::net::SocketAddr;

use super::{CandidateKind, LocalCandidate, TurnTransport};
use crate::portmap::Protocol;

/// Component 1 is RTP (RFC 8839 §5.1), and RTCP shares its port (RFC 5761): there is no other.
const COMPONENT: u32 = 1;
/// The best local preference (RFC 8445 §5.1.2.1).
const LOCAL_PREFERENCE_MAX: u16 = u16::MAX;
/// FNV-1a, 32 bits.
const FNV_OFFSET: u32 = 0x811c_9dc5;
const FNV_PRIME: u32 = 0x0100_0193;

/// The priority of a candidate, RFC 8445 §5.1.2.1. `place` is its place among ours, 0 the best;
/// places beyond 65535 are all as bad as that one.
///
/// Deviates from RFC 6544 §4.2, which ranks TCP by local preference: there TCP would come before
/// relays, and with it the stalls of a stream that lost a packet. Here direct UDP is before a relay
/// over UDP, and that before all that is TCP; browsers give their own relays over UDP 2.
pub fn priority(kind: CandidateKind, protocol: Protocol, place: usize) -> u32 {
    let type_preference = match (kind, protocol) {
        (CandidateKind::Host, Protocol::Udp) => 126,
        (CandidateKind::ServerReflexive, Protocol::Udp) => 100,
        (CandidateKind::Relayed(TurnTransport::Udp), _) => 10,
        (CandidateKind::Host | CandidateKind::ServerReflexive, Protocol::Tcp) => 1,
        (CandidateKind::Relayed(TurnTransport::Tcp | TurnTransport::Tls), _) => 0,
    };
    let place = u16::try_from(place).unwrap_or(u16::MAX);
    let local_preference = u32::from(LOCAL_PREFERENCE_MAX - place);
    type_preference << 24 | local_preference << 8 | (256 - COMPONENT)
}

/// The foundation of a candidate, RFC 8445 §5.1.1.3: eight hex digits, the same for candidates of
/// one kind, one protocol and one address.
///
/// Deviates from the RFC, which groups mapped candidates by their base: the base is private, and
/// few enough addresses are private that a digest of one gives it away. The outside address stands
/// in for it. All that follows is the order of checks when several sockets share an outside
/// address.
pub fn foundation(candidate: &LocalCandidate) -> String {
    let kind: u8 = match candidate.kind {
        CandidateKind::Host => 0,
        CandidateKind::ServerReflexive => 1,
        CandidateKind::Relayed(TurnTransport::Udp) => 2,
        CandidateKind::Relayed(TurnTransport::Tcp) => 3,
        CandidateKind::Relayed(TurnTransport::Tls) => 4,
    };
    let protocol: u8 = match candidate.protocol {
        Protocol::Udp => 0,
        Protocol::Tcp => 0x10,
    };
    let address = match candidate.address {
        SocketAddr::V4(v4) => v4.ip().to_ipv6_mapped(),
        SocketAddr::V6(v6) => *v6.ip(),
    };
    let digest = std::iter::once(kind | protocol)
        .chain(address.octets())
        .fold(FNV_OFFSET, |digest, byte| (digest ^ u32::from(byte)).wrapping_mul(FNV_PRIME));
    format!("{digest:08x}")
}

/// The value of `a=candidate`, beginning with `candidate:` (RFC 8839 §5.1, RFC 6544 §4.5). A mapped
/// or relayed candidate names no base: `raddr` is the unspecified address, and `rport` 9, the
/// discard port.
///
/// ```
/// use pinhole_core::gather::{LocalCandidate, candidate_line};
/// use pinhole_core::portmap::Protocol;
/// let base = "192.168.1.5:5000".parse().expect("an address");
/// let line = candidate_line(&LocalCandidate::host(Protocol::Udp, base), 0);
/// assert!(line.ends_with(" 1 udp 2130706431 192.168.1.5 5000 typ host"));
/// ```
pub fn candidate_line(candidate: &LocalCandidate, place: usize) -> String {
    let LocalCandidate { kind, protocol, address, .. } = *candidate;
    let foundation = foundation(candidate);
    let priority = priority(kind, protocol, place);
    let (ip, port) = (address.ip(), address.port());
    let kind = match kind {
        CandidateKind::Host => "host",
        CandidateKind::ServerReflexive => "srflx",
        CandidateKind::Relayed(_) => "relay",
    };
    let related = match (kind, address) {
        ("host", _) => "",
        (_, SocketAddr::V4(_)) => " raddr 0.0.0.0 rport 9",
        (_, SocketAddr::V6(_)) => " raddr :: rport 9",
    };
    let passive = if protocol == Protocol::Tcp { " tcptype passive" } else { "" };
    format!(
        "candidate:{foundation} {COMPONENT} {protocol} {priority} {ip} {port} typ {kind}{related}\
         {passive}"
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;
    use str0m::Candidate;

    const UDP: Protocol = Protocol::Udp;

    fn candidate(base: &str, address: &str) -> LocalCandidate {
        LocalCandidate::server_reflexive(UDP, base.parse().unwrap(), address.parse().unwrap())
    }

    fn relayed(address: &str, over: TurnTransport) -> LocalCandidate {
        LocalCandidate {
            kind: CandidateKind::Relayed(over),
            ..candidate("192.168.1.5:5000", address)
        }
    }

    #[test]
    fn priorities_fall_by_kind_then_by_place() {
        use CandidateKind::{Host, Relayed, ServerReflexive};
        // 2130706431 is what every browser gives its first host candidate.
        assert_eq!(priority(Host, UDP, 0), 2_130_706_431);
        assert_eq!(priority(Host, UDP, 1), 2_130_706_431 - 256);
        assert_eq!(priority(ServerReflexive, UDP, 0), 1_694_498_815);
        assert_eq!(priority(ServerReflexive, UDP, 65_535), 1_677_721_855);
        assert_eq!(
            priority(ServerReflexive, UDP, usize::MAX),
            priority(ServerReflexive, UDP, 65_535)
        );
        let falling = [
            (Host, UDP),
            (ServerReflexive, UDP),
            (Relayed(TurnTransport::Udp), UDP),
            (Host, Protocol::Tcp),
            (Relayed(TurnTransport::Tls), UDP),
        ];
        for pair in falling.windows(2) {
            let [(better, over), (worse, under)] = pair else { unreachable!() };
            assert!(priority(*better, *over, usize::MAX) > priority(*worse, *under, 0), "{pair:?}");
        }
    }

    #[test]
    fn lines_read_as_rfc_8839_says_and_never_name_the_base() {
        let tcp = |base: &str, address: &str| LocalCandidate {
            protocol: Protocol::Tcp,
            ..candidate(base, address)
        };
        let private = "192.168.1.5:5000";
        let table = [
            (candidate(private, private), "udp", "192.168.1.5 5000 typ host"),
            (candidate("[fd00::5]:5000", "[fd00::5]:5000"), "udp", "fd00::5 5000 typ host"),
            (
                candidate(private, "203.0.113.10:30000"),
                "udp",
                "203.0.113.10 30000 typ srflx raddr 0.0.0.0 rport 9",
            ),
            (
                candidate("[fd00::5]:5000", "[2001:db8::1]:6000"),
                "udp",
                "2001:db8::1 6000 typ srflx raddr :: rport 9",
            ),
            (
                relayed("192.0.2.1:60001", TurnTransport::Tls),
                "udp",
                "192.0.2.1 60001 typ relay raddr 0.0.0.0 rport 9",
            ),
            (tcp(private, private), "tcp", "192.168.1.5 5000 typ host tcptype passive"),
            (
                tcp(private, "203.0.113.10:443"),
                "tcp",
                "203.0.113.10 443 typ srflx raddr 0.0.0.0 rport 9 tcptype passive",
            ),
        ];
        for (place, (candidate, protocol, expected)) in table.into_iter().enumerate() {
            let line = candidate_line(&candidate, place);
            let priority = priority(candidate.kind, candidate.protocol, place);
            let foundation = foundation(&candidate);
            assert_eq!(line, format!("candidate:{foundation} 1 {protocol} {priority} {expected}"));
            let read = Candidate::from_sdp_string(&line).unwrap();
            assert_eq!((read.addr(), read.prio()), (candidate.address, priority));
        }
    }

    #[test]
    fn a_foundation_depends_on_kind_and_outside_address_alone() {
        let mapped = candidate("192.168.1.5:5000", "203.0.113.10:30000");
        let same = candidate("10.0.0.5:5001", "203.0.113.10:30001");
        assert_eq!(foundation(&mapped), foundation(&same));
        let host = candidate("203.0.113.10:30000", "203.0.113.10:30000");
        let other = candidate("192.168.1.5:5000", "203.0.113.11:30000");
        let tcp = LocalCandidate { protocol: Protocol::Tcp, ..mapped };
        let relay = relayed("203.0.113.10:30000", TurnTransport::Udp);
        for different in [host, other, tcp, relay] {
            assert_ne!(foundation(&mapped), foundation(&different));
        }
        assert_eq!(foundation(&mapped).len(), 8);
    }

    proptest! {
        #[test]
        fn a_line_reads_as_the_candidate_that_it_was_written_for(
            base: SocketAddr,
            outside: SocketAddr,
            kind in 0u8..5,
            place in 0usize..70_000,
        ) {
            let base = SocketAddr::new(base.ip(), base.port());
            let outside = SocketAddr::new(outside.ip(), outside.port());
            let candidate = match kind {
                0 => LocalCandidate::host(Protocol::Udp, base),
                1 => LocalCandidate::host(Protocol::Tcp, base),
                2 => LocalCandidate::server_reflexive(Protocol::Udp, base, outside),
                3 => LocalCandidate::server_reflexive(Protocol::Tcp, base, outside),
                _ => relayed(&outside.to_string(), TurnTransport::Udp),
            };

            let line = candidate_line(&candidate, place);

            let read = Candidate::from_sdp_string(&line).unwrap();
            prop_assert_eq!(read.addr(), candidate.address);
            prop_assert_eq!(read.prio(), priority(candidate.kind, candidate.protocol, place));
            let shows_base = line.contains(&format!("raddr {} ", base.ip()));
            prop_assert!(!shows_base || base.ip().is_unspecified(), "{line} tells {base}");
        }

        #[test]
        fn a_better_place_and_a_better_kind_rank_higher(place in 0usize..65_000, further in 1usize..500) {
            for protocol in [Protocol::Udp, Protocol::Tcp] {
                let host = |place| priority(CandidateKind::Host, protocol, place);
                prop_assert!(host(place) > host(place + further));
            }
            let udp = |kind| priority(kind, Protocol::Udp, place);
            prop_assert!(udp(CandidateKind::Host) > udp(CandidateKind::ServerReflexive));
            let relay = CandidateKind::Relayed(TurnTransport::Udp);
            prop_assert!(udp(CandidateKind::ServerReflexive) > udp(relay));
        }
    }
}
