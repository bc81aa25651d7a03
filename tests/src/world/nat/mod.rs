//! One NAT or firewall, in the words of RFC 4787: how it maps, what it lets in, how long it
//! remembers. No packets: addresses and the time in, addresses out.
//!
//! A *mapping* is the outside port of an inside address, perhaps of its own for each destination
//! (§4.1). A mapping has *sessions*, one for each destination that the inside sent to; which of
//! them must exist for a packet to come in is its filtering (§5). Sessions expire, sooner while
//! nothing came back, as Linux has it (`nf_conntrack_udp_timeout`), and a mapping with its last.
//!
//! Left out: several outside addresses (pooling, §4.1), port parity (§4.2.2), ICMP.

mod kind;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

pub use kind::{FORWARDED, NatKind, SERVERS, Side, VIEWERS, goes_direct, parse_kinds};

/// Upon what of the remote address a mapping or a filter depends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depends {
    /// Nothing: EIM, EIF.
    Nothing,
    /// Its IP address: ADM, ADF.
    Address,
    /// Its IP address and port: APDM, APDF.
    AddressAndPort,
}

impl Depends {
    /// What of a remote address counts; two that count the same are the same.
    fn of(self, remote: SocketAddr) -> Option<(IpAddr, u16)> {
        match self {
            Depends::Nothing => None,
            Depends::Address => Some((remote.ip(), 0)),
            Depends::AddressAndPort => Some((remote.ip(), remote.port())),
        }
    }
}

/// Which outside port a mapping gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ports {
    /// The inside port, or the next one that is free.
    Preserved,
    /// Any of 40000 to 59999.
    Random,
    /// One more than the last one, from 50000 on.
    Sequential,
    /// The inside address and port stay as they are: a firewall.
    Untranslated,
}

/// An outside port that always leads to an inside address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Forward {
    /// The port outside.
    pub outside: u16,
    /// Where it leads.
    pub inside: SocketAddr,
    /// Whether what the inside starts itself leaves from that port too (1:1); otherwise only
    /// answers to what came in there do.
    pub both_ways: bool,
}

/// What a NAT is like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NatConfig {
    /// When one inside address gets several outside ports.
    pub mapping: Depends,
    /// Whom it must have sent to for a packet to come in.
    pub filtering: Depends,
    /// Which port.
    pub ports: Ports,
    /// How long a session lives once packets went both ways. RFC 4787 REQ-5: at least 120 s.
    pub lifetime: Duration,
    /// How long before.
    pub lifetime_one_way: Duration,
    /// Whether the inside reaches its own outside ports (§6).
    pub hairpin: bool,
    /// Static forwards.
    pub forwards: Vec<Forward>,
}

impl NatConfig {
    /// A NAT of these three, with Linux's lifetimes and no hairpin.
    pub fn new(mapping: Depends, filtering: Depends, ports: Ports) -> NatConfig {
        NatConfig {
            mapping,
            filtering,
            ports,
            lifetime: Duration::from_secs(120),
            lifetime_one_way: Duration::from_secs(30),
            hairpin: false,
            forwards: Vec::new(),
        }
    }
}

/// One NAT.
#[derive(Debug)]
pub struct Nat {
    config: NatConfig,
    outside: IpAddr,
    mappings: BTreeMap<MappingKey, Mapping>,
    /// Sessions that came in by a forward: inside address, remote address.
    forwarded: BTreeMap<(SocketAddr, SocketAddr), (u16, Session)>,
    counter: u16,
    rng: fastrand::Rng,
}

/// The inside address, and what counts of the destination.
type MappingKey = (SocketAddr, Option<(IpAddr, u16)>);

#[derive(Debug)]
struct Mapping {
    outside: SocketAddr,
    sessions: BTreeMap<SocketAddr, Session>,
}

#[derive(Debug, Clone, Copy)]
struct Session {
    expires: Instant,
    both_ways: bool,
}

/// The port that sequential NATs begin with.
const SEQUENCE_BEGINS: u16 = 50_000;

impl Nat {
    /// Makes a NAT with this address outside.
    pub fn new(config: NatConfig, outside: IpAddr, seed: u64) -> Nat {
        Nat {
            config,
            outside,
            mappings: BTreeMap::new(),
            forwarded: BTreeMap::new(),
            counter: SEQUENCE_BEGINS,
            rng: fastrand::Rng::with_seed(seed),
        }
    }

    /// Its address outside.
    pub fn outside(&self) -> IpAddr {
        self.outside
    }

    /// Whether it leaves addresses alone.
    pub fn is_firewall(&self) -> bool {
        self.config.ports == Ports::Untranslated
    }

    /// Whether the inside reaches its own outside ports.
    pub fn hairpins(&self) -> bool {
        self.config.hairpin
    }

    /// A packet leaves: the outside address that it leaves from.
    pub fn outbound(&mut self, now: Instant, inside: SocketAddr, remote: SocketAddr) -> SocketAddr {
        self.expire(now);
        let (long, short) = (self.config.lifetime, self.config.lifetime_one_way);
        if let Some((port, session)) = self.forwarded.get_mut(&(inside, remote)) {
            session.on_packet(now, true, long, short);
            return SocketAddr::new(self.outside, *port);
        }
        let forward = self.config.forwards.iter().find(|f| f.both_ways && f.inside == inside);
        if let Some(forward) = forward {
            return SocketAddr::new(self.outside, forward.outside);
        }
        let key = (inside, self.config.mapping.of(remote));
        if !self.mappings.contains_key(&key) {
            let outside = self.draw_outside(inside);
            self.mappings.insert(key, Mapping { outside, sessions: BTreeMap::new() });
        }
        let mapping = self.mappings.get_mut(&key).expect("it was inserted above");
        let fresh = Session { expires: now + short, both_ways: false };
        let session = mapping.sessions.entry(remote).or_insert(fresh);
        session.on_packet(now, false, long, short);
        mapping.outside
    }

    /// A packet arrives at `outside`, which is its own (or, at a firewall, of the inside): the
    /// inside address that it is let through to.
    pub fn inbound(
        &mut self,
        now: Instant,
        outside: SocketAddr,
        remote: SocketAddr,
    ) -> Option<SocketAddr> {
        self.expire(now);
        let NatConfig { filtering, lifetime, lifetime_one_way, .. } = self.config;
        for ((inside, _), mapping) in &mut self.mappings {
            if mapping.outside != outside {
                continue;
            }
            let lets_in = |known: &SocketAddr| filtering.of(*known) == filtering.of(remote);
            if !mapping.sessions.keys().any(lets_in) {
                break;
            }
            if let Some(session) = mapping.sessions.get_mut(&remote) {
                session.on_packet(now, true, lifetime, lifetime_one_way);
            }
            return Some(*inside);
        }
        let forward = self.config.forwards.iter().find(|f| f.outside == outside.port())?;
        let fresh = Session { expires: now + lifetime_one_way, both_ways: false };
        let key = (forward.inside, remote);
        self.forwarded.entry(key).or_insert((forward.outside, fresh));
        Some(forward.inside)
    }

    /// Forgets all mappings, as a reboot does. What counts goes on counting.
    pub fn flush(&mut self) {
        self.mappings.clear();
        self.forwarded.clear();
    }

    /// Forgets all mappings and gets another address outside.
    pub fn renumber(&mut self, outside: IpAddr) {
        self.flush();
        self.outside = outside;
    }

    fn draw_outside(&mut self, inside: SocketAddr) -> SocketAddr {
        let is_free = |port: u16| {
            let taken = |mapping: &Mapping| mapping.outside.port() == port;
            let forwarded = self.config.forwards.iter().any(|forward| forward.outside == port);
            !forwarded && !self.mappings.values().any(taken)
        };
        let port = match self.config.ports {
            Ports::Untranslated => return inside,
            Ports::Preserved => {
                let next = (0..=u16::MAX).map(|ahead| inside.port().wrapping_add(ahead));
                next.filter(|port| *port >= 1_024).find(|port| is_free(*port)).unwrap_or(1_024)
            }
            Ports::Random => {
                let mut rng = self.rng.clone();
                let port = std::iter::repeat_with(|| rng.u16(40_000..60_000)).find(|p| is_free(*p));
                self.rng = rng;
                port.unwrap_or(40_000)
            }
            Ports::Sequential => {
                let port = self.counter;
                self.counter = self.counter.checked_add(1).unwrap_or(SEQUENCE_BEGINS);
                port
            }
        };
        SocketAddr::new(self.outside, port)
    }

    fn expire(&mut self, now: Instant) {
        for mapping in self.mappings.values_mut() {
            mapping.sessions.retain(|_, session| session.expires > now);
        }
        self.mappings.retain(|_, mapping| !mapping.sessions.is_empty());
        self.forwarded.retain(|_, (_, session)| session.expires > now);
    }
}

impl Session {
    fn on_packet(&mut self, now: Instant, answers: bool, long: Duration, short: Duration) {
        self.both_ways |= answers;
        self.expires = now + if self.both_ways { long } else { short };
    }
}
