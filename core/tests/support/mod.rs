//! A viewer in memory: str0m's other side, under the test's clock, joined to an endpoint by a
//! network that the test controls.

#![allow(dead_code, unreachable_pub, missing_docs, reason = "each test file uses its part")]

mod link;
mod viewer;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use pinhole_core::gather::GatherConfig;
use pinhole_core::{
    Accepted, Certificate, Datagram, Endpoint, EndpointConfig, Event, Frame, FrameReport, Limits,
    Seed, SessionId, SessionState, StreamId, Transmit, Transport, VideoFormat, WallClock,
};

pub use link::Link;
pub use viewer::Viewer;

/// The server's socket.
pub const SERVER: &str = "192.0.2.1:5000";
/// Where it takes connections, in the tests in which it does.
pub const TCP_SERVER: &str = "192.0.2.1:8080";

/// The test's own clock: it starts somewhere and moves when told.
#[expect(clippy::disallowed_methods, reason = "one moment to count from")]
pub fn start() -> Instant {
    Instant::now()
}

pub fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

pub fn config(now: Instant) -> EndpointConfig {
    let base = address(SERVER);
    EndpointConfig {
        seed: Seed::new([42; 32]),
        wall_clock: WallClock { unix: Duration::from_secs(1_800_000_000), at: now },
        certificate: Certificate::generate().unwrap(),
        gather: GatherConfig::lan(vec![base]),
        video: VideoFormat { profile_level_id: "42c01f".parse().unwrap() },
        limits: Limits { sessions: 8, ..Limits::default() },
        estimator: None,
    }
}

/// A frame as an encoder makes it; small ones fit one packet.
pub fn frame_bytes(keyframe: bool, bytes: usize) -> Vec<u8> {
    let mut data = Vec::new();
    if keyframe {
        data.extend_from_slice(&[0, 0, 0, 1, 0x67, 0x42, 0xc0, 0x1f, 0xda, 0x01, 0x40, 0x16]);
        data.extend_from_slice(&[0, 0, 0, 1, 0x68, 0xce, 0x3c, 0x80]);
    }
    data.extend_from_slice(&[0, 0, 0, 1, if keyframe { 0x65 } else { 0x41 }]);
    data.extend((0..bytes).map(|index| (index % 250) as u8 + 1));
    data
}

/// What happens to a datagram on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    Pass,
    Lose,
}

/// Whether a datagram is lost.
pub type Loses = Box<dyn FnMut(&[u8]) -> bool>;

/// An endpoint and its viewers, in memory.
pub struct World {
    pub now: Instant,
    pub endpoint: Endpoint,
    pub viewers: Vec<Viewer>,
    pub events: Vec<Event>,
    /// Every transmit, with its bytes.
    pub sent: Vec<(Transmit, Vec<u8>)>,
    /// Decides over each datagram: true for those to a viewer, and its index.
    pub network: Box<dyn FnMut(bool, usize) -> Fate>,
    /// Datagrams to the server that are lost for what they are.
    pub lost_upward: Option<Loses>,
    /// Longer datagrams are lost in silence, in both directions.
    pub mtu: usize,
    /// While false the shell cannot send.
    pub writable: bool,
    /// The link of one viewer, which would else be as fast as it likes.
    pub link: Option<Link>,
    /// Where datagrams to the server really arrive: a relay on its machine delivers them from
    /// loopback, say, and carries replies back only from the address that it sent to.
    pub hit: Option<SocketAddr>,
}

impl World {
    pub fn new() -> World {
        let now = start();
        World::with(now, config(now))
    }

    /// One whose endpoint estimates paths, where it is given the most that the stream takes.
    pub fn estimated(estimator: Option<u64>) -> World {
        let now = start();
        World::with(now, EndpointConfig { estimator, ..config(now) })
    }

    pub fn with(now: Instant, config: EndpointConfig) -> World {
        World {
            now,
            endpoint: Endpoint::new(now, config).unwrap(),
            viewers: Vec::new(),
            events: Vec::new(),
            sent: Vec::new(),
            network: Box::new(|_, _| Fate::Pass),
            lost_upward: None,
            mtu: usize::MAX,
            writable: true,
            link: None,
            hit: None,
        }
    }

    /// The states that sessions were told to have reached, in order.
    pub fn states(&self) -> Vec<SessionState> {
        let state = |event: &Event| match event {
            Event::Session { state, .. } => Some(*state),
            _ => None,
        };
        self.events.iter().filter_map(state).collect()
    }

    /// How often the encoder was asked for an IDR.
    pub fn keyframes_wanted(&self) -> usize {
        self.events.iter().filter(|event| **event == Event::KeyframeWanted).count()
    }

    /// Adds a viewer and lets it offer.
    pub fn join(&mut self, at: &str, told: bool) -> (usize, SessionId) {
        self.admit(Viewer::new(self.now, at, told))
    }

    /// Adds a viewer that was made already.
    pub fn admit(&mut self, mut viewer: Viewer) -> (usize, SessionId) {
        let Accepted { session, answer } =
            self.endpoint.accept_offer(self.now, &viewer.offer).unwrap();
        viewer.accept(&answer);
        self.viewers.push(viewer);
        (self.viewers.len() - 1, session)
    }

    /// Adds a viewer that connects by TCP.
    pub fn join_tcp(&mut self, at: &str) -> (usize, SessionId) {
        let mut viewer = Viewer::over_tcp(self.now, at);
        let Accepted { session, answer } =
            self.endpoint.accept_offer(self.now, &viewer.offer).unwrap();
        viewer.accept(&answer);
        let stream =
            self.endpoint.accept_stream(self.now, address(TCP_SERVER), address(at)).unwrap();
        viewer.stream = Some(stream);
        self.viewers.push(viewer);
        (self.viewers.len() - 1, session)
    }

    pub fn frame(&mut self, keyframe: bool, bytes: usize) -> FrameReport {
        let data = frame_bytes(keyframe, bytes);
        let frame = Frame { data: &data, captured: self.now };
        let report = self.endpoint.send_frame(self.now, frame);
        self.settle();
        report
    }

    /// Moves everything that can move without time passing.
    pub fn settle(&mut self) {
        let mut buffer = vec![0; Endpoint::TRANSMIT_BYTES_MAX];
        for _ in 0..10_000 {
            let mut moved = false;
            while let Some(transmit) =
                self.writable.then(|| self.endpoint.poll_transmit(self.now, &mut buffer)).flatten()
            {
                moved = true;
                self.deliver(transmit, &buffer[..transmit.len]);
            }
            while let Some(event) = self.endpoint.poll_event() {
                self.events.push(event);
            }
            for index in 0..self.viewers.len() {
                let outgoing = std::mem::take(&mut self.viewers[index].outgoing);
                moved |= !outgoing.is_empty();
                for (destination, bytes) in outgoing {
                    self.upward(index, destination, &bytes);
                }
            }
            if !moved {
                return;
            }
        }
        panic!("the world does not settle");
    }

    pub fn deliver(&mut self, transmit: Transmit, bytes: &[u8]) {
        self.sent.push((transmit, bytes.to_vec()));
        if let Transport::Stream(stream) = transmit.transport {
            return self.deliver_stream(stream, bytes);
        }
        let Some(index) = self.viewers.iter().position(|v| v.outside == transmit.remote) else {
            return;
        };
        let source = match self.hit {
            Some(hit) if hit == transmit.local => address(SERVER),
            Some(_) => return,
            None => transmit.local,
        };
        for datagram in bytes.chunks(transmit.segment_size) {
            let is_long = datagram.len() > self.mtu;
            if is_long || (self.network)(true, index) == Fate::Lose {
                continue;
            }
            match &mut self.link {
                Some(link) if link.viewer == index => link.send_down(self.now, source, datagram),
                _ => self.viewers[index].receive(self.now, source, datagram),
            }
        }
    }

    /// RFC 4571 frames to the viewer that made this connection.
    fn deliver_stream(&mut self, stream: StreamId, mut bytes: &[u8]) {
        let index = self.viewers.iter().position(|v| v.stream == Some(stream)).unwrap();
        while let Some((len, rest)) = bytes.split_first_chunk::<2>() {
            let (frame, rest) = rest.split_at(usize::from(u16::from_be_bytes(*len)));
            self.viewers[index].receive(self.now, address(TCP_SERVER), frame);
            bytes = rest;
        }
    }

    fn arrive(&mut self) {
        let Some(mut link) = self.link.take() else { return };
        while let Some((source, bytes)) = link.poll_down(self.now) {
            self.viewers[link.viewer].receive(self.now, source, &bytes);
        }
        while let Some((destination, bytes)) = link.poll_up(self.now) {
            self.arrive_upward(link.viewer, destination, &bytes);
        }
        self.link = Some(link);
    }

    fn upward(&mut self, index: usize, destination: SocketAddr, bytes: &[u8]) {
        let is_lost = self.lost_upward.as_mut().is_some_and(|loses| loses(bytes));
        let is_long = bytes.len() > self.mtu;
        if is_lost || is_long || (self.network)(false, index) == Fate::Lose {
            return;
        }
        match &mut self.link {
            Some(link) if link.viewer == index => link.send_up(self.now, destination, bytes),
            _ => self.arrive_upward(index, destination, bytes),
        }
    }

    fn arrive_upward(&mut self, index: usize, destination: SocketAddr, bytes: &[u8]) {
        if let Some(stream) = self.viewers[index].stream {
            let mut frame = u16::try_from(bytes.len()).unwrap().to_be_bytes().to_vec();
            frame.extend_from_slice(bytes);
            // In two pieces: a stream has no message borders.
            let (one, other) = frame.split_at(frame.len() / 2);
            self.endpoint.handle_stream_data(self.now, stream, one);
            self.endpoint.handle_stream_data(self.now, stream, other);
            return;
        }
        let remote = self.viewers[index].outside;
        let local = self.hit.unwrap_or(destination);
        let datagram = Datagram { local, remote, transport: Transport::Udp, payload: bytes };
        self.endpoint.handle_datagram(self.now, datagram);
    }

    /// What a viewer is about to send.
    pub fn overheard(&mut self, viewer: usize) -> Vec<(SocketAddr, Vec<u8>)> {
        self.viewers[viewer].timeout(self.now);
        self.viewers[viewer].outgoing.clone()
    }

    /// Lets time pass, a millisecond at a time.
    pub fn run(&mut self, time: Duration) {
        let until = self.now + time;
        while self.now < until {
            self.now += Duration::from_millis(1);
            if self.endpoint.poll_timeout().is_some_and(|(at, _)| at <= self.now) {
                self.endpoint.handle_timeout(self.now);
            }
            self.arrive();
            for viewer in &mut self.viewers {
                viewer.timeout(self.now);
            }
            self.settle();
        }
    }

    pub fn run_ms(&mut self, ms: u64) {
        self.run(Duration::from_millis(ms));
    }
}
