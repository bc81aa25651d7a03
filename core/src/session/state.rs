//! A session's name, and where it stands, as everybody sees it.

use std::time::Duration;

/// Names one viewer's session for the life of an endpoint; never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId(pub(crate) u64);

/// Where a session stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionState {
    /// Offer answered; waiting for checks and DTLS.
    Connecting,
    /// Media flows.
    Connected,
    /// The path broke; waiting for it, or for an ICE restart.
    Interrupted,
    /// Over.
    Closed(CloseCause),
}

/// Why a session ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CloseCause {
    /// The program closed it.
    Local,
    /// The viewer closed it (DTLS close_notify).
    Remote,
    /// No connection within the limit.
    NeverConnected,
    /// The viewer stopped answering.
    Vanished,
    /// The DTLS handshake or another part of the session failed.
    Failed,
}

impl CloseCause {
    /// Each there is.
    pub const ALL: &[CloseCause] = &[
        CloseCause::Local,
        CloseCause::Remote,
        CloseCause::NeverConnected,
        CloseCause::Vanished,
        CloseCause::Failed,
    ];

    /// Its stable name in metrics and recordings, in lower case with underscores.
    pub fn code(self) -> &'static str {
        match self {
            CloseCause::Local => "local",
            CloseCause::Remote => "remote",
            CloseCause::NeverConnected => "never_connected",
            CloseCause::Vanished => "vanished",
            CloseCause::Failed => "failed",
        }
    }
}

/// What a session tells the endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Signal {
    State(SessionState),
    /// The viewer asked for a picture that needs no other (PLI or FIR). `needed`: now, and not
    /// only later or because the request crossed one on the way.
    KeyframeRequested {
        needed: bool,
    },
    /// Packets newly reported missing.
    Nacks(u64),
    /// The viewer's packets take another path from now on.
    PathChanged,
    /// Lost packets will not be sent again: the viewer needs an IDR.
    PacketsGivenUp,
    /// Its path is thought to take something else than before.
    PathEstimated,
    /// New transport-wide feedback: the newest packet in it was sent so long before.
    Acknowledged(Duration),
}
