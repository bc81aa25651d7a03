//! An endpoint and its viewers, in memory, under a clock of its own.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use pinhole_core::gather::GatherConfig;
use pinhole_core::{
    Certificate, Datagram, Endpoint, EndpointConfig, Event, Frame, Limits, Seed, Transport,
    VideoFormat, WallClock,
};

use crate::frames;
use crate::viewer::Viewer;

/// The endpoint's socket.
const SERVER: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), 5_000);
/// Joining takes a few hundred milliseconds of the scene's own time.
const JOIN_MS_MAX: u32 = 5_000;
/// How long a viewer may have nothing of a kind to say.
const SAY_MS_MAX: u32 = 20_000;
const TICK: Duration = Duration::from_millis(1);
/// More than is sent, bits per second.
const ESTIMATED_MAX: u64 = 20_000_000;
/// Between frames of a stream: 8 Mbit/s where each has 17 kB.
const FRAME_MS: u32 = 17;
/// Between frames: ten of them are what a session keeps to send again.
const INTERVAL: Duration = Duration::from_millis(100);

/// An endpoint and its viewers.
pub struct Scene {
    /// The time.
    pub now: Instant,
    /// The endpoint.
    pub endpoint: Endpoint,
    viewers: Vec<Viewer>,
    by_address: BTreeMap<SocketAddr, usize>,
    buffer: Vec<u8>,
    keyframes_wanted: usize,
    /// The endpoint's checks that were taken out with everything else, and nobody answered yet.
    checks: Vec<(SocketAddr, Vec<u8>)>,
}

/// What one call cost in packets.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sent {
    /// Runs handed out.
    pub runs: usize,
    /// Datagrams in them.
    pub datagrams: usize,
}

impl Scene {
    /// An endpoint with as many viewers, all connected.
    ///
    /// # Panics
    /// They do not connect.
    pub fn with_viewers(count: usize) -> Scene {
        Scene::connected(count, None)
    }

    /// The same, and their paths are estimated.
    ///
    /// # Panics
    /// They do not connect.
    pub fn with_estimator(count: usize) -> Scene {
        Scene::connected(count, Some(ESTIMATED_MAX))
    }

    fn connected(count: usize, estimator: Option<u64>) -> Scene {
        let mut scene = Scene::new(count, estimator);
        let certificate = str0m::crypto::from_feature_flags().dtls_provider.generate_certificate();
        let certificate = certificate.expect("the crypto library works");
        for index in 0..count {
            let ip = Ipv4Addr::from(0x0a00_0001 + u32::try_from(index).expect("a few thousand"));
            let address = SocketAddr::from((ip, 6_000));
            let mut viewer = Viewer::new(scene.now, address, &certificate);
            let accepted = scene.endpoint.accept_offer(scene.now, &viewer.offer);
            viewer.accept(&accepted.expect("a good offer").answer);
            scene.by_address.insert(address, index);
            scene.viewers.push(viewer);
        }
        for _ in 0..JOIN_MS_MAX {
            scene.tick();
            let all = scene.viewers.iter().all(|viewer| viewer.connected);
            if all && scene.endpoint.stats().connected == count {
                return scene;
            }
        }
        panic!("viewers do not connect: {:?}", scene.endpoint.stats());
    }

    fn new(count: usize, estimator: Option<u64>) -> Scene {
        let now = Instant::now();
        let config = EndpointConfig {
            seed: Seed::new([42; 32]),
            wall_clock: WallClock { unix: Duration::from_secs(1_800_000_000), at: now },
            certificate: Certificate::generate().expect("the crypto library works"),
            gather: GatherConfig::lan(vec![SERVER]),
            video: VideoFormat {
                profile_level_id: "42c01f".parse().expect("constrained baseline"),
            },
            limits: Limits { sessions: count + 2, ..Limits::default() },
            estimator,
        };
        Scene {
            now,
            endpoint: Endpoint::new(now, config).expect("a good configuration"),
            viewers: Vec::new(),
            by_address: BTreeMap::new(),
            buffer: vec![0; Endpoint::TRANSMIT_BYTES_MAX],
            keyframes_wanted: 0,
            checks: Vec::new(),
        }
    }

    /// An offer of a viewer that nobody has answered yet.
    pub fn offer(&self) -> String {
        let certificate = str0m::crypto::from_feature_flags().dtls_provider.generate_certificate();
        let address = SocketAddr::from(([10, 255, 0, 1], 6_000));
        Viewer::new(self.now, address, &certificate.expect("the crypto library works")).offer
    }

    /// Sends frames for longer than packets are kept to be sent again, so that from then on each that is
    /// kept takes the place of one that is let go. Viewers get all of it. Twice: for how long that is may be
    /// another after what the first has shown of the path, from the second IDR on.
    pub fn warm_up(&mut self, bytes: usize) {
        let (keyframe, picture) = (frames::keyframe(bytes), frames::picture(bytes));
        for index in 0..24 {
            let data = if index % 12 == 0 { &keyframe } else { &picture };
            self.endpoint.send_frame(self.now, Frame { data, captured: self.now });
            self.settle();
            self.now += INTERVAL;
            self.tick();
        }
    }

    /// Moves on to the time of the next frame. What the endpoint's timers have to do until then is done,
    /// and its checks are answered: without that its sessions would end within twenty seconds.
    pub fn advance(&mut self) {
        self.now += INTERVAL;
        self.fire();
        self.drain();
        self.answer_checks();
        self.drain();
    }

    /// Hands in a frame and takes all that comes of it, as a shell does, and throws it away.
    pub fn send_frame(&mut self, data: &[u8]) -> Sent {
        let now = self.now;
        self.endpoint.send_frame(now, Frame { data, captured: now });
        self.drain()
    }

    /// Has viewers answer the checks that the endpoint sent of late.
    pub fn answer_checks(&mut self) {
        for (address, check) in std::mem::take(&mut self.checks) {
            let Some(index) = self.by_address.get(&address) else { continue };
            self.viewers[*index].receive(self.now, SERVER, &check);
            for (_, payload) in std::mem::take(&mut self.viewers[*index].outgoing) {
                let (transport, payload) = (Transport::Udp, payload.as_slice());
                let datagram = Datagram { local: SERVER, remote: address, transport, payload };
                self.endpoint.handle_datagram(self.now, datagram);
            }
        }
    }

    /// Hands in a datagram of a viewer's and takes all that comes of it.
    pub fn receive(&mut self, viewer: usize, payload: &[u8]) -> Sent {
        let remote = self.viewers[viewer].address;
        let datagram = Datagram { local: SERVER, remote, transport: Transport::Udp, payload };
        self.endpoint.handle_datagram(self.now, datagram);
        self.drain()
    }

    /// Lets time pass for the endpoint alone: fires its timeouts, one after the other, each at its own
    /// time, and takes what comes of them. Returns how many there were.
    pub fn pass(&mut self, time: Duration) -> usize {
        let until = self.now + time;
        let mut timeouts = 0;
        while let Some((at, _)) = self.endpoint.poll_timeout().filter(|(at, _)| *at <= until) {
            self.now = self.now.max(at);
            self.endpoint.handle_timeout(self.now);
            self.drain();
            timeouts += 1;
        }
        self.now = until;
        timeouts
    }

    /// Sends a stream whose viewers report what they receive, and counts with `case` all that the endpoint
    /// does for it: frames sent, timers at their own times, what viewers sent taken in. Returns the packets
    /// that left.
    pub fn stream(&mut self, frames: usize, bytes: usize, case: fn(&mut dyn FnMut())) -> usize {
        let (keyframe, picture) = (frames::keyframe(bytes), frames::picture(bytes));
        let mut packets = 0;
        for index in 0..frames {
            let data = if index == 0 { &keyframe } else { &picture };
            let (now, endpoint) = (self.now, &mut self.endpoint);
            case(&mut || _ = endpoint.send_frame(now, Frame { data, captured: now }));
            packets += self.exchange(case);
            for _ in 0..FRAME_MS {
                let until = self.now + TICK;
                while let Some((at, _)) =
                    self.endpoint.poll_timeout().filter(|(at, _)| *at <= until)
                {
                    self.now = self.now.max(at);
                    let (now, endpoint) = (self.now, &mut self.endpoint);
                    case(&mut || endpoint.handle_timeout(now));
                    packets += self.exchange(case);
                }
                self.now = until;
                self.viewers.iter_mut().for_each(|viewer| viewer.timeout(until));
                packets += self.exchange(case);
            }
        }
        packets
    }

    /// Carries everything to and fro that can move without time passing, and counts the endpoint's part.
    fn exchange(&mut self, case: fn(&mut dyn FnMut())) -> usize {
        let Scene { now, endpoint, viewers, by_address, buffer, .. } = self;
        let (now, mut packets) = (*now, 0);
        loop {
            for viewer in viewers.iter_mut() {
                let remote = viewer.address;
                for (local, payload) in std::mem::take(&mut viewer.outgoing) {
                    let (transport, payload) = (Transport::Udp, payload.as_slice());
                    let datagram = Datagram { local, remote, transport, payload };
                    case(&mut || endpoint.handle_datagram(now, datagram));
                }
            }
            let mut next = None;
            case(&mut || next = endpoint.poll_transmit(now, buffer));
            let Some(transmit) = next else { break };
            let Some(index) = by_address.get(&transmit.remote) else { continue };
            for datagram in buffer[..transmit.len].chunks(transmit.segment_size) {
                packets += usize::from(is_rtp(datagram));
                viewers[*index].receive(now, transmit.local, datagram);
            }
        }
        while endpoint.poll_event().is_some() {}
        packets
    }

    /// How often an IDR was asked for.
    pub fn keyframes_wanted(&self) -> usize {
        self.keyframes_wanted
    }

    /// From each of the first viewers the next datagram that it wants to send and `is_wanted`, which are
    /// kept from the endpoint. Everything else that was to be done by then is done.
    ///
    /// # Panics
    /// One sends none.
    pub fn overhear(&mut self, viewers: usize, is_wanted: fn(&[u8]) -> bool) -> Vec<Vec<u8>> {
        let mut heard = vec![None; viewers];
        for _ in 0..SAY_MS_MAX {
            self.now += TICK;
            for (viewer, heard) in self.viewers.iter_mut().zip(&mut heard) {
                viewer.timeout(self.now);
                let wanted = viewer.outgoing.iter().position(|(_, bytes)| is_wanted(bytes));
                if let Some(at) = wanted {
                    heard.get_or_insert(viewer.outgoing.remove(at).1);
                }
            }
            self.fire();
            self.settle();
            if heard.iter().all(Option::is_some) {
                return heard.into_iter().flatten().collect();
            }
        }
        panic!("a viewer has nothing of that kind to say");
    }

    /// What each of the first viewers sends to ask for an IDR.
    pub fn keyframe_requests(&mut self, viewers: usize) -> Vec<Vec<u8>> {
        self.viewers.iter_mut().take(viewers).for_each(Viewer::ask_for_keyframe);
        self.overhear(viewers, is_rtcp)
    }

    fn tick(&mut self) {
        self.now += TICK;
        self.fire();
        let now = self.now;
        self.viewers.iter_mut().for_each(|viewer| viewer.timeout(now));
        self.settle();
    }

    fn fire(&mut self) {
        if self.endpoint.poll_timeout().is_some_and(|(at, _)| at <= self.now) {
            self.endpoint.handle_timeout(self.now);
        }
    }

    /// Takes all that the endpoint has, and throws it away.
    fn drain(&mut self) -> Sent {
        let mut sent = Sent::default();
        while let Some(transmit) = self.endpoint.poll_transmit(self.now, &mut self.buffer) {
            sent.runs += 1;
            sent.datagrams += transmit.len.div_ceil(transmit.segment_size);
            let datagrams = self.buffer[..transmit.len].chunks(transmit.segment_size);
            let checks = datagrams.take_while(|bytes| is_check(bytes));
            self.checks.extend(checks.map(|check| (transmit.remote, check.to_vec())));
        }
        while let Some(event) = self.endpoint.poll_event() {
            self.keyframes_wanted += usize::from(event == Event::KeyframeWanted);
        }
        sent
    }

    /// Carries everything to and fro that can move without time passing.
    fn settle(&mut self) {
        let speaks = |index: &usize| !self.viewers[*index].outgoing.is_empty();
        let mut touched: Vec<usize> = (0..self.viewers.len()).filter(speaks).collect();
        loop {
            for index in std::mem::take(&mut touched) {
                let remote = self.viewers[index].address;
                for (local, payload) in std::mem::take(&mut self.viewers[index].outgoing) {
                    let (transport, payload) = (Transport::Udp, payload.as_slice());
                    let datagram = Datagram { local, remote, transport, payload };
                    self.endpoint.handle_datagram(self.now, datagram);
                }
            }
            while let Some(transmit) = self.endpoint.poll_transmit(self.now, &mut self.buffer) {
                let Some(index) = self.by_address.get(&transmit.remote) else { continue };
                for datagram in self.buffer[..transmit.len].chunks(transmit.segment_size) {
                    self.viewers[*index].receive(self.now, transmit.local, datagram);
                }
                touched.push(*index);
            }
            if touched.is_empty() {
                break;
            }
        }
        while self.endpoint.poll_event().is_some() {}
    }
}

/// A Binding request, RFC 8489 §5.
pub fn is_check(bytes: &[u8]) -> bool {
    bytes.starts_with(&[0, 1])
}

fn is_rtp(bytes: &[u8]) -> bool {
    bytes.first().is_some_and(|first| first >> 6 == 2) && !is_rtcp(bytes)
}

/// RFC 5761 §4.
pub fn is_rtcp(bytes: &[u8]) -> bool {
    bytes.first().is_some_and(|first| first >> 6 == 2)
        && bytes.get(1).is_some_and(|kind| (192..224).contains(kind))
}
