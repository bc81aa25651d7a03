//! What an endpoint tells: events, states, reasons.

use crate::session::{SessionId, SessionState};

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

/// An accepted offer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    /// The new session.
    pub session: SessionId,
    /// The SDP answer, with CRLF line ends and all our candidates.
    pub answer: String,
}
