//! What an endpoint tells: events, states, reasons.

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

/// What happened. Drain after each input.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// A session changed state.
    Session {
        /// Which.
        id: SessionId,
        /// Its new state.
        state: SessionState,
    },
    /// A candidate to send to the viewer (late ones; those known at the time stand in the answer): the value of
    /// `a=candidate`, beginning with `candidate:`.
    Candidate {
        /// Whose.
        id: SessionId,
        /// The candidate line.
        candidate: String,
        /// The `a=mid` it belongs to.
        mid: String,
    },
    /// The encoder should make the next frame an IDR. Comes at most every 250 ms.
    KeyframeWanted,
}

/// Why the endpoint wants to be woken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TimeoutReason {
    /// A session's own timer: ICE, DTLS, RTCP, retransmission.
    Session,
    /// A session's time to connect is over.
    Connect,
    /// A merged keyframe request is due.
    Keyframe,
}

/// Why a datagram was dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DropReason {
    /// Neither STUN, DTLS, RTP nor RTCP by its first byte.
    Unknown,
    /// STUN that does not parse.
    BadStun,
    /// STUN for a ufrag of no session.
    NoSession,
    /// STUN whose integrity does not verify.
    BadIntegrity,
    /// DTLS, RTP or RTCP from an address of no session.
    NoRoute,
    /// A session found it malformed.
    Malformed,
}
