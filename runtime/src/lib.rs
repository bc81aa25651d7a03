//! What both runtimes share (stub with the signatures that others build on).
use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use pinhole_core::gather::LocalCandidate;
use pinhole_core::{
    CandidateError, CloseCause, EndpointConfig, EndpointStats, OfferError, SessionId, SessionState,
    SessionStats,
};
use pinhole_encoder::Media;

/// What a runtime is started with.
pub struct RuntimeConfig {
    /// The endpoint's configuration. Its `bases` and `candidates` come from [`Sockets`].
    pub endpoint: EndpointConfig,
    /// Bound sockets.
    pub sockets: Sockets,
    /// What produces access units.
    pub media: Box<dyn Media>,
}

/// UDP sockets, bound but not yet running; bound first, because the endpoint's candidates depend on them.
pub struct Sockets {}

/// Why sockets cannot be bound.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Placeholder.
    #[error("stub")]
    Stub,
}

impl Sockets {
    /// Binds one UDP port: the first free one of `ports` (`None`: any), on `address` alone or (`None`) on all
    /// interfaces, IPv4 and IPv6.
    pub fn bind(
        _address: Option<IpAddr>,
        _ports: Option<std::ops::RangeInclusive<u16>>,
    ) -> Result<Sockets, BindError> {
        unimplemented!()
    }
    /// The addresses that datagrams can arrive at: one per usable interface address (no docker or other virtual
    /// bridge, no link-local), with the bound port; loopback only where it is all there is, or asked for.
    pub fn bases(&self) -> Vec<SocketAddr> {
        unimplemented!()
    }
    /// The bound port.
    pub fn port(&self) -> u16 {
        unimplemented!()
    }
    /// What was found out about the socket, for the start-up log: "GSO up to 64 segments, GRO, receive buffer 425984".
    pub fn describe(&self) -> String {
        unimplemented!()
    }
}

/// A viewer's session, as the program that made the offer sees it.
#[derive(Debug)]
pub struct Viewer {
    /// Names the session.
    pub id: SessionId,
    /// The SDP answer.
    pub answer: String,
    /// What happens to it; bounded, the oldest kept, and `Closed` always delivered last.
    pub events: async_channel::Receiver<ViewerEvent>,
}

/// What happens to one viewer.
#[derive(Debug, Clone, PartialEq)]
pub enum ViewerEvent {
    /// Its session changed state (never `Closed`).
    State(SessionState),
    /// A candidate for the viewer.
    Candidate {
        /// `candidate:…`
        candidate: String,
        /// The `a=mid` it belongs to.
        mid: String,
    },
    /// It ended; nothing follows.
    Closed(CloseCause),
}

/// Why a command failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HandleError<E> {
    /// The command queue is full: the server is overloaded.
    #[error("the server is busy; try again")]
    Busy,
    /// The runtime has ended.
    #[error("the server is shutting down")]
    Gone,
    /// The core refused it.
    #[error(transparent)]
    Refused(#[from] E),
}

/// Never: for commands that the core cannot refuse.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Never {}

/// A snapshot for metrics.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// The endpoint's counters.
    pub endpoint: EndpointStats,
    /// The runtime's own.
    pub runtime: RuntimeStats,
    /// Each session.
    pub sessions: Vec<SessionStats>,
}

/// Counters of the loop and its socket.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RuntimeStats {
    /// Turns of the loop.
    pub turns: u64,
    /// Send system calls.
    pub sends: u64,
    /// Sends that would have blocked, and were kept.
    pub sends_blocked: u64,
    /// Sends that failed and were dropped.
    pub send_errors: u64,
    /// Receive system calls that returned something.
    pub receives: u64,
}

/// Maps RTP timestamps to moments: `rtp_time` was captured at `at`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RtpClock {
    /// 90 kHz.
    pub rtp_time: u32,
    /// The moment.
    pub at: Instant,
}

/// Speaks with a runtime from any thread and any executor: all futures here are woken by the runtime's own thread.
#[derive(Clone)]
pub struct Handle {}

impl Handle {
    /// Answers an offer with a new session.
    pub async fn accept_offer(&self, _sdp: String) -> Result<Viewer, HandleError<OfferError>> {
        unimplemented!()
    }
    /// Answers a further offer of a session (ICE restart).
    pub async fn renegotiate(
        &self,
        _id: SessionId,
        _sdp: String,
    ) -> Result<String, HandleError<OfferError>> {
        unimplemented!()
    }
    /// Takes an SDP fragment of WHEP's PATCH.
    pub async fn handle_fragment(
        &self,
        _id: SessionId,
        _fragment: String,
    ) -> Result<Option<String>, HandleError<OfferError>> {
        unimplemented!()
    }
    /// Takes one trickled candidate.
    pub async fn add_candidate(
        &self,
        _id: SessionId,
        _candidate: String,
    ) -> Result<(), HandleError<CandidateError>> {
        unimplemented!()
    }
    /// Offers a late address to all viewers.
    pub async fn add_local_candidate(
        &self,
        _candidate: LocalCandidate,
    ) -> Result<(), HandleError<Never>> {
        unimplemented!()
    }
    /// Ends a session. False: there was none.
    pub async fn close(&self, _id: SessionId) -> Result<bool, HandleError<Never>> {
        unimplemented!()
    }
    /// Counters now.
    pub async fn snapshot(&self) -> Result<Snapshot, HandleError<Never>> {
        unimplemented!()
    }
    /// The RTP clock now.
    pub async fn rtp_clock(&self) -> Result<RtpClock, HandleError<Never>> {
        unimplemented!()
    }
    /// Ends all sessions, telling the viewers, then the loop. Comes back when the thread is about to end.
    pub async fn shut_down(&self) -> Result<(), HandleError<Never>> {
        unimplemented!()
    }
    /// Waits for the stream's next event ([`pinhole_encoder::MediaEvent`]); `None` once the runtime has ended.
    pub async fn media_event(&self) -> Option<pinhole_encoder::MediaEvent> {
        unimplemented!()
    }
}

/// A runtime at work on its own thread.
pub struct Running {
    /// Speaks with it.
    pub handle: Handle,
    /// Its thread, which ends after [`Handle::shut_down`].
    pub thread: std::thread::JoinHandle<Result<(), RuntimeError>>,
}

/// Why a runtime ended by itself, or could not start.
#[derive(Debug, thiserror::Error)]
pub enum RuntimeError {
    /// The endpoint's configuration is refused.
    #[error(transparent)]
    Config(#[from] pinhole_core::ConfigError),
    /// The operating system refused something.
    #[error("{what}: {error}")]
    Io {
        /// What was tried.
        what: &'static str,
        /// What the system said.
        error: std::io::Error,
    },
}
