//! What was put into an endpoint, when, and every byte that came out.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use pinhole_core::gather::GatherConfig;
use pinhole_core::{
    Datagram, Endpoint, EndpointConfig, Frame, Limits, Seed, SessionId, Transport, VideoFormat,
    WallClock,
};
use pinhole_tests::crypto::{self, Source};

/// Turns that one input may cause.
const TURNS_MAX: usize = 100;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Input {
    Offer(String),
    Candidate(SessionId, String),
    Datagram { from: SocketAddr, bytes: Vec<u8> },
    Frame(Vec<u8>),
    Timeout,
    Close(SessionId),
}

/// One datagram.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Output {
    pub(crate) to: SocketAddr,
    pub(crate) bytes: Vec<u8>,
}

impl std::fmt::Debug for Output {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let head = &self.bytes[..self.bytes.len().min(16)];
        write!(f, "{} bytes {head:02x?}… to {}", self.bytes.len(), self.to)
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Step {
    /// When, since the trace began.
    pub(crate) at: Duration,
    pub(crate) input: Input,
    /// What the endpoint said to an offer.
    pub(crate) answer: Option<String>,
    pub(crate) outputs: Vec<Output>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Trace {
    pub(crate) seed: u64,
    pub(crate) base: SocketAddr,
    pub(crate) steps: Vec<Step>,
}

impl Trace {
    /// Puts the same in again.
    pub(crate) fn drive_core(&self) -> Trace {
        let mut core = Core::new(self.seed, self.base);
        let again = |step: &Step| core.take(step.at, step.input.clone());
        Trace { steps: self.steps.iter().map(again).collect(), ..*self }
    }

    pub(crate) fn outputs(&self) -> impl Iterator<Item = &Output> {
        self.steps.iter().flat_map(|step| &step.outputs)
    }

    pub(crate) fn datagrams_out(&self) -> usize {
        self.outputs().count()
    }

    pub(crate) fn datagrams_in(&self) -> usize {
        let is_datagram = |step: &&Step| matches!(step.input, Input::Datagram { .. });
        self.steps.iter().filter(is_datagram).count()
    }
}

/// When every trace begins: later than anything that the machine's clock says meanwhile, so that a
/// runtime does not find each deadline passed and spin.
pub(crate) fn beginning() -> Instant {
    crypto::beginning() + Duration::from_secs(3_600)
}

/// The endpoint's configuration.
pub(crate) fn config(seed: u64, base: SocketAddr) -> EndpointConfig {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_be_bytes());
    EndpointConfig {
        seed: Seed::new(bytes),
        wall_clock: WallClock { unix: pinhole_tests::world::UNIX, at: beginning() },
        certificate: crypto::endpoint_certificate(),
        gather: GatherConfig::lan(vec![base]),
        video: VideoFormat { profile_level_id: "42c01f".parse().unwrap() },
        limits: Limits::default(),
        estimator: None,
    }
}

/// The bare core, with what a runtime does around it and nothing else.
pub(crate) struct Core {
    endpoint: Endpoint,
    base: SocketAddr,
    /// That of a thread which nobody has seeded: the runtimes' are such.
    source: Source,
    buffer: Vec<u8>,
    pub(crate) sessions: Vec<SessionId>,
}

impl Core {
    pub(crate) fn new(seed: u64, base: SocketAddr) -> Core {
        crypto::install(seed);
        let endpoint = Endpoint::new(beginning(), config(seed, base)).unwrap();
        let buffer = vec![0; Endpoint::TRANSMIT_BYTES_MAX];
        Core { endpoint, base, source: Source::new(0), buffer, sessions: Vec::new() }
    }

    pub(crate) fn next_timeout(&self) -> Option<Duration> {
        self.endpoint.poll_timeout().map(|(at, _)| at.saturating_duration_since(beginning()))
    }

    pub(crate) fn take(&mut self, at: Duration, input: Input) -> Step {
        let now = beginning() + at;
        let mut source = self.source.clone();
        let (answer, outputs) = source.scope(|| {
            let answer = self.put_in(now, &input);
            (answer, self.turn(now))
        });
        self.source = source;
        Step { at, input, answer, outputs }
    }

    fn put_in(&mut self, now: Instant, input: &Input) -> Option<String> {
        match input {
            Input::Offer(sdp) => {
                let accepted = self.endpoint.accept_offer(now, sdp).unwrap();
                self.sessions.push(accepted.session);
                return Some(accepted.answer);
            }
            Input::Candidate(id, line) => {
                self.endpoint.add_candidate(now, *id, line).unwrap();
            }
            Input::Datagram { from, bytes } => {
                let (local, transport) = (self.base, Transport::Udp);
                let datagram = Datagram { local, remote: *from, transport, payload: bytes };
                self.endpoint.handle_datagram(now, datagram);
            }
            Input::Frame(data) => {
                self.endpoint.send_frame(now, Frame { data, captured: now });
            }
            Input::Timeout => {}
            Input::Close(id) => assert!(self.endpoint.close(now, *id)),
        }
        None
    }

    /// What a runtime does after an input, until nothing is due.
    fn turn(&mut self, now: Instant) -> Vec<Output> {
        let mut outputs = Vec::new();
        for _ in 0..TURNS_MAX {
            if self.endpoint.poll_timeout().is_some_and(|(at, _)| at <= now) {
                self.endpoint.handle_timeout(now);
            }
            while let Some(out) = self.endpoint.poll_transmit(now, &mut self.buffer) {
                for bytes in self.buffer[..out.len].chunks(out.segment_size) {
                    outputs.push(Output { to: out.remote, bytes: bytes.to_vec() });
                }
            }
            while self.endpoint.poll_event().is_some() {}
            if self.endpoint.poll_timeout().is_none_or(|(at, _)| at > now) {
                return outputs;
            }
        }
        panic!("the endpoint does not come to rest");
    }
}
