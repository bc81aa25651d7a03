//! A client, its servers and the network between them, on a virtual clock.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::server::{Guard, Out, Server};
use crate::base::{Seed, WallClock};
use crate::turn::{
    Allocation, AllocationConfig, AllocationEvent, Credentials, Families, Leg, LossCause,
};

/// Packets and timeouts in one run; more are a loop that does not end.
const STEPS_MAX: usize = 200_000;

pub(super) fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

pub(super) fn home() -> SocketAddr {
    address("203.0.113.1:3478")
}

pub(super) fn second() -> SocketAddr {
    address("203.0.113.2:3478")
}

pub(super) fn peer(index: u16) -> SocketAddr {
    SocketAddr::from(([192, 0, (index >> 8) as u8, index as u8], 9_000))
}

pub(super) fn long_term() -> Credentials {
    Credentials::LongTerm { username: "user".into(), password: "pass".into() }
}

fn client(
    now: Instant,
    credentials: Credentials,
    families: Families,
    leg: Leg,
    seed: u8,
) -> Allocation {
    let wall_clock = WallClock { unix: Duration::from_secs(1_000_000), at: now };
    let seed = Seed::new([seed; 32]);
    let config = AllocationConfig::new(leg, home(), families, credentials, wall_clock, &seed);
    Allocation::new(now, config)
}

enum Packet {
    ToServer(SocketAddr, SocketAddr, Vec<u8>),
    ToClient(SocketAddr, Vec<u8>),
}

pub(super) struct World {
    pub(super) now: Instant,
    pub(super) start: Instant,
    pub(super) client: Allocation,
    pub(super) servers: BTreeMap<SocketAddr, Server>,
    /// What the NAT makes of us.
    pub(super) outside: SocketAddr,
    /// Of 256 packets, so many are lost; and so many come twice.
    pub(super) lost: u8,
    pub(super) doubled: u8,
    /// One way; the rest, up to so much more, is drawn.
    pub(super) delay: Duration,
    pub(super) jitter: Duration,
    pub(super) events: Vec<(Duration, AllocationEvent)>,
    /// Payload that reached a peer.
    pub(super) delivered: Vec<(Duration, SocketAddr, Vec<u8>)>,
    /// Every control message that the client sent.
    pub(super) sent: Vec<(Duration, Vec<u8>)>,
    random: fastrand::Rng,
    air: BTreeMap<(Instant, usize), Packet>,
    packets: usize,
}

impl World {
    pub(super) fn new(server: Server) -> World {
        World::with(server, long_term(), Families::V4, Leg::Datagram, 1)
    }

    pub(super) fn with(
        server: Server,
        credentials: Credentials,
        families: Families,
        leg: Leg,
        seed: u8,
    ) -> World {
        let now = crate::test_clock();
        World {
            now,
            start: now,
            client: client(now, credentials, families, leg, seed),
            servers: BTreeMap::from([(home(), server), (second(), Server::new(Guard::Sha1))]),
            outside: address("198.18.0.1:40000"),
            lost: 0,
            doubled: 0,
            delay: Duration::from_millis(10),
            jitter: Duration::ZERO,
            events: Vec::new(),
            delivered: Vec::new(),
            sent: Vec::new(),
            random: fastrand::Rng::with_seed(seed.into()),
            air: BTreeMap::new(),
            packets: 0,
        }
    }

    /// The program is killed and started again, on the same port.
    pub(super) fn restart_client(&mut self) {
        self.client = client(self.now, long_term(), Families::V4, Leg::Datagram, 99);
    }

    pub(super) fn server(&mut self) -> &mut Server {
        self.servers.get_mut(&home()).unwrap()
    }

    pub(super) fn seconds(&self) -> f64 {
        (self.now - self.start).as_secs_f64()
    }

    /// Runs the clock on by so much.
    pub(super) fn run(&mut self, time: Duration) {
        let end = self.now + time;
        for _ in 0..STEPS_MAX {
            self.drain();
            let packet = self.air.first_key_value().map(|(key, _)| key.0);
            let next = [packet, self.client.poll_timeout()].into_iter().flatten().min();
            let Some(next) = next.filter(|next| *next <= end) else {
                self.now = end;
                return;
            };
            self.now = self.now.max(next);
            if packet == Some(next) {
                let (_, packet) = self.air.pop_first().unwrap();
                self.arrive(packet);
            } else {
                self.client.handle_timeout(self.now);
            }
        }
        panic!("no end after {STEPS_MAX} steps, {:.3} s", self.seconds());
    }

    pub(super) fn run_ms(&mut self, ms: u64) {
        self.run(Duration::from_millis(ms));
    }

    /// Sends to the peer ten times a second for so long.
    pub(super) fn talk(&mut self, peer: SocketAddr, seconds: u64) {
        for _ in 0..seconds * 10 {
            self.send(peer, b"media");
            self.run_ms(100);
        }
    }

    /// Wraps a payload and sends it. Says how long its prefix is.
    pub(super) fn send(&mut self, peer: SocketAddr, payload: &[u8]) -> Option<usize> {
        let envelope = self.client.wrap(self.now, peer, payload.len());
        self.drain();
        let envelope = envelope?;
        let mut bytes = envelope.prefix().to_vec();
        bytes.extend(payload);
        bytes.extend(vec![0; envelope.padding()]);
        self.fly(&Packet::ToServer(self.client.server(), self.outside, bytes));
        Some(envelope.prefix().len())
    }

    fn drain(&mut self) {
        let mut buffer = vec![0; 2048];
        while let Some(len) = self.client.poll_transmit(self.now, &mut buffer) {
            self.sent.push((self.now - self.start, buffer[..len].to_vec()));
            let to = self.client.server();
            self.fly(&Packet::ToServer(to, self.outside, buffer[..len].to_vec()));
        }
        while let Some(event) = self.client.poll_event() {
            self.events.push((self.now - self.start, event));
        }
    }

    fn fly(&mut self, packet: &Packet) {
        if self.random.u8(..) < self.lost {
            return;
        }
        let copies = 1 + usize::from(self.random.u8(..) < self.doubled);
        for _ in 0..copies {
            let copy = match packet {
                Packet::ToServer(to, from, bytes) => Packet::ToServer(*to, *from, bytes.clone()),
                Packet::ToClient(to, bytes) => Packet::ToClient(*to, bytes.clone()),
            };
            let late = self.jitter.mul_f64(self.random.f64());
            self.packets += 1;
            self.air.insert((self.now + self.delay + late, self.packets), copy);
        }
    }

    fn arrive(&mut self, packet: Packet) {
        match packet {
            Packet::ToServer(to, from, bytes) => {
                let Some(server) = self.servers.get_mut(&to) else { return };
                match server.handle(self.now, from, &bytes) {
                    Some(Out::ToClient(bytes)) => self.fly(&Packet::ToClient(from, bytes)),
                    Some(Out::ToPeer(peer, payload)) => {
                        self.delivered.push((self.now - self.start, peer, payload));
                    }
                    None => {}
                }
            }
            // Responses to a mapping that is no more go nowhere.
            Packet::ToClient(to, bytes) if to == self.outside => {
                // Late and doubled answers are refused; that is what is tested.
                let _ = self.client.handle_message(self.now, &bytes);
            }
            Packet::ToClient(..) => {}
        }
    }

    /// The names of what happened, in order.
    pub(super) fn story(&self) -> Vec<String> {
        let name = |event: &AllocationEvent| match event {
            AllocationEvent::Allocated { .. } => "allocated".to_owned(),
            AllocationEvent::Lost(cause) => format!("lost: {cause:?}"),
            AllocationEvent::Refused { code } => format!("refused: {code}"),
            AllocationEvent::PeerRefused { peer, code } => format!("peer refused: {peer} {code}"),
            AllocationEvent::Moved(to) => format!("moved: {to}"),
            AllocationEvent::Silent => "silent".to_owned(),
        };
        self.events.iter().map(|(_, event)| name(event)).collect()
    }

    pub(super) fn losses(&self) -> Vec<LossCause> {
        let cause = |event: &AllocationEvent| match event {
            AllocationEvent::Lost(cause) => Some(*cause),
            _ => None,
        };
        self.events.iter().filter_map(|(_, event)| cause(event)).collect()
    }

    /// When something first reached `peer` after this moment, counted from it.
    pub(super) fn back_after(&self, since: Duration, peer: SocketAddr) -> Option<Duration> {
        let of = |(at, to, _): &&(Duration, SocketAddr, Vec<u8>)| *at > since && *to == peer;
        self.delivered.iter().find(of).map(|(at, ..)| *at - since)
    }
}
