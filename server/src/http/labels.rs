//! What paths and candidates are called in metrics and lists.

use pinhole_core::PathKind;
use pinhole_core::gather::{CandidateKind, LocalCandidate, TurnTransport};
use pinhole_core::portmap::Protocol;

/// Every kind of path, so that each has its line from the start.
pub(super) const PATHS: [PathKind; 6] = [
    PathKind::Direct,
    PathKind::Tunnel,
    PathKind::Relay(TurnTransport::Udp),
    PathKind::Relay(TurnTransport::Tcp),
    PathKind::Relay(TurnTransport::Tls),
    PathKind::Tcp,
];

/// The name of a way in metrics and lists.
pub(super) fn path_label(kind: PathKind) -> &'static str {
    match kind {
        PathKind::Direct => "direct",
        PathKind::Tunnel => "tunnel",
        PathKind::Relay(TurnTransport::Udp) => "relay_udp",
        PathKind::Relay(TurnTransport::Tcp) => "relay_tcp",
        PathKind::Relay(TurnTransport::Tls) => "relay_tls",
        PathKind::Tcp => "tcp",
    }
}

/// Every label of [`candidate_label`].
pub(super) const CANDIDATES: [&str; 5] =
    ["host", "server_reflexive", "relayed", "tcp_host", "tcp_mapped"];

pub(super) fn candidate_label(candidate: &LocalCandidate) -> &'static str {
    match (candidate.kind, candidate.protocol) {
        (CandidateKind::Relayed(_), _) => "relayed",
        (CandidateKind::Host, Protocol::Udp) => "host",
        (CandidateKind::ServerReflexive, Protocol::Udp) => "server_reflexive",
        (CandidateKind::Host, Protocol::Tcp) => "tcp_host",
        (CandidateKind::ServerReflexive, Protocol::Tcp) => "tcp_mapped",
    }
}
