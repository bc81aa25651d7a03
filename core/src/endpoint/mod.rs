//! All viewers behind the sockets: the machine that a shell drives.
//!
//! The shell hands in datagrams, time, frames and commands; after each of them it calls
//! [`Endpoint::poll_transmit`] until `None`, then [`Endpoint::poll_event`] until `None`, and asks
//! [`Endpoint::poll_timeout`] when to come back. Sessions do their work inside `poll_transmit`:
//! while the shell cannot send, they wait, and frames that come meanwhile are lost whole.
//!
//! A datagram is routed by the address it came from, and where that is new by the ufrag of a check
//! whose integrity holds (RFC 8445 §7.3). A frame is packetized once and shared by all viewers.

mod beside;
mod buffer_watch;
mod checks;
mod commands;
mod config;
mod datagram;
mod departure;
mod diagnosis;
mod event;
mod follow;
mod histogram;
mod keyframes;
mod ledger;
mod members;
mod network;
mod patience;
mod receive;
mod recent;
mod routes;
mod send;
mod stats;
mod streams;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::time::Instant;

pub use crate::base::StreamId;
pub use crate::sdp::{CandidateError, OfferError};
pub use crate::session::{
    Certificate, CertificateError, CloseCause, Path, PathKind, SESSION_BYTES_MAX, SessionId,
    SessionState, crypto_provider, dtls,
};
pub use crate::wire::DropReason;
pub use beside::{Place, Voice};
pub use buffer_watch::{BufferNews, BufferWatch};
pub use config::{ConfigError, EndpointConfig, Limits, VideoFormat};
pub use datagram::{Datagram, Frame, FrameReport, Transmit, Transport};
pub use diagnosis::Findings;
pub use event::{Accepted, Event, TimeoutReason};
pub use histogram::Histogram;
pub use keyframes::KeyframeCause;
pub use ledger::{FrameTimes, Ledger, Stage, StageTimes};
pub use stats::{EndpointStats, SessionStats};

use crate::adapt::Target;
use crate::base::{Deadlines, SeedRng, WallClock};
use crate::gather::{Gatherer, LocalCandidate, candidate_line};
use crate::h264::{Packetizer, PayloadLimit};
use crate::session::{Input, Patience, Session, SessionSetup, Signal};
use checks::FirstChecks;
use departure::Departure;
use diagnosis::Judged;
use follow::Follower;
use keyframes::Keyframes;
use members::Members;
use patience::WaitingRoom;
use recent::Recent;
use routes::Routes;
use streams::Streams;

/// Payload bytes of an RTP packet: with header (12), header extensions (4 for their own header, 4
/// playout-delay, 3 transport-wide sequence number, 9 capture time), RTX's two bytes and the SRTP tag
/// (16) a datagram has 1200 bytes at most, which passes every path that carries WebRTC, and 1236
/// inside a TURN Send indication.
const PAYLOAD_BYTES_MAX: usize = 1_150;

/// All viewers behind the sockets.
pub struct Endpoint {
    setup: SessionSetup,
    limits: Limits,
    wall_clock: WallClock,
    rng: SeedRng,
    gatherer: Gatherer,
    candidate_lines: Vec<String>,
    sessions: Members,
    next_id: u64,
    /// From one id to the next: one, unless others stand beside.
    id_step: u64,
    routes: Routes,
    checks: FirstChecks,
    streams: Streams,
    waiting: WaitingRoom,
    follower: Follower,
    departure: Departure,
    /// Whom our sockets sent to, as far as a NAT counts them: see [`Gatherer::predicted`].
    destinations: BTreeSet<SocketAddr>,
    /// Sessions that may have something to send, in the order in which they were touched.
    ready: VecDeque<SessionId>,
    deadlines: Deadlines<Key>,
    keyframes: Keyframes,
    recent: Recent,
    /// What the encoder should make; without the estimator nobody says.
    target: Option<Target>,
    packetizer: Packetizer,
    /// When the RTP clock stood at `rtp_offset`.
    rtp_epoch: Instant,
    rtp_offset: u32,
    events: VecDeque<Event>,
    stats: EndpointStats,
    ledger: Ledger,
    findings: Findings,
    probes_expected: Vec<String>,
    judged: BTreeMap<SessionId, Judged>,
    /// Our sockets that viewers outside reached, and from where.
    proved: BTreeMap<SocketAddr, SocketAddr>,
    /// When the latest frame was handed in.
    frame_at: Option<Instant>,
    /// When each session may have fallen silent at the soonest.
    watched: Deadlines<SessionId>,
    /// What a session had to say while it was polled, kept for its capacity.
    signals: Vec<Signal>,
}

/// Whose deadline it is; orders ties.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Keyframe,
    Adapt,
    Gather,
    Streams,
    Watch,
    Waiting(SessionId),
    Session(SessionId),
    Patience(SessionId),
    Diagnosis(SessionId),
}

impl Endpoint {
    /// Room that [`Endpoint::poll_transmit`] needs, in bytes: one run.
    pub const TRANSMIT_BYTES_MAX: usize = 65_000;

    /// Makes an endpoint without viewers.
    pub fn new(now: Instant, config: EndpointConfig) -> Result<Endpoint, ConfigError> {
        if config.gather.bases.is_empty() {
            return Err(ConfigError::NoBase);
        }
        if let Some(base) = config.gather.bases.iter().find(|base| base.ip().is_unspecified()) {
            return Err(ConfigError::Unspecified(*base));
        }
        let mut rng = config.seed.rng();
        let gatherer = Gatherer::new(now, config.gather, config.wall_clock, rng.child());
        let limit = PayloadLimit::new(PAYLOAD_BYTES_MAX).expect("1150 is a valid payload limit");
        let patience = Patience {
            to_connect: config.limits.connect_timeout,
            to_come_back: config.limits.recovery_timeout,
        };
        let mut endpoint = Endpoint {
            setup: SessionSetup {
                certificate: config.certificate,
                locals: Vec::new(),
                format: config.video.profile_level_id,
                patience,
                estimator: config.estimator,
                retransmit_for: config.limits.retransmit_for,
                wall_clock: config.wall_clock,
            },
            limits: config.limits,
            wall_clock: config.wall_clock,
            candidate_lines: candidate_lines(gatherer.candidates()),
            gatherer,
            sessions: Members::default(),
            next_id: 0,
            id_step: 1,
            routes: Routes::default(),
            checks: FirstChecks::default(),
            streams: Streams::default(),
            waiting: WaitingRoom::new(),
            follower: Follower::default(),
            departure: Departure::default(),
            destinations: BTreeSet::new(),
            ready: VecDeque::new(),
            deadlines: Deadlines::new(),
            keyframes: Keyframes::new(),
            recent: Recent::default(),
            target: config.estimator.map(|it| Target::new(config.limits.bitrate_floor, it)),
            packetizer: Packetizer::new(limit),
            rtp_epoch: now,
            // RFC 3550 §5.1 wants the first timestamp to be random.
            rtp_offset: rng.u32(),
            rng,
            events: VecDeque::new(),
            stats: EndpointStats::default(),
            ledger: Ledger::default(),
            findings: Findings::default(),
            probes_expected: Vec::new(),
            judged: BTreeMap::new(),
            proved: BTreeMap::new(),
            frame_at: None,
            watched: Deadlines::new(),
            signals: Vec::new(),
        };
        endpoint.setup.locals = endpoint.locals();
        endpoint.after_gathering(now);
        Ok(endpoint)
    }

    /// Fires what is due. Calling it early or late is harmless; call it at [`Self::poll_timeout`].
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some(key) = self.deadlines.pop_due(now) {
            self.sessions.on_fired(key);
            match key {
                Key::Keyframe => {
                    let needed = self.sessions.lacks_picture(now);
                    self.on_keyframe_due(now, needed);
                }
                Key::Gather => {
                    self.gatherer.handle_timeout(now);
                    self.after_gathering(now);
                }
                Key::Adapt => self.adapt(now),
                Key::Streams => self.close_unproved_streams(now),
                Key::Waiting(id) => self.end_waiting(now, id),
                Key::Watch => self.watch_paths(now),
                Key::Session(id) => {
                    self.with_session(id, |session| session.handle_timeout(now));
                }
                Key::Patience(id) => {
                    self.on_session_input(now, id, Input::Timeout);
                }
                Key::Diagnosis(id) => self.judge_again(now, id),
            }
        }
    }

    /// The next event. Call until `None` after each input, after [`Self::poll_transmit`].
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// When [`Self::handle_timeout`] is due, and why. It may be in the past: then at once.
    pub fn poll_timeout(&self) -> Option<(Instant, TimeoutReason)> {
        let (at, key) = self.deadlines.earliest()?;
        let reason = match key {
            Key::Keyframe => TimeoutReason::Keyframe,
            Key::Gather | Key::Watch => TimeoutReason::Gather,
            Key::Adapt | Key::Streams | Key::Waiting(_) | Key::Session(_) => TimeoutReason::Session,
            Key::Patience(_) => TimeoutReason::Connect,
            Key::Diagnosis(_) => TimeoutReason::Diagnosis,
        };
        Some((at, reason))
    }

    /// The RTP timestamp (90 kHz, wrapping) that a frame captured at `at` carries.
    pub fn rtp_time(&self, at: Instant) -> u32 {
        let ticks = |span: std::time::Duration| (span.as_nanos() * 9 / 100_000) as u32;
        match at.checked_duration_since(self.rtp_epoch) {
            Some(later) => self.rtp_offset.wrapping_add(ticks(later)),
            None => {
                let earlier = self.rtp_epoch.saturating_duration_since(at);
                self.rtp_offset.wrapping_sub(ticks(earlier))
            }
        }
    }

    /// Counters since the start, and gauges of now.
    pub fn stats(&self) -> EndpointStats {
        let mut stats = self.stats.clone();
        stats.bitrate_target = self.target.as_ref().map(Target::bitrate);
        [stats.connecting, stats.connected, stats.interrupted] = self.sessions.counts();
        stats
    }

    /// Whether nobody watches, or did until a moment ago: then nothing need be encoded. Who only
    /// connects does not watch yet: its first picture is an IDR made for it, and one that is made
    /// before reaches nobody and makes it wait for the next.
    pub fn is_idle(&self) -> bool {
        let [_, connected, interrupted] = self.sessions.counts();
        connected + interrupted == 0
    }

    /// Does something with a session, and notes that it may have output now.
    fn with_session<T>(
        &mut self,
        id: SessionId,
        action: impl FnOnce(&mut Session) -> T,
    ) -> Option<T> {
        let session = self.sessions.get_mut(&id)?;
        let was_drained = session.is_drained();
        let result = action(session);
        if was_drained && !session.is_drained() {
            self.ready.push_back(id);
        }
        self.sessions.note(id, &mut self.deadlines);
        Some(result)
    }

    /// Gives a session's life an input, and tells if that changed its state.
    fn on_session_input(&mut self, now: Instant, id: SessionId, input: Input) -> bool {
        let state = self.with_session(id, |session| session.on(now, input)).flatten();
        state.map(|state| self.on_signal(now, id, Signal::State(state))).is_some()
    }

    fn on_signal(&mut self, now: Instant, id: SessionId, signal: Signal) {
        match signal {
            Signal::State(state) => {
                if let SessionState::Closed(cause) = state {
                    *self.stats.closed_total.entry(cause).or_default() += 1;
                    // Said before its end, because nothing is said of a session after that.
                    self.judge(now, id);
                }
                self.events.push_back(Event::Session { id, state });
                match state {
                    SessionState::Connected => {
                        self.begin_picture(now, id);
                        self.watch(now, id);
                    }
                    SessionState::Interrupted => {
                        self.judge(now, id);
                        self.events.push_back(Event::RestartWanted { id });
                        self.gatherer.suspect(now);
                        self.after_gathering(now);
                    }
                    SessionState::Connecting | SessionState::Closed(_) => {}
                }
                // Whoever waits for a connection that takes no more must still be able to end.
                if state != SessionState::Connected && self.streams.unpark(id) {
                    self.ready.push_back(id);
                }
            }
            Signal::KeyframeRequested { needed } => {
                self.stats.keyframe_requests_total += 1;
                if needed {
                    self.need_keyframe(now, KeyframeCause::Requested);
                }
            }
            Signal::Nacks(count) => self.stats.nacks_total += count,
            // What went by the old path may be lost, and browsers take three seconds to say so.
            Signal::PathChanged => {
                self.watched.set(id, Some(now));
                self.need_keyframe(now, KeyframeCause::PathChanged);
            }
            Signal::PacketsGivenUp => {
                self.watched.set(id, Some(now));
                self.need_keyframe(now, KeyframeCause::GivenUp);
            }
            Signal::Acknowledged(took) => self.ledger.on_acknowledged(took),
            Signal::PathEstimated => self.deadlines.set(Key::Adapt, Some(now)),
        }
    }

    /// Tells the encoder what the viewers' paths take, where that changed.
    fn adapt(&mut self, now: Instant) {
        let Endpoint { target, sessions, .. } = self;
        let bitrate = target.as_mut().and_then(|it| it.on_paths(now, sessions.rates()));
        let event = bitrate.map(|bits_per_second| Event::BitrateTarget { bits_per_second });
        self.events.extend(event);
        let postponed = target.as_ref().and_then(Target::deadline);
        self.deadlines.set(Key::Adapt, postponed);
    }

    fn drop_datagram(&mut self, reason: DropReason, from: impl std::fmt::Debug) {
        tracing::trace!(?reason, ?from, "datagram dropped");
        *self.stats.dropped_total.entry(reason).or_default() += 1;
    }
}

fn is_alive(session: &Session) -> bool {
    !matches!(session.state(), SessionState::Closed(_))
}

/// The candidates as an answer carries them, the best first.
fn candidate_lines(candidates: &[LocalCandidate]) -> Vec<String> {
    let lines = candidates.iter().enumerate();
    lines.map(|(index, candidate)| candidate_line(candidate, index)).collect()
}
