//! All viewers behind the sockets: stub with the final signatures.
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::base::{Seed, WallClock};
use crate::gather::LocalCandidate;
use crate::h264::ProfileLevelId;

/// Names one viewer's session for the life of an endpoint; never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId(pub(crate) u64);

/// How a datagram travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Transport {
    /// Plain UDP.
    Udp,
}

/// One datagram as it came from a socket.
#[derive(Debug, Clone, Copy)]
pub struct Datagram<'a> {
    /// The address it was sent to (pktinfo), with the socket's port. May be one we do not offer (loopback, say).
    pub local: SocketAddr,
    /// The address it came from.
    pub remote: SocketAddr,
    /// How it came.
    pub transport: Transport,
    /// Its bytes.
    pub payload: &'a [u8],
}

/// Datagrams to send: a run of equal-sized ones (the last may be shorter) to one address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Transmit {
    /// The address to send from.
    pub local: SocketAddr,
    /// The address to send to.
    pub remote: SocketAddr,
    /// How to send.
    pub transport: Transport,
    /// Bytes per datagram. Equal to `len` when there is one.
    pub segment_size: usize,
    /// Bytes in the caller's buffer, all datagrams together.
    pub len: usize,
}

/// The DTLS certificate that all sessions of an endpoint share.
#[derive(Clone)]
pub struct Certificate {}

impl Certificate {
    /// Makes a self-signed ECDSA P-256 certificate. Takes about a millisecond, and its randomness from the crypto
    /// library: the one thing here that the seed does not decide.
    pub fn generate() -> Result<Certificate, CertificateError> {
        unimplemented!()
    }
}

/// The crypto library failed.
#[derive(Debug, thiserror::Error)]
#[error("the crypto library cannot make a DTLS certificate")]
pub struct CertificateError;

/// What is sent, as far as SDP says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VideoFormat {
    /// Profile and level of the stream.
    pub profile_level_id: ProfileLevelId,
}

/// Bounds, each with what happens there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Sessions at once; the next offer is refused with [`OfferError::TooManyViewers`].
    pub sessions: usize,
    /// How long a session may take to connect, or to come back after its path broke, before it is closed.
    pub connect_timeout: Duration,
    /// Bytes of an SDP; a longer one is refused.
    pub sdp_bytes: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { sessions: 64, connect_timeout: Duration::from_secs(20), sdp_bytes: 64 * 1024 }
    }
}

/// All that an endpoint is made of.
#[derive(Clone)]
pub struct EndpointConfig {
    /// Secret randomness.
    pub seed: Seed,
    /// The wall clock.
    pub wall_clock: WallClock,
    /// Shared by all sessions.
    pub certificate: Certificate,
    /// The addresses of our sockets, none of them unspecified.
    pub bases: Vec<SocketAddr>,
    /// What viewers are told, best first.
    pub candidates: Vec<LocalCandidate>,
    /// What is sent.
    pub video: VideoFormat,
    /// Bounds.
    pub limits: Limits,
}

/// An accepted offer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    /// The new session.
    pub session: SessionId,
    /// The SDP answer, with CRLF line ends and all our candidates.
    pub answer: String,
}

/// Why an offer is refused. The text says what is wrong and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OfferError {
    /// The limit of sessions is reached.
    #[error("all {0} viewer places are taken; try again later")]
    TooManyViewers(usize),
    /// No such session.
    #[error("there is no such session; make a new offer")]
    NoSession,
    /// Not SDP, and where.
    #[error("the offer is not valid SDP: {0}")]
    NotSdp(String),
    /// Longer than the limit.
    #[error("the offer has {0} bytes; at most {1} are taken")]
    TooLong(usize, usize),
    /// No m-line at all.
    #[error(
        "the offer has no m-line; add a transceiver: pc.addTransceiver('video', {{direction: 'recvonly'}})"
    )]
    NoMedia,
    /// No video that could be received.
    #[error(
        "the offer has no video m-line that receives; add pc.addTransceiver('video', {{direction: 'recvonly'}})"
    )]
    NoVideo,
    /// Video without H.264.
    #[error("the offer has no H.264 with packetization-mode=1; it offers {0}")]
    NoH264(String),
    /// Something that every WebRTC offer must have is missing.
    #[error("the offer lacks {0}")]
    Missing(&'static str),
    /// The session layer refused it.
    #[error("the offer cannot be used: {0}")]
    Refused(String),
}

/// Why a candidate is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CandidateError {
    /// No such session.
    #[error("there is no such session")]
    NoSession,
    /// Not a candidate.
    #[error("not an ICE candidate: {0}")]
    NotACandidate(String),
    /// The limit of candidates of a session is reached.
    #[error("the session has {0} candidates already, as many as it may have")]
    TooMany(usize),
}

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

/// One access unit to send.
#[derive(Debug, Clone, Copy)]
pub struct Frame<'a> {
    /// Annex B, one access unit.
    pub data: &'a [u8],
    /// When it was captured: decides its RTP timestamp.
    pub captured: Instant,
}

/// What became of a frame.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FrameReport {
    /// RTP packets it was cut into.
    pub packets: usize,
    /// Viewers it was sent to.
    pub viewers: usize,
    /// Connected viewers that lost it whole: too slow, or waiting for an IDR.
    pub skipped: usize,
    /// Whether it holds an IDR picture.
    pub keyframe: bool,
}

/// Counters of an endpoint since its start, and gauges of now.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EndpointStats {
    /// Sessions by state: connecting, connected, interrupted.
    pub connecting: usize,
    /// Connected sessions.
    pub connected: usize,
    /// Interrupted sessions.
    pub interrupted: usize,
    /// Offers accepted.
    pub sessions_total: u64,
    /// Sessions ended, by cause.
    pub closed_total: std::collections::BTreeMap<CloseCause, u64>,
    /// Datagrams dropped, by reason.
    pub dropped_total: std::collections::BTreeMap<DropReason, u64>,
    /// Datagrams received.
    pub datagrams_received_total: u64,
    /// Datagrams handed out for sending.
    pub datagrams_sent_total: u64,
    /// Their bytes.
    pub bytes_sent_total: u64,
    /// Frames handed in.
    pub frames_total: u64,
    /// Keyframes handed in.
    pub keyframes_total: u64,
    /// Frames that a viewer lost whole, over all viewers.
    pub frames_skipped_total: u64,
    /// PLI and FIR received from viewers.
    pub keyframe_requests_total: u64,
    /// NACKed packets sent again.
    pub nacks_total: u64,
}

/// One session, seen from outside.
#[derive(Debug, Clone, PartialEq)]
pub struct SessionStats {
    /// Which.
    pub id: SessionId,
    /// State.
    pub state: SessionState,
    /// Where its packets go now.
    pub remote: Option<SocketAddr>,
    /// Round trip.
    pub rtt: Option<Duration>,
    /// Fraction of packets that the viewer reports lost, 0..=1.
    pub loss: Option<f32>,
    /// Frames sent to it.
    pub frames: u64,
    /// Frames it lost whole.
    pub frames_skipped: u64,
}

/// Why an endpoint cannot be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// No socket.
    #[error("an endpoint needs at least one local address")]
    NoBase,
    /// 0.0.0.0 or [::].
    #[error("{0} is no address that a datagram can be sent to; give each interface's own address")]
    Unspecified(SocketAddr),
}

/// All viewers behind the sockets.
pub struct Endpoint {}

impl Endpoint {
    /// Makes an endpoint.
    pub fn new(_now: Instant, _config: EndpointConfig) -> Result<Endpoint, ConfigError> {
        unimplemented!()
    }
    /// Takes a datagram from a socket.
    pub fn handle_datagram(&mut self, _now: Instant, _datagram: Datagram<'_>) {
        unimplemented!()
    }
    /// Fires what is due.
    pub fn handle_timeout(&mut self, _now: Instant) {
        unimplemented!()
    }
    /// Answers an SDP offer with a new session.
    pub fn accept_offer(&mut self, _now: Instant, _sdp: &str) -> Result<Accepted, OfferError> {
        unimplemented!()
    }
    /// Answers a further offer of a session: an ICE restart, or the same again. The answer is SDP.
    pub fn renegotiate(
        &mut self,
        _now: Instant,
        _id: SessionId,
        _sdp: &str,
    ) -> Result<String, OfferError> {
        unimplemented!()
    }
    /// Takes an SDP fragment (RFC 8840): new candidates, or, with new credentials, an ICE restart, for which the
    /// fragment with our new credentials and candidates is returned.
    pub fn handle_fragment(
        &mut self,
        _now: Instant,
        _id: SessionId,
        _fragment: &str,
    ) -> Result<Option<String>, OfferError> {
        unimplemented!()
    }
    /// Takes one trickled candidate; an empty string and mDNS names are accepted and ignored.
    pub fn add_candidate(
        &mut self,
        _now: Instant,
        _id: SessionId,
        _candidate: &str,
    ) -> Result<(), CandidateError> {
        unimplemented!()
    }
    /// Adds an address that became known late, and offers it to all viewers.
    pub fn add_local_candidate(&mut self, _now: Instant, _candidate: LocalCandidate) {
        unimplemented!()
    }
    /// Sends an access unit to every connected viewer.
    pub fn send_frame(&mut self, _now: Instant, _frame: Frame<'_>) -> FrameReport {
        unimplemented!()
    }
    /// Ends a session, telling the viewer (RTCP BYE, DTLS close_notify). False: there was none.
    pub fn close(&mut self, _now: Instant, _id: SessionId) -> bool {
        unimplemented!()
    }
    /// The next datagrams to send, written into `buffer`, at most [`Endpoint::TRANSMIT_BYTES_MAX`]. Call until `None`
    /// after each input; when sending would block, keep what was returned and call again only once it is sent.
    pub fn poll_transmit(&mut self, _now: Instant, _buffer: &mut [u8]) -> Option<Transmit> {
        unimplemented!()
    }
    /// The next event. Call until `None` after each input, after `poll_transmit`.
    pub fn poll_event(&mut self) -> Option<Event> {
        unimplemented!()
    }
    /// When `handle_timeout` is due, and why. May be in the past: then at once.
    pub fn poll_timeout(&self) -> Option<(Instant, TimeoutReason)> {
        unimplemented!()
    }
    /// Room that `poll_transmit` needs: one GSO run.
    pub const TRANSMIT_BYTES_MAX: usize = 65_000;
    /// The RTP timestamp (90 kHz) that a frame captured at `at` carries.
    pub fn rtp_time(&self, _at: Instant) -> u32 {
        unimplemented!()
    }
    /// Counters and gauges.
    pub fn stats(&self) -> EndpointStats {
        unimplemented!()
    }
    /// Each session, in the order of its id.
    pub fn sessions(&self) -> Vec<SessionStats> {
        unimplemented!()
    }
    /// Whether any session lives: if not, nothing needs to be encoded.
    pub fn is_idle(&self) -> bool {
        unimplemented!()
    }
}
