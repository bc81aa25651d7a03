//! What the values of enumerations are called in metrics and lists.

use pinhole_core::gather::{CandidateKind, LocalCandidate, TurnTransport};
use pinhole_core::portmap::Protocol;
use pinhole_core::{CloseCause, DropReason, KeyframeCause, PathKind};

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

/// Every cause, so that each has its line from the start.
pub(super) const CAUSES: [CloseCause; 5] = [
    CloseCause::Local,
    CloseCause::Remote,
    CloseCause::NeverConnected,
    CloseCause::Vanished,
    CloseCause::Failed,
];

pub(super) fn cause_label(cause: CloseCause) -> &'static str {
    match cause {
        CloseCause::Local => "local",
        CloseCause::Remote => "remote",
        CloseCause::NeverConnected => "never_connected",
        CloseCause::Vanished => "vanished",
        CloseCause::Failed => "failed",
    }
}

/// Every reason, so that each has its line from the start.
pub(super) const REASONS: [DropReason; 8] = [
    DropReason::Unknown,
    DropReason::BadStun,
    DropReason::NoSession,
    DropReason::BadIntegrity,
    DropReason::NoRoute,
    DropReason::NoTransaction,
    DropReason::TooManyAddresses,
    DropReason::Malformed,
];

pub(super) fn reason_label(reason: DropReason) -> &'static str {
    match reason {
        DropReason::Unknown => "unknown",
        DropReason::BadStun => "bad_stun",
        DropReason::NoSession => "no_session",
        DropReason::BadIntegrity => "bad_integrity",
        DropReason::NoRoute => "no_route",
        DropReason::NoTransaction => "no_transaction",
        DropReason::TooManyAddresses => "too_many_addresses",
        DropReason::Malformed => "malformed",
    }
}

/// Every cause, so that each has its line from the start.
pub(super) const KEYFRAME_CAUSES: [KeyframeCause; 6] = [
    KeyframeCause::Joined,
    KeyframeCause::Requested,
    KeyframeCause::Skipped,
    KeyframeCause::PathChanged,
    KeyframeCause::GivenUp,
    KeyframeCause::Overdue,
];

pub(super) fn keyframe_cause_label(cause: KeyframeCause) -> &'static str {
    match cause {
        KeyframeCause::Joined => "joined",
        KeyframeCause::Requested => "requested",
        KeyframeCause::Skipped => "skipped",
        KeyframeCause::PathChanged => "path_changed",
        KeyframeCause::GivenUp => "given_up",
        KeyframeCause::Overdue => "overdue",
    }
}
