//! A viewer in memory: str0m's other side, under the test's clock, joined to an endpoint by a
//! network that the test controls.

#![allow(dead_code, unreachable_pub, missing_docs, reason = "each test file uses its part")]

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use pinhole_core::gather::GatherConfig;
use pinhole_core::{
    Accepted, Certificate, Datagram, Endpoint, EndpointConfig, Event, Frame, FrameReport, Limits,
    Seed, SessionId, SessionState, StreamId, Transmit, Transport, VideoFormat, WallClock,
};
use str0m::change::{SdpAnswer, SdpOffer, SdpPendingOffer};
use str0m::media::{Direction, KeyframeRequestKind, MediaKind, Mid};
use str0m::net::{Protocol, Receive, TcpType};
use str0m::{Candidate, Input, Output, Rtc, RtcConfig};

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

/// One viewer.
pub struct Viewer {
    pub rtc: Rtc,
    pub address: SocketAddr,
    /// Where its datagrams seem to come from: what its NAT makes of it.
    pub outside: SocketAddr,
    /// The connection that it made, if it goes over TCP.
    pub stream: Option<StreamId>,
    pub mid: Mid,
    pending: Option<SdpPendingOffer>,
    pub offer: String,
    server_ufrag: String,
    pub connected: bool,
    pub closed: bool,
    /// Access units received: RTP time, whether contiguous, bytes, whether with an IDR.
    pub frames: Vec<ReceivedFrame>,
    wake: Instant,
    outgoing: Vec<(SocketAddr, Vec<u8>)>,
}

pub struct ReceivedFrame {
    pub rtp_time: u64,
    pub contiguous: bool,
    pub data: Vec<u8>,
    pub keyframe: bool,
}

impl Viewer {
    /// `told`: whether its candidate stands in the offer; if not, it is seen as peer-reflexive.
    pub fn new(now: Instant, at: &str, told: bool) -> Viewer {
        let mut rtc = RtcConfig::new().clear_codecs().enable_h264(true).build(now);
        let address = address(at);
        if told {
            rtc.add_local_candidate(Candidate::host(address, "udp").unwrap());
        }
        let mut api = rtc.sdp_api();
        let mid = api.add_media(MediaKind::Video, Direction::RecvOnly, None, None, None);
        let (offer, pending) = api.apply().unwrap();
        if !told {
            rtc.add_local_candidate(Candidate::host(address, "udp").unwrap());
        }
        Viewer {
            rtc,
            address,
            outside: address,
            stream: None,
            mid,
            pending: Some(pending),
            offer: offer.to_sdp_string(),
            server_ufrag: String::new(),
            connected: false,
            closed: false,
            frames: Vec::new(),
            wake: now,
            outgoing: Vec::new(),
        }
    }

    /// A viewer that goes over TCP only.
    pub fn over_tcp(now: Instant, at: &str) -> Viewer {
        let mut viewer = Viewer::new(now, at, false);
        let active = Candidate::builder().tcp().host(address(at)).tcptype(TcpType::Active);
        let udp = Candidate::host(address(at), "udp").unwrap();
        viewer.rtc.direct_api().invalidate_candidate(&udp);
        viewer.rtc.add_local_candidate(active.build().unwrap());
        viewer
    }

    pub fn accept(&mut self, answer: &str) {
        let mut ufrag = answer.lines().filter_map(|line| line.strip_prefix("a=ice-ufrag:"));
        self.server_ufrag = ufrag.next().unwrap().to_owned();
        let answer = SdpAnswer::from_sdp_string(answer).unwrap();
        let pending = self.pending.take().unwrap();
        self.rtc.sdp_api().accept_answer(pending, answer).unwrap();
        self.drain();
    }

    pub fn server_ufrag(&self) -> String {
        self.server_ufrag.clone()
    }

    /// A new offer with new ICE credentials.
    pub fn restart_offer(&mut self) -> String {
        let mut api = self.rtc.sdp_api();
        api.ice_restart(true);
        let (offer, pending): (SdpOffer, _) = api.apply().unwrap();
        self.pending = Some(pending);
        offer.to_sdp_string()
    }

    pub fn ask_for_keyframe(&mut self) {
        let kind = KeyframeRequestKind::Pli;
        let mut api = self.rtc.direct_api();
        let stream = api.stream_rx_by_mid(self.mid, None).unwrap();
        stream.request_keyframe(kind);
        self.drain();
    }

    /// Runs on a real socket until `done`, or `until`.
    #[expect(clippy::disallowed_methods, clippy::disallowed_types, reason = "a shell")]
    pub fn run_on(
        &mut self,
        socket: &std::net::UdpSocket,
        until: Instant,
        done: impl Fn(&Viewer) -> bool,
    ) {
        let mut buffer = [0; 2_048];
        socket.set_read_timeout(Some(Duration::from_millis(2))).unwrap();
        while !done(self) && Instant::now() < until {
            self.flush_to(socket);
            if let Ok((length, source)) = socket.recv_from(&mut buffer) {
                self.receive(Instant::now(), source, &buffer[..length]);
            }
            self.timeout(Instant::now());
        }
    }

    #[expect(clippy::disallowed_types, reason = "a shell")]
    pub fn flush_to(&mut self, socket: &std::net::UdpSocket) {
        self.drain();
        for (destination, bytes) in self.outgoing.drain(..) {
            socket.send_to(&bytes, destination).unwrap();
        }
    }

    fn receive(&mut self, now: Instant, source: SocketAddr, bytes: &[u8]) {
        let protocol = if self.stream.is_some() { Protocol::Tcp } else { Protocol::Udp };
        let received = Receive::new(protocol, source, self.address, bytes).unwrap();
        self.rtc.handle_input(Input::Receive(now, received)).unwrap();
        self.drain();
    }

    fn timeout(&mut self, now: Instant) {
        if self.wake <= now {
            self.rtc.handle_input(Input::Timeout(now)).unwrap();
            self.drain();
        }
    }

    fn drain(&mut self) {
        loop {
            match self.rtc.poll_output().unwrap() {
                Output::Timeout(at) => {
                    self.wake = at;
                    return;
                }
                Output::Transmit(out) => {
                    self.outgoing.push((out.destination, out.contents.to_vec()));
                }
                Output::Event(str0m::Event::Connected) => self.connected = true,
                Output::Event(str0m::Event::Closed) => self.closed = true,
                Output::Event(str0m::Event::MediaData(media)) => {
                    let data = media.data.to_vec();
                    let idr = |window: &[u8]| window[..3] == [0, 0, 1] && window[3] & 31 == 5;
                    self.frames.push(ReceivedFrame {
                        rtp_time: media.time.numer(),
                        contiguous: media.contiguous,
                        keyframe: data.windows(4).any(idr),
                        data,
                    });
                }
                Output::Event(_) => {}
            }
        }
    }
}

/// What happens to a datagram on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    Pass,
    Lose,
}

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
    /// While false the shell cannot send.
    pub writable: bool,
    /// A slow link to one viewer: its index, bits per second, how long its queue may get.
    pub slow_link: Option<(usize, u64, Duration)>,
    /// When the slow link has sent all that is in its queue.
    link_free_at: Instant,
    /// What is on its way over the slow link.
    on_link: VecDeque<(Instant, SocketAddr, Vec<u8>)>,
    /// Where datagrams to the server really arrive: a relay on its machine delivers them from
    /// loopback, say, and carries replies back only from the address that it sent to.
    pub hit: Option<SocketAddr>,
}

impl World {
    pub fn new() -> World {
        let now = start();
        World::with(now, config(now))
    }

    pub fn with(now: Instant, config: EndpointConfig) -> World {
        World {
            now,
            endpoint: Endpoint::new(now, config).unwrap(),
            viewers: Vec::new(),
            events: Vec::new(),
            sent: Vec::new(),
            network: Box::new(|_, _| Fate::Pass),
            writable: true,
            slow_link: None,
            link_free_at: now,
            on_link: VecDeque::new(),
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
        let mut viewer = Viewer::new(self.now, at, told);
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

    fn deliver(&mut self, transmit: Transmit, bytes: &[u8]) {
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
            if (self.network)(true, index) == Fate::Lose {
                continue;
            }
            match self.slow_link {
                Some((slow, rate, queue)) if slow == index => {
                    self.enqueue(rate, queue, source, datagram);
                }
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

    fn enqueue(&mut self, rate: u64, queue: Duration, source: SocketAddr, datagram: &[u8]) {
        let begins = self.link_free_at.max(self.now);
        if begins - self.now > queue {
            return;
        }
        let bits = (datagram.len() as u64 + 28) * 8;
        self.link_free_at = begins + Duration::from_micros(bits * 1_000_000 / rate);
        self.on_link.push_back((self.link_free_at, source, datagram.to_vec()));
    }

    fn arrive(&mut self) {
        let Some((index, ..)) = self.slow_link else { return };
        while self.on_link.front().is_some_and(|(at, ..)| *at <= self.now) {
            let (_, source, bytes) = self.on_link.pop_front().unwrap();
            self.viewers[index].receive(self.now, source, &bytes);
        }
    }

    fn upward(&mut self, index: usize, destination: SocketAddr, bytes: &[u8]) {
        if (self.network)(false, index) == Fate::Lose {
            return;
        }
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
