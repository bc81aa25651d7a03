//! A small world for NAT discovery: a NAT, STUN servers and a network between them, on a virtual
//! clock. The messages are written by hand, so that they do not share a mistake with the core.

#![allow(dead_code, unused_imports, reason = "each test binary uses its part")]

mod server;

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use pinhole_core::DropReason;
use pinhole_core::stun::{
    Discovery, LifetimeDiscovery, LifetimeReport, NatReport, ProbeTransmit, SocketId,
};

pub(crate) use server::{Change, Server};

/// Per destination, per address, or one for all; RFC 4787 has the same three for both sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Per {
    Everything,
    Address,
    AddressAndPort,
}

impl Per {
    pub(crate) const ALL: [Per; 3] = [Per::Everything, Per::Address, Per::AddressAndPort];

    /// The part of a remote address that makes a difference.
    fn part(self, remote: SocketAddr) -> (Option<IpAddr>, Option<u16>) {
        match self {
            Per::Everything => (None, None),
            Per::Address => (Some(remote.ip()), None),
            Per::AddressAndPort => (Some(remote.ip()), Some(remote.port())),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ports {
    Preserved,
    Counting(i32),
    Random,
}

#[derive(Debug)]
struct Entry {
    inside: SocketAddr,
    key: (Option<IpAddr>, Option<u16>),
    outside: SocketAddr,
    contacted: Vec<SocketAddr>,
    used: Instant,
}

/// A NAT, or without `mapping` a firewall.
#[derive(Debug)]
pub(crate) struct Nat {
    pub(crate) mapping: Option<Per>,
    pub(crate) filtering: Per,
    pub(crate) ports: Ports,
    pub(crate) hairpin: bool,
    /// Whether what is sent to the public address comes back to its sender, as no NAT should do.
    pub(crate) reflects: bool,
    pub(crate) lifetime: Duration,
    pub(crate) public: IpAddr,
    random: fastrand::Rng,
    next_port: i32,
    entries: Vec<Entry>,
}

impl Nat {
    pub(crate) fn new(mapping: Option<Per>, filtering: Per) -> Nat {
        Nat {
            mapping,
            filtering,
            ports: Ports::Random,
            hairpin: false,
            reflects: false,
            lifetime: Duration::from_secs(120),
            public: IpAddr::from([203, 0, 113, 50]),
            random: fastrand::Rng::with_seed(7),
            next_port: 20_000,
            entries: Vec::new(),
        }
    }

    fn outbound(&mut self, now: Instant, inside: SocketAddr, to: SocketAddr) -> SocketAddr {
        let lifetime = self.lifetime;
        self.entries.retain(|entry| now - entry.used <= lifetime);
        let key = self.mapping.unwrap_or(Per::Everything).part(to);
        let known = self.entries.iter().position(|one| one.inside == inside && one.key == key);
        let index = known.unwrap_or_else(|| {
            let outside = self.new_outside(inside);
            self.entries.push(Entry { inside, key, outside, contacted: Vec::new(), used: now });
            self.entries.len() - 1
        });
        let entry = &mut self.entries[index];
        entry.used = now;
        entry.contacted.push(to);
        entry.outside
    }

    fn new_outside(&mut self, inside: SocketAddr) -> SocketAddr {
        if self.mapping.is_none() {
            return inside;
        }
        for _ in 0..10_000 {
            let port = match self.ports {
                Ports::Preserved => i32::from(inside.port()),
                Ports::Counting(step) => {
                    self.next_port += step;
                    self.next_port
                }
                Ports::Random => self.random.i32(1024..65_536),
            };
            let outside = SocketAddr::new(self.public, port as u16);
            let is_free = self.entries.iter().all(|entry| entry.outside != outside);
            if is_free || self.ports == Ports::Preserved {
                return outside;
            }
        }
        panic!("the NAT has no free port");
    }

    fn inbound(&mut self, now: Instant, from: SocketAddr, to: SocketAddr) -> Option<SocketAddr> {
        let (filtering, lifetime) = (self.filtering, self.lifetime);
        let passes = |entry: &&mut Entry| {
            let part = filtering.part(from);
            entry.outside == to
                && now - entry.used <= lifetime
                && entry.contacted.iter().any(|known| filtering.part(*known) == part)
        };
        let entry = self.entries.iter_mut().find(passes)?;
        entry.used = now;
        Some(entry.inside)
    }
}

/// What the world drives: both machines have the same methods.
pub(crate) trait Machine {
    type Report;
    fn handle_datagram(
        &mut self,
        now: Instant,
        socket: SocketId,
        from: SocketAddr,
        payload: &[u8],
    ) -> Result<(), DropReason>;
    fn handle_timeout(&mut self, now: Instant);
    fn poll_transmit(&mut self, buffer: &mut [u8]) -> Option<ProbeTransmit>;
    fn poll_event(&mut self) -> Option<Self::Report>;
    fn poll_timeout(&self) -> Option<Instant>;
}

macro_rules! machine {
    ($machine:ident, $report:ident) => {
        impl Machine for $machine {
            type Report = $report;
            fn handle_datagram(
                &mut self,
                now: Instant,
                socket: SocketId,
                from: SocketAddr,
                payload: &[u8],
            ) -> Result<(), DropReason> {
                $machine::handle_datagram(self, now, socket, from, payload)
            }
            fn handle_timeout(&mut self, now: Instant) {
                $machine::handle_timeout(self, now);
            }
            fn poll_transmit(&mut self, buffer: &mut [u8]) -> Option<ProbeTransmit> {
                $machine::poll_transmit(self, buffer)
            }
            fn poll_event(&mut self) -> Option<$report> {
                $machine::poll_event(self)
            }
            fn poll_timeout(&self) -> Option<Instant> {
                $machine::poll_timeout(self)
            }
        }
    };
}

machine!(Discovery, NatReport);
machine!(LifetimeDiscovery, LifetimeReport);

/// A datagram outside of the NAT, or on its way to a socket inside.
struct Flying {
    at: Instant,
    from: SocketAddr,
    to: Place,
    payload: Vec<u8>,
}

#[derive(Clone, Copy)]
enum Place {
    Outside(SocketAddr),
    Inside(SocketId),
}

/// The moment that tests count from.
#[expect(clippy::disallowed_methods, reason = "one moment to count from")]
pub(crate) fn start() -> Instant {
    Instant::now()
}

/// Everything outside of the machine.
pub(crate) struct World {
    pub(crate) start: Instant,
    pub(crate) now: Instant,
    pub(crate) nat: Nat,
    pub(crate) servers: Vec<Server>,
    /// Of every datagram on each way.
    pub(crate) loss: f64,
    /// Of every datagram on each way: comes twice.
    pub(crate) doubled: f64,
    /// On each way, at random within it.
    pub(crate) delay_ms: std::ops::Range<u64>,
    /// Every transmission: when, from which socket, where to, what.
    pub(crate) sent: Vec<(Duration, SocketId, SocketAddr, Vec<u8>)>,
    /// Why datagrams were dropped by the machine.
    pub(crate) dropped: Vec<DropReason>,
    random: fastrand::Rng,
    flying: Vec<Flying>,
}

/// Where a socket is inside.
pub(crate) fn inside(socket: SocketId) -> SocketAddr {
    SocketAddr::from(([192, 168, 1, 5], 40_000 + socket.index() as u16))
}

fn socket_at(target: SocketAddr) -> SocketId {
    let socket = SocketId::ALL.into_iter().find(|socket| inside(*socket) == target);
    socket.expect("the NAT knows our sockets only")
}

impl World {
    pub(crate) fn new(seed: u64, nat: Nat, servers: Vec<Server>) -> World {
        let start = start();
        World {
            start,
            now: start,
            nat,
            servers,
            loss: 0.0,
            doubled: 0.0,
            delay_ms: 10..11,
            sent: Vec::new(),
            dropped: Vec::new(),
            random: fastrand::Rng::with_seed(seed),
            flying: Vec::new(),
        }
    }

    /// Runs until the machine reports; panics if it does not come to an end.
    pub(crate) fn run<M: Machine>(&mut self, machine: &mut M) -> M::Report {
        for _ in 0..10_000 {
            if let Some(report) = machine.poll_event() {
                assert!(machine.poll_event().is_none() && machine.poll_timeout().is_none());
                return report;
            }
            let due = self.flying.iter().map(|datagram| datagram.at);
            let next = due.chain(machine.poll_timeout()).min();
            self.now = next.expect("no deadline and no report").max(self.now);
            let index = self.flying.iter().position(|datagram| datagram.at <= self.now);
            match index.map(|index| self.flying.remove(index)) {
                Some(datagram) => self.arrive(machine, datagram),
                None => machine.handle_timeout(self.now),
            }
            let mut buffer = [0; 64];
            while let Some(transmit) = machine.poll_transmit(&mut buffer) {
                self.transmit(transmit, &buffer[..transmit.length]);
            }
        }
        panic!("the world goes round in circles");
    }

    fn transmit(&mut self, transmit: ProbeTransmit, payload: &[u8]) {
        let ProbeTransmit { socket, destination, .. } = transmit;
        self.sent.push((self.now - self.start, socket, destination, payload.to_vec()));
        let from = self.nat.outbound(self.now, inside(socket), destination);
        self.fly(from, Place::Outside(destination), payload);
    }

    fn arrive<M: Machine>(&mut self, machine: &mut M, datagram: Flying) {
        let Flying { from, to, payload, .. } = datagram;
        match to {
            Place::Inside(socket) => {
                if let Err(reason) = machine.handle_datagram(self.now, socket, from, &payload) {
                    self.dropped.push(reason);
                }
            }
            Place::Outside(to) if to.ip() == self.nat.public => {
                let is_hairpin = from.ip() == self.nat.public;
                if is_hairpin && self.nat.reflects {
                    let sender = self.nat.entries.iter().find(|entry| entry.outside == from);
                    let sender = sender.expect("it came from inside").inside;
                    self.fly(to, Place::Inside(socket_at(sender)), &payload);
                }
                if !is_hairpin || self.nat.hairpin {
                    self.come_in(from, to, &payload);
                }
            }
            Place::Outside(to) => {
                let answers: Vec<_> = self
                    .servers
                    .iter()
                    .filter_map(|server| server.answer(from, to, &payload))
                    .collect();
                for (source, destination, answer) in answers {
                    self.come_in_later(source, destination, &answer);
                }
            }
        }
    }

    /// An answer flies to the NAT, which looks at it when it arrives.
    fn come_in_later(&mut self, from: SocketAddr, to: SocketAddr, payload: &[u8]) {
        // Without a NAT, the public address is the inside one.
        match self.nat.mapping {
            Some(_) => self.fly(from, Place::Outside(to), payload),
            None => self.come_in(from, to, payload),
        }
    }

    fn come_in(&mut self, from: SocketAddr, to: SocketAddr, payload: &[u8]) {
        let Some(target) = self.nat.inbound(self.now, from, to) else { return };
        self.fly(from, Place::Inside(socket_at(target)), payload);
    }

    fn fly(&mut self, from: SocketAddr, to: Place, payload: &[u8]) {
        let copies = 1 + usize::from(self.random.f64() < self.doubled);
        for _ in 0..copies {
            if self.random.f64() >= self.loss {
                let at = self.now + Duration::from_millis(self.random.u64(self.delay_ms.clone()));
                self.flying.push(Flying { at, from, to, payload: payload.to_vec() });
            }
        }
    }
}
