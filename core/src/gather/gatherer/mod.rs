//! Gathers for ever: asks the servers what they see of us, holds an allocation at each relay, and
//! keeps the list of candidates up to date.
//!
//! Once per endpoint, not per viewer: an answer takes what is known and waits for nobody. A server
//! that is dead costs its own candidates. Every change of the list is an event, from which viewers
//! are told what is new.

mod candidates;
mod facts;
mod link;
mod mappings;
mod relay;
mod relays;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use self::facts::Role;
use self::mappings::{Mapping, MappingKey};
use self::relay::Relay;
use super::{Audience, GatherConfig, LocalCandidate, ServerReport, local_candidates};
use crate::base::{Deadlines, SeedRng, StreamId, WallClock};
use crate::wire::DropReason;

/// Between the first requests to different servers: RFC 8445 §14.2 paces by 50 ms for fear of
/// congestion; a handful of small datagrams is none.
const STAGGER: Duration = Duration::from_millis(5);

/// Gathers for ever.
pub(crate) struct Gatherer {
    config: GatherConfig,
    wall_clock: WallClock,
    rng: SeedRng,
    mappings: BTreeMap<MappingKey, Mapping>,
    /// By the server's place in the configuration.
    relays: BTreeMap<usize, Relay>,
    /// All addresses that something of ours may come from: quick to look up for each datagram.
    servers: BTreeSet<SocketAddr>,
    candidates: Vec<LocalCandidate>,
    /// Whether a NAT counts, see [`Gatherer::predicted`].
    predicts: bool,
    /// Candidates that the program added.
    added: Vec<LocalCandidate>,
    deadlines: Deadlines<Machine>,
    /// Machines that may have something to send.
    pending: VecDeque<Machine>,
    events: VecDeque<GatherEvent>,
    streams_made: u64,
    /// What each server said last, in each of its roles.
    said: BTreeMap<(usize, Role), ServerReport>,
}

/// Which of our machines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Machine {
    Mapping(MappingKey),
    Relay(usize),
}

/// How a message of ours leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Leg {
    Datagram { local: SocketAddr, remote: SocketAddr },
    Stream(StreamId),
}

/// What a datagram is to the gatherer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Inbound<'a> {
    /// It comes from no server.
    NotOurs,
    /// It was for us, and taken or not.
    Control(Result<(), DropReason>),
    /// Something that a peer sent to a relay.
    Data { relayed: SocketAddr, peer: SocketAddr, payload: &'a [u8] },
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum GatherEvent {
    /// The list of candidates is another one.
    Changed {
        added: Vec<LocalCandidate>,
        removed: Vec<LocalCandidate>,
    },
    Connect {
        stream: StreamId,
        remote: SocketAddr,
        tls: Option<String>,
    },
    Disconnect {
        stream: StreamId,
    },
    ResolveWanted {
        server: usize,
    },
    Server {
        server: usize,
        report: ServerReport,
    },
}

impl Gatherer {
    pub(crate) fn new(
        now: Instant,
        config: GatherConfig,
        wall_clock: WallClock,
        rng: SeedRng,
    ) -> Gatherer {
        let mut gatherer = Gatherer {
            candidates: local_candidates(&config),
            config,
            wall_clock,
            rng,
            mappings: BTreeMap::new(),
            relays: BTreeMap::new(),
            servers: BTreeSet::new(),
            predicts: false,
            added: Vec::new(),
            deadlines: Deadlines::new(),
            pending: VecDeque::new(),
            events: VecDeque::new(),
            streams_made: 0,
            said: BTreeMap::new(),
        };
        gatherer.ask(now);
        gatherer
    }

    /// The addresses of our UDP sockets.
    pub(crate) fn bases(&self) -> &[SocketAddr] {
        &self.config.bases
    }

    /// The addresses where viewers may connect by TCP.
    pub(crate) fn tcp_bases(&self) -> &[SocketAddr] {
        &self.config.tcp_bases
    }

    pub(crate) fn config(&self) -> &GatherConfig {
        &self.config
    }

    /// What viewers are told, best first.
    pub(crate) fn candidates(&self) -> &[LocalCandidate] {
        &self.candidates
    }

    /// Whether the next ports of a NAT in front of us can be told.
    pub(crate) fn predicts(&self) -> bool {
        self.predicts
    }

    /// The id of a connection that somebody made to us.
    pub(crate) fn next_stream(&mut self) -> StreamId {
        self.streams_made += 1;
        StreamId(self.streams_made)
    }

    /// Takes a datagram, if it comes from one of the servers.
    pub(crate) fn handle_datagram<'a>(
        &mut self,
        now: Instant,
        local: SocketAddr,
        remote: SocketAddr,
        payload: &'a [u8],
    ) -> Inbound<'a> {
        if !self.servers.contains(&remote) {
            return Inbound::NotOurs;
        }
        let mut refused = None;
        for (index, relay) in &mut self.relays {
            let Some(taken) = relay.handle_datagram(now, local, remote, payload) else { continue };
            match taken {
                Inbound::Control(Err(reason)) => refused = Some(reason),
                taken => {
                    let index = *index;
                    self.settle(now, Machine::Relay(index));
                    return taken;
                }
            }
        }
        let at = |key: &&MappingKey| key.base == local && key.address == remote;
        let keys: Vec<MappingKey> = self.mappings.keys().filter(at).copied().collect();
        for key in keys {
            let Some(mapping) = self.mappings.get_mut(&key) else { continue };
            match mapping.binding.handle_message(now, payload) {
                Ok(()) => {
                    self.settle(now, Machine::Mapping(key));
                    return Inbound::Control(Ok(()));
                }
                Err(reason) => refused = Some(reason),
            }
        }
        Inbound::Control(Err(refused.unwrap_or(DropReason::NoRoute)))
    }

    /// Takes one message of a connection to a TURN server.
    pub(crate) fn handle_stream_message<'a>(
        &mut self,
        now: Instant,
        stream: StreamId,
        message: &'a [u8],
    ) -> Inbound<'a> {
        let mut relays = self.relays.iter_mut().filter(|(_, relay)| relay.stream() == Some(stream));
        let Some((index, relay)) = relays.next() else { return Inbound::NotOurs };
        let (index, taken) = (*index, relay.handle_message(now, message));
        self.settle(now, Machine::Relay(index));
        taken
    }

    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        while let Some(machine) = self.deadlines.pop_due(now) {
            match machine {
                Machine::Mapping(key) => {
                    if let Some(mapping) = self.mappings.get_mut(&key) {
                        mapping.binding.handle_timeout(now);
                    }
                }
                Machine::Relay(index) => self.relay_timeout(now, index),
            }
            self.settle(now, machine);
        }
    }

    /// The next message to a server.
    pub(crate) fn poll_transmit(
        &mut self,
        now: Instant,
        buffer: &mut [u8],
    ) -> Option<(Leg, usize)> {
        while let Some(machine) = self.pending.front().copied() {
            let sent = match machine {
                Machine::Mapping(key) => self.mappings.get_mut(&key).and_then(|mapping| {
                    let len = mapping.binding.poll_transmit(now, buffer)?;
                    Some((Leg::Datagram { local: key.base, remote: key.address }, len))
                }),
                Machine::Relay(index) => {
                    self.relays.get_mut(&index).and_then(|relay| relay.poll_transmit(now, buffer))
                }
            };
            if sent.is_some() {
                return sent;
            }
            self.pending.pop_front();
            self.set_deadline(machine);
        }
        None
    }

    pub(crate) fn poll_event(&mut self) -> Option<GatherEvent> {
        self.events.pop_front()
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.deadlines.earliest().map(|(at, _)| at)
    }

    /// Somebody fell silent: what we believe of the servers is asked anew, at once.
    pub(crate) fn suspect(&mut self, now: Instant) {
        for mapping in self.mappings.values_mut() {
            mapping.binding.probe(now);
        }
        self.suspect_relays(now);
    }

    /// Adds a socket that the program opened late.
    pub(crate) fn add_base(&mut self, now: Instant, base: SocketAddr) {
        self.config.bases.push(base);
        self.ask(now);
        self.update_candidates();
    }

    /// Adds a candidate that the program knows of.
    pub(crate) fn add_candidate(&mut self, candidate: LocalCandidate) {
        self.added.push(candidate);
        self.update_candidates();
    }

    /// Takes other addresses of a server.
    pub(crate) fn set_server_addresses(
        &mut self,
        now: Instant,
        server: usize,
        addresses: Vec<SocketAddr>,
    ) {
        if let Some(config) = self.config.servers.get_mut(server)
            && config.addresses != addresses
        {
            tracing::debug!(host = config.host, ?addresses, "server resolved");
            config.addresses = addresses;
            self.ask(now);
        }
    }

    /// Takes other addresses of our sockets.
    pub(crate) fn set_bases(&mut self, now: Instant, udp: Vec<SocketAddr>, tcp: Vec<SocketAddr>) {
        self.config.bases = udp;
        self.config.tcp_bases = tcp;
        self.ask(now);
        self.suspect(now);
        self.update_candidates();
    }

    /// Makes the machines that should be, and ends those that should not.
    fn ask(&mut self, now: Instant) {
        if self.config.audience != Audience::Lan {
            self.ask_for_mappings(now);
            self.ask_for_relays(now);
        }
        self.settle_all(now);
    }

    fn settle_all(&mut self, now: Instant) {
        let mappings = self.mappings.keys().copied().map(Machine::Mapping);
        let relays = self.relays.keys().copied().map(Machine::Relay);
        let machines: Vec<Machine> = mappings.chain(relays).collect();
        for machine in machines {
            self.settle(now, machine);
        }
    }

    /// Hears what a machine has to say.
    fn settle(&mut self, now: Instant, machine: Machine) {
        match machine {
            Machine::Mapping(key) => self.settle_mapping(now, key),
            Machine::Relay(index) => self.settle_relay(now, index),
        }
        self.touch(machine);
    }

    /// Notes that a machine may have something to send.
    fn touch(&mut self, machine: Machine) {
        if !self.pending.contains(&machine) {
            self.pending.push_back(machine);
        }
        self.set_deadline(machine);
    }

    fn set_deadline(&mut self, machine: Machine) {
        let at = match machine {
            Machine::Mapping(key) => {
                self.mappings.get(&key).and_then(|mapping| mapping.binding.poll_timeout())
            }
            Machine::Relay(index) => self.relays.get(&index).and_then(Relay::poll_timeout),
        };
        self.deadlines.set(machine, at);
    }

    fn update_servers(&mut self) {
        let mappings = self.mappings.keys().map(|key| key.address);
        self.servers =
            mappings.chain(self.relays.values().filter_map(Relay::server_address)).collect();
    }
}

#[cfg(test)]
mod tests;
