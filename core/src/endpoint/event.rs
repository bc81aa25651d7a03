//! What an endpoint tells: events, states, reasons.

use std::net::SocketAddr;

use super::StreamId;
use crate::diagnose::Diagnosis;
use crate::gather::ServerReport;
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
    /// A viewer whose path is gone, or whose server moved, would do well to restart ICE.
    RestartWanted {
        /// Whose.
        id: SessionId,
    },
    /// Open a TCP connection; tell how it went by
    /// [`Endpoint::handle_stream_connected`](super::Endpoint::handle_stream_connected) or
    /// [`Endpoint::handle_stream_closed`](super::Endpoint::handle_stream_closed).
    Connect {
        /// Its id from now on.
        stream: StreamId,
        /// Where to.
        remote: SocketAddr,
        /// Speak TLS on it, with the server of this name.
        tls: Option<String>,
    },
    /// Close a connection; nothing more is said of it.
    Disconnect {
        /// Which.
        stream: StreamId,
    },
    /// A server does not answer: its name may lead elsewhere by now. Resolve it again, and tell
    /// [`Endpoint::set_server_addresses`](super::Endpoint::set_server_addresses).
    ResolveWanted {
        /// Its place in [`GatherConfig::servers`](crate::gather::GatherConfig::servers).
        server: usize,
    },
    /// What a STUN or TURN server says, for logs and diagnosis.
    Server {
        /// Its place in [`GatherConfig::servers`](crate::gather::GatherConfig::servers).
        server: usize,
        /// What it says.
        report: ServerReport,
    },
    /// Why a session does not connect, or plays badly, or has ended; or, with `None`, that what was
    /// said of it before is over. Told when it changes.
    Diagnosed {
        /// Which.
        id: SessionId,
        /// What is wrong.
        diagnosis: Option<Box<Diagnosis>>,
    },
    /// One of the [probes](crate::stun::write_proof) that were
    /// [expected](super::Endpoint::expect_probes) came to a socket.
    Probed {
        /// The socket's address, or the one of this machine that was really hit.
        local: SocketAddr,
        /// Where it came from.
        remote: SocketAddr,
        /// Its token.
        token: String,
        /// Its place among those with this token.
        sequence: u16,
    },
    /// The encoder should make the next frame an IDR. Comes at most every 250 ms.
    KeyframeWanted,
    /// The encoder should make this much from now on: what the slowest viewer's path takes, of those
    /// above [`Limits::bitrate_floor`](super::Limits::bitrate_floor). Comes only with the estimator.
    BitrateTarget {
        /// Of access units, without what packets add.
        bits_per_second: u64,
    },
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
    /// A STUN or TURN server is to be asked, or asked again.
    Gather,
    /// A session is to be judged.
    Diagnosis,
}

/// An accepted offer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    /// The new session.
    pub session: SessionId,
    /// The SDP answer, with CRLF line ends and all our candidates.
    pub answer: String,
}
