//! The world and its clock: from event to event.

use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use aws_lc_rs::digest;
use pinhole_core::{Datagram, Endpoint, Event, Frame, Limits, Transmit, Transport};

use super::attack::{ATTACKER, ATTACKER_NODE, Attack};
use super::config::{Place, STUN, STUN_OTHER, TURN, WorldConfig, at, place_server, place_viewer};
use super::nat::Side;
use super::net::{Arrived, INTERNET, NatId, Net, NodeId, Realm};
use super::signalling::Message;
use super::stun::StunServer;
use super::turn::{Sent, TurnServer};
use super::video;
use super::viewer::{Habits, Viewer};
use super::watch::Watch;
use crate::crypto;

/// Steps that any scenario may take. One that takes more goes in circles.
const STEPS_MAX: u64 = 3_000_000;
/// Inputs without time passing after which the world stands still.
const TURNS_MAX: usize = 10_000;
/// How often TURN servers look at their clocks.
const TURN_TICK: Duration = Duration::from_secs(1);

const SERVER_NODE: NodeId = NodeId(0);
const STUN_NODE: NodeId = NodeId(1);
const TURN_NODE: NodeId = NodeId(2);
const FIRST_VIEWER: usize = 3;

/// One datagram that the endpoint handed out: when, where to, how long.
pub type Sending = (Duration, SocketAddr, usize);

/// A simulated Internet with one endpoint and its viewers.
pub struct World {
    /// The virtual time.
    pub now: Instant,
    /// When it began.
    pub start: Instant,
    /// The network.
    pub net: Net,
    /// The server.
    pub endpoint: Endpoint,
    /// Its NATs, from the inside out.
    pub server_nats: Vec<NatId>,
    /// The addresses of its sockets.
    pub bases: Vec<SocketAddr>,
    /// The viewers.
    pub viewers: Vec<Viewer>,
    /// Their NATs, from the inside out.
    pub viewer_nats: Vec<Vec<NatId>>,
    /// The STUN server, if there is one.
    pub stun: Option<StunServer>,
    /// The TURN server, if there is one.
    pub turn: Option<TurnServer>,
    /// All that the endpoint told.
    pub events: Vec<(Instant, Event)>,
    /// All answers that the endpoint gave.
    pub answers: Vec<String>,
    /// All that the endpoint sent.
    pub schedule: Vec<Sending>,
    /// Somebody on the way, while he is active.
    pub attack: Option<Attack>,
    /// Packets that he sent.
    pub attacks: u64,
    pub(super) attack_rng: fastrand::Rng,
    pub(super) watch: Watch,
    /// SHA-256 of all bytes that the endpoint handed out, with their times and addresses: after
    /// each entry of the schedule.
    pub trail: Vec<[u8; 32]>,
    pub(super) signals: VecDeque<(Instant, Message)>,
    pub(super) keyframe_wanted: bool,
    handed_out: digest::Context,
    config: WorldConfig,
    frames: u32,
    realms: BTreeMap<IpAddr, Realm>,
    next_frame: Instant,
    next_turn: Instant,
    steps: u64,
    buffer: Vec<u8>,
}

impl World {
    /// Makes a world without viewers. Both ends draw from the thread's generators, so a thread has
    /// one world at a time.
    ///
    /// # Panics
    /// The configuration is none for an endpoint.
    pub fn new(config: WorldConfig) -> World {
        crypto::install(config.seed);
        fastrand::seed(config.seed);
        let now = crypto::beginning();
        let mut net = Net::new(config.seed);
        net.faults = config.faults;
        let place = place_server(&mut net, &config.server, SERVER_NODE, config.seed);
        let Place { realm, address, nats } = place;
        let mut bases = vec![address];
        if config.second_interface {
            let second = at("198.51.100.77:5000");
            net.attach(INTERNET, second.ip(), SERVER_NODE);
            bases.push(second);
        }
        let mut realms: BTreeMap<IpAddr, Realm> =
            bases.iter().map(|base| (base.ip(), INTERNET)).collect();
        realms.insert(address.ip(), realm);
        for known in [STUN, STUN_OTHER] {
            net.attach(INTERNET, at(known).ip(), STUN_NODE);
        }
        net.attach(INTERNET, at(TURN).ip(), TURN_NODE);
        net.attach(INTERNET, at(ATTACKER).ip(), ATTACKER_NODE);
        let endpoint = Endpoint::new(now, config.endpoint(now, bases.clone()));
        let stun = StunServer::new(at(STUN), at(STUN_OTHER));
        World {
            now,
            start: now,
            net,
            endpoint: endpoint.expect("a configuration for an endpoint"),
            server_nats: nats,
            bases,
            viewers: Vec::new(),
            viewer_nats: Vec::new(),
            stun: config.stun.then_some(stun),
            turn: config.turn.clone().map(|users| TurnServer::new(now, at(TURN), users)),
            events: Vec::new(),
            answers: Vec::new(),
            schedule: Vec::new(),
            attack: None,
            attacks: 0,
            attack_rng: fastrand::Rng::with_seed(config.seed ^ 0x6174_7461),
            watch: Watch::default(),
            trail: Vec::new(),
            handed_out: digest::Context::new(&digest::SHA256),
            signals: VecDeque::new(),
            keyframe_wanted: false,
            config,
            frames: 0,
            realms,
            next_frame: now,
            next_turn: now,
            steps: 0,
            buffer: vec![0; Endpoint::TRANSMIT_BYTES_MAX],
        }
    }

    /// Lets a viewer come, behind this side's NATs. Returns its index.
    ///
    /// # Panics
    /// `side` is none, or there are too many viewers for the addresses.
    pub fn join(&mut self, side: &str, habits: Habits) -> usize {
        self.join_behind(&side.parse().expect("a side"), habits)
    }

    /// The same, for a side that was parsed.
    ///
    /// # Panics
    /// There are too many viewers for the addresses.
    pub fn join_behind(&mut self, side: &Side, habits: Habits) -> usize {
        let index = self.viewers.len();
        let node = NodeId(FIRST_VIEWER + index);
        let number = u8::try_from(index).expect("a handful of viewers");
        let place = place_viewer(&mut self.net, side, node, number, self.config.seed);
        let stun = self.stun.as_ref().map(|stun| stun.address);
        let (realm, address) = (place.realm, place.address);
        self.viewers.push(Viewer::new(self.now, node, (realm, address), habits, stun));
        self.viewer_nats.push(place.nats);
        self.settle();
        index
    }

    /// What this world's viewer is like, drawn from the seed.
    pub fn habits(&self) -> Habits {
        let seed = self.config.seed;
        Habits {
            trickles: seed.is_multiple_of(2),
            tells_host: seed.is_multiple_of(3),
            restarts: true,
        }
    }

    /// The bounds that the endpoint was given.
    pub(super) fn limits(&self) -> Limits {
        self.config.limits
    }

    /// Frames a second.
    pub(super) fn fps(&self) -> f64 {
        f64::from(self.config.fps)
    }

    /// Lets time pass.
    pub fn run(&mut self, time: Duration) {
        let until = self.now + time;
        while self.step(until) {}
    }

    /// Lets time pass until something holds. False: it never did, for that long.
    pub fn run_until(&mut self, most: Duration, holds: impl Fn(&World) -> bool) -> bool {
        let until = self.now + most;
        loop {
            if holds(self) {
                return true;
            }
            if !self.step(until) {
                return holds(self);
            }
        }
    }

    /// Moves to the next event, if it comes by `until`.
    fn step(&mut self, until: Instant) -> bool {
        self.steps += 1;
        assert!(self.steps < STEPS_MAX, "the world does not come to rest");
        let next = self.next_at();
        if next > until {
            self.now = until;
            return false;
        }
        self.now = self.now.max(next);
        tracing::trace!(at = ?self.now - self.start, "time");
        while let Some(arrived) = self.net.receive(self.now) {
            self.deliver(arrived);
        }
        self.handle_signals();
        if let Some((_, reason)) = self.endpoint.poll_timeout().filter(|(at, _)| *at <= self.now) {
            self.check_wake(reason);
            self.endpoint.handle_timeout(self.now);
            self.settle_endpoint();
        }
        for viewer in &mut self.viewers {
            if viewer.poll_timeout() <= self.now {
                viewer.handle_timeout(self.now);
            }
        }
        if self.next_frame <= self.now {
            self.send_frame();
        }
        if self.next_turn <= self.now {
            self.next_turn = self.now + TURN_TICK;
            let sent = self.turn.as_mut().map(|turn| turn.poll(self.now));
            self.send_all(sent.unwrap_or_default());
        }
        self.settle();
        true
    }

    fn next_at(&self) -> Instant {
        let viewers = self.viewers.iter().map(Viewer::poll_timeout).min();
        let endpoint = self.endpoint.poll_timeout().map(|(at, _)| at);
        let fixed = self.next_frame.min(self.next_turn);
        let others = [viewers, endpoint, self.net.next_at(), self.next_signal()];
        others.into_iter().flatten().fold(fixed, Instant::min)
    }

    fn deliver(&mut self, arrived: Arrived) {
        let Arrived { node, to, from, bytes } = arrived;
        match node {
            SERVER_NODE => {
                let transport = Transport::Udp;
                let datagram = Datagram { local: to, remote: from, transport, payload: &bytes };
                self.endpoint.handle_datagram(self.now, datagram);
                self.settle_endpoint();
            }
            STUN_NODE => {
                let answer = self.stun.as_ref().and_then(|stun| stun.answer(to, from, &bytes));
                if let Some(bytes) = answer {
                    self.net.send(self.now, INTERNET, to, from, bytes);
                }
            }
            TURN_NODE => {
                let now = self.now;
                let sent = self.turn.as_mut().map(|turn| turn.receive(now, to, from, bytes));
                self.send_all(sent.unwrap_or_default());
            }
            ATTACKER_NODE => self.check_attacker_gets(from, &bytes),
            NodeId(viewer) => {
                if let Some(viewer) = self.viewers.get_mut(viewer - FIRST_VIEWER) {
                    viewer.receive(self.now, from, &bytes);
                }
            }
        }
    }

    fn send_all(&mut self, sent: Vec<Sent>) {
        for Sent { from, to, bytes } in sent {
            self.net.send(self.now, INTERNET, from, to, bytes);
        }
    }

    fn send_frame(&mut self) {
        self.next_frame = self.now + Duration::from_secs(1) / self.config.fps;
        if self.endpoint.is_idle() {
            return;
        }
        let keyframe = std::mem::take(&mut self.keyframe_wanted);
        self.frames += 1;
        let data = video::frame(keyframe, self.frames);
        self.endpoint.send_frame(self.now, Frame { data: &data, captured: self.now });
        self.settle_endpoint();
    }

    /// Takes all that can be taken without time passing.
    fn settle(&mut self) {
        for _ in 0..TURNS_MAX {
            let mut moved = self.settle_endpoint();
            self.collect_signals();
            for index in 0..self.viewers.len() {
                while let Some((to, bytes)) = self.viewers[index].poll_transmit() {
                    moved = true;
                    let Viewer { realm, address, .. } = self.viewers[index];
                    self.be_overheard(index, to, &bytes);
                    self.net.send(self.now, realm, address, to, bytes);
                }
            }
            if !moved {
                return;
            }
        }
        panic!("the world does not settle");
    }

    /// Drains the endpoint, as its contract wants it after each input.
    pub(super) fn settle_endpoint(&mut self) -> bool {
        let mut moved = false;
        let mut buffer = std::mem::take(&mut self.buffer);
        while let Some(out) = self.endpoint.poll_transmit(self.now, &mut buffer) {
            moved = true;
            assert_eq!(out.transport, Transport::Udp, "there are no streams in this world");
            self.note(&out, &buffer[..out.len]);
            let Some(realm) = self.realms.get(&out.local.ip()).copied() else { continue };
            for datagram in buffer[..out.len].chunks(out.segment_size) {
                self.check_transmit(out.local, out.remote, datagram);
                self.net.send(self.now, realm, out.local, out.remote, datagram.to_vec());
            }
        }
        self.buffer = buffer;
        self.collect_events();
        moved
    }

    fn note(&mut self, out: &Transmit, bytes: &[u8]) {
        let at = self.now - self.start;
        self.schedule.push((at, out.remote, out.len));
        let head = format!("{} {} {} {}", at.as_nanos(), out.local, out.remote, out.segment_size);
        self.handed_out.update(head.as_bytes());
        self.handed_out.update(bytes);
        let so_far = self.handed_out.clone().finish();
        self.trail.push(so_far.as_ref().try_into().expect("SHA-256 has 32 bytes"));
    }
}
