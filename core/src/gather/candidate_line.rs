//! A candidate as SDP and trickled messages write it: foundation, priority and the line itself.

use std::net::SocketAddr;

use super::{CandidateKind, LocalCandidate};

/// Component 1 is RTP (RFC 8839 §5.1), and RTCP shares its port (RFC 5761): there is no other.
const COMPONENT: u32 = 1;
/// Type preferences that RFC 8445 §5.1.2.2 recommends.
const HOST_PREFERENCE: u32 = 126;
const SERVER_REFLEXIVE_PREFERENCE: u32 = 100;
/// The best local preference (RFC 8445 §5.1.2.1).
const LOCAL_PREFERENCE_MAX: u16 = u16::MAX;
/// FNV-1a, 32 bits.
const FNV_OFFSET: u32 = 0x811c_9dc5;
const FNV_PRIME: u32 = 0x0100_0193;

/// The priority of a candidate, RFC 8445 §5.1.2.1. `local_preference_index` is its place among
/// ours, 0 the best; places beyond 65535 are all as bad as that one.
pub fn priority(kind: CandidateKind, local_preference_index: usize) -> u32 {
    let type_preference = match kind {
        CandidateKind::Host => HOST_PREFERENCE,
        CandidateKind::ServerReflexive => SERVER_REFLEXIVE_PREFERENCE,
    };
    let index = u16::try_from(local_preference_index).unwrap_or(u16::MAX);
    let local_preference = u32::from(LOCAL_PREFERENCE_MAX - index);
    type_preference << 24 | local_preference << 8 | (256 - COMPONENT)
}

/// The foundation of a candidate, RFC 8445 §5.1.1.3: eight hex digits, the same for candidates of
/// one kind and one address.
///
/// Deviates from the RFC, which groups mapped candidates by their base: the base is private, and
/// few enough addresses are private that a digest of one gives it away. The outside address stands
/// in for it. All that follows is the order of checks when several sockets share an outside
/// address.
pub fn foundation(candidate: &LocalCandidate) -> String {
    let kind: u8 = match candidate.kind {
        CandidateKind::Host => 0,
        CandidateKind::ServerReflexive => 1,
    };
    let address = match candidate.address {
        SocketAddr::V4(v4) => v4.ip().to_ipv6_mapped(),
        SocketAddr::V6(v6) => *v6.ip(),
    };
    let digest = std::iter::once(kind)
        .chain(address.octets())
        .fold(FNV_OFFSET, |digest, byte| (digest ^ u32::from(byte)).wrapping_mul(FNV_PRIME));
    format!("{digest:08x}")
}

/// The value of `a=candidate`, beginning with `candidate:` (RFC 8839 §5.1). A mapped candidate
/// names no base: `raddr` is the unspecified address, and `rport` 9, the discard port.
///
/// ```
/// use pinhole_core::gather::{CandidateKind, LocalCandidate, candidate_line};
/// let base = "192.168.1.5:5000".parse().expect("an address");
/// let host = LocalCandidate { base, address: base, kind: CandidateKind::Host };
/// let line = candidate_line(&host, 0);
/// assert!(line.ends_with(" 1 udp 2130706431 192.168.1.5 5000 typ host"));
/// ```
pub fn candidate_line(candidate: &LocalCandidate, local_preference_index: usize) -> String {
    let foundation = foundation(candidate);
    let priority = priority(candidate.kind, local_preference_index);
    let (ip, port) = (candidate.address.ip(), candidate.address.port());
    let kind = match (candidate.kind, candidate.address) {
        (CandidateKind::Host, _) => "host",
        (CandidateKind::ServerReflexive, SocketAddr::V4(_)) => "srflx raddr 0.0.0.0 rport 9",
        (CandidateKind::ServerReflexive, SocketAddr::V6(_)) => "srflx raddr :: rport 9",
    };
    format!("candidate:{foundation} {COMPONENT} udp {priority} {ip} {port} typ {kind}")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use str0m::Candidate;

    fn candidate(base: &str, address: &str) -> LocalCandidate {
        let kind =
            if base == address { CandidateKind::Host } else { CandidateKind::ServerReflexive };
        LocalCandidate { base: base.parse().unwrap(), address: address.parse().unwrap(), kind }
    }

    #[test]
    fn priorities_fall_by_kind_then_by_place() {
        // 2130706431 is what every browser gives its first host candidate.
        assert_eq!(priority(CandidateKind::Host, 0), 2_130_706_431);
        assert_eq!(priority(CandidateKind::Host, 1), 2_130_706_431 - 256);
        assert_eq!(priority(CandidateKind::ServerReflexive, 0), 1_694_498_815);
        assert_eq!(priority(CandidateKind::ServerReflexive, 65_535), 1_677_721_855);
        let (host, mapped) = (CandidateKind::Host, CandidateKind::ServerReflexive);
        assert_eq!(priority(mapped, usize::MAX), priority(mapped, 65_535));
        assert!(priority(host, usize::MAX) > priority(mapped, 0));
    }

    #[test]
    fn lines_read_as_rfc_8839_says_and_never_name_the_base() {
        let cases = [
            ("192.168.1.5:5000", "192.168.1.5:5000", "192.168.1.5 5000 typ host"),
            ("[fd00::5]:5000", "[fd00::5]:5000", "fd00::5 5000 typ host"),
            (
                "192.168.1.5:5000",
                "203.0.113.10:30000",
                "203.0.113.10 30000 typ srflx raddr 0.0.0.0 rport 9",
            ),
            ("[fd00::5]:5000", "[2001:db8::1]:6000", "2001:db8::1 6000 typ srflx raddr :: rport 9"),
        ];
        for (place, (base, address, expected)) in cases.into_iter().enumerate() {
            let candidate = candidate(base, address);
            let line = candidate_line(&candidate, place);
            let priority = priority(candidate.kind, place);
            let foundation = foundation(&candidate);
            assert_eq!(line, format!("candidate:{foundation} 1 udp {priority} {expected}"));
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
        assert_ne!(foundation(&mapped), foundation(&host));
        assert_ne!(foundation(&mapped), foundation(&other));
        assert_eq!(foundation(&mapped).len(), 8);
    }
}
