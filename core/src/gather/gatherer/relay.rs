//! One TURN server: an allocation, and the [`Link`] that leads to it.

use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use super::link::{Action, Input, Link};
use super::mappings::reaches;
use super::{Inbound, Leg};
use crate::base::{SeedRng, StreamId, WallClock};
use crate::gather::{CandidateKind, LocalCandidate, ServerConfig, TurnTransport};
use crate::portmap::Protocol;
use crate::turn::{
    self, Allocation, AllocationConfig, AllocationEvent, Credentials, Families, Received,
};
use crate::wire::{DropReason, Envelope};

/// Refused peers kept for a diagnosis.
const PEERS_REFUSED_MAX: usize = 16;

/// One TURN server.
pub(super) struct Relay {
    transport: TurnTransport,
    credentials: Credentials,
    /// The name that a certificate must have.
    host: String,
    /// Ways to reach it, the preferred first: our socket (for UDP) and its address.
    ways: Vec<Way>,
    /// Which of them is tried or used.
    way: usize,
    link: Link,
    /// While there is a leg; a broken connection leaves it, so that peers are kept.
    allocation: Option<Allocation>,
    wall_clock: WallClock,
    rng: SeedRng,
    /// The realm in which an allocation was granted last.
    granted_realm: Option<String>,
    /// Peers that the server does not relay to, and its error code; the latest.
    peers_refused: Vec<(IpAddr, u16)>,
}

/// One way to reach a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Way {
    base: SocketAddr,
    address: SocketAddr,
}

impl Relay {
    /// A relay that nothing leads to yet.
    pub(super) fn new(
        transport: TurnTransport,
        credentials: Credentials,
        host: String,
        wall_clock: WallClock,
        rng: SeedRng,
    ) -> Relay {
        Relay {
            transport,
            credentials,
            host,
            ways: Vec::new(),
            way: 0,
            link: Link::None,
            allocation: None,
            wall_clock,
            rng,
            granted_realm: None,
            peers_refused: Vec::new(),
        }
    }

    pub(super) fn transport(&self) -> TurnTransport {
        self.transport
    }

    pub(super) fn stream(&self) -> Option<StreamId> {
        self.link.stream()
    }

    /// Where its datagrams come from.
    pub(super) fn server_address(&self) -> Option<SocketAddr> {
        match self.link {
            Link::Datagram { .. } => self.allocation.as_ref().map(Allocation::server),
            _ => None,
        }
    }

    pub(super) fn candidates(&self) -> Vec<LocalCandidate> {
        let base = self.current_way().map(|way| way.base);
        let kind = CandidateKind::Relayed(self.transport);
        let relayed = self.relayed();
        let candidate = |address: SocketAddr| {
            let base = base.filter(|base| base.is_ipv4() == address.is_ipv4()).unwrap_or(address);
            LocalCandidate { base, address, kind, protocol: Protocol::Udp }
        };
        relayed.map(candidate).collect()
    }

    pub(super) fn holds(&self, relayed: SocketAddr) -> bool {
        self.relayed().any(|address| address == relayed)
    }

    fn relayed(&self) -> impl Iterator<Item = SocketAddr> {
        // What stood on a broken connection is gone with it.
        let allocation = self.allocation.as_ref().filter(|_| self.link.stands());
        allocation.into_iter().flat_map(Allocation::relayed)
    }

    /// `None`: it comes from somewhere else.
    pub(super) fn handle_datagram<'a>(
        &mut self,
        now: Instant,
        local: SocketAddr,
        remote: SocketAddr,
        payload: &'a [u8],
    ) -> Option<Inbound<'a>> {
        let Link::Datagram { base } = self.link else { return None };
        let is_it = base == local && self.server_address() == Some(remote);
        is_it.then(|| self.handle_message(now, payload))
    }

    pub(super) fn handle_message<'a>(&mut self, now: Instant, message: &'a [u8]) -> Inbound<'a> {
        let Some(allocation) = &mut self.allocation else {
            return Inbound::Control(Err(DropReason::NoRoute));
        };
        match allocation.handle_message(now, message) {
            Ok(Received::Control) => Inbound::Control(Ok(())),
            Ok(Received::Data { relayed, peer, payload }) => {
                Inbound::Data { relayed, peer, payload }
            }
            Err(reason) => Inbound::Control(Err(reason)),
        }
    }

    pub(super) fn poll_transmit(
        &mut self,
        now: Instant,
        buffer: &mut [u8],
    ) -> Option<(Leg, usize)> {
        let leg = self.leg()?;
        let len = self.allocation.as_mut()?.poll_transmit(now, buffer)?;
        Some((leg, len))
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) {
        if let Some(allocation) = &mut self.allocation {
            allocation.handle_timeout(now);
        }
    }

    pub(super) fn poll_event(&mut self) -> Option<AllocationEvent> {
        let event = self.allocation.as_mut().and_then(Allocation::poll_event)?;
        match event {
            AllocationEvent::Allocated { .. } => {
                self.granted_realm = self.realm().map(str::to_owned);
                self.peers_refused.clear();
            }
            AllocationEvent::PeerRefused { peer, code } => {
                self.peers_refused.retain(|(known, _)| *known != peer);
                self.peers_refused.truncate(PEERS_REFUSED_MAX - 1);
                self.peers_refused.insert(0, (peer, code));
            }
            _ => {}
        }
        Some(event)
    }

    /// The realm that the server asked for last.
    pub(super) fn realm(&self) -> Option<&str> {
        self.allocation.as_ref().and_then(Allocation::realm)
    }

    /// The realm in which it granted an allocation last.
    pub(super) fn granted_realm(&self) -> Option<&str> {
        self.granted_realm.as_deref()
    }

    /// Peers that it does not relay to, the latest first.
    pub(super) fn peers_refused(&self) -> &[(IpAddr, u16)] {
        &self.peers_refused
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        match self.link {
            Link::Waiting { until, .. } => Some(until),
            Link::None | Link::Connecting { .. } => None,
            Link::Datagram { .. } | Link::Connected { .. } => {
                self.allocation.as_ref().and_then(Allocation::poll_timeout)
            }
        }
    }

    pub(super) fn wrap(
        &mut self,
        now: Instant,
        peer: SocketAddr,
        len: usize,
    ) -> Option<(Envelope, Leg)> {
        let leg = self.leg()?;
        let around = self.allocation.as_mut()?.wrap(now, peer, len)?;
        let padding = u8::try_from(around.padding()).ok()?;
        Some((Envelope::new(around.prefix(), padding)?, leg))
    }

    pub(super) fn add_peer(&mut self, now: Instant, peer: SocketAddr) {
        if let Some(allocation) = &mut self.allocation {
            allocation.add_peer(now, peer);
        }
    }

    pub(super) fn suspect(&mut self, now: Instant) {
        if let (Some(_), Some(allocation)) = (self.leg(), &mut self.allocation) {
            allocation.suspect(now);
        }
    }

    /// Begins to connect, where a connection is wanted now: where to, and the name that its
    /// certificate must have.
    pub(super) fn connect(
        &mut self,
        now: Instant,
        stream: StreamId,
    ) -> Option<(SocketAddr, Option<String>)> {
        let way = self.current_way()?;
        if self.on(now, Input::Due { stream }) != Action::Connect {
            return None;
        }
        let tls = (self.transport == TurnTransport::Tls).then(|| self.host.clone());
        Some((way.address, tls))
    }

    /// Goes on at another address. `Some`: the connection to be given up, for one to there.
    pub(super) fn move_to(&mut self, now: Instant, address: SocketAddr) -> Option<StreamId> {
        let stream = self.stream();
        if let Some(way) = self.ways.get_mut(self.way) {
            way.address = address;
        }
        self.on(now, Input::Moved);
        stream
    }

    /// Begins anew on the next way, if there is another. `Some`: the connection to be given up.
    pub(super) fn try_next_way(&mut self, now: Instant) -> Option<StreamId> {
        if self.ways.len() < 2 {
            return None;
        }
        let stream = self.stream();
        self.way = (self.way + 1) % self.ways.len();
        self.start(now);
        stream
    }

    /// Gives back what the server holds for us.
    pub(super) fn close(&mut self, now: Instant) {
        if let Some(allocation) = &mut self.allocation {
            allocation.close(now);
        }
    }

    /// Whether the server is known to hold nothing for us, or there is no way to tell it.
    pub(super) fn is_closed(&self) -> bool {
        self.leg().is_none() || self.allocation.as_ref().is_none_or(Allocation::is_closed)
    }

    fn leg(&self) -> Option<Leg> {
        match self.link {
            Link::Datagram { base } => {
                Some(Leg::Datagram { local: base, remote: self.server_address()? })
            }
            Link::Connected { stream } => Some(Leg::Stream(stream)),
            Link::None | Link::Connecting { .. } | Link::Waiting { .. } => None,
        }
    }

    fn current_way(&self) -> Option<Way> {
        self.ways.get(self.way).copied()
    }

    /// Takes the ways that there are now. What works stays as it is.
    pub(super) fn set_ways(&mut self, now: Instant, ways: Vec<Way>) {
        if ways == self.ways {
            return;
        }
        let used = self.current_way();
        let kept = ways.iter().position(|way| Some(*way) == used);
        self.ways = ways;
        match kept {
            Some(place) => self.way = place,
            None => {
                self.way = 0;
                self.start(now);
            }
        }
    }

    /// Begins anew on the current way.
    fn start(&mut self, now: Instant) {
        self.allocation = None;
        let input = match (self.current_way(), self.transport) {
            (None, _) => Input::NoWay,
            (Some(way), TurnTransport::Udp) => {
                self.allocation = Some(self.allocate(now, turn::Leg::Datagram, way));
                Input::Datagram { base: way.base }
            }
            (Some(_), TurnTransport::Tcp | TurnTransport::Tls) => Input::Stream,
        };
        self.on(now, input);
    }

    pub(super) fn connected(&mut self, now: Instant, stream: StreamId) {
        let Some(way) = self.current_way() else { return };
        self.on(now, Input::Up { stream });
        match &mut self.allocation {
            Some(allocation) => allocation.reconnect(now),
            None => self.allocation = Some(self.allocate(now, turn::Leg::Stream, way)),
        }
    }

    /// True: it could not be made in the first place.
    pub(super) fn disconnected(&mut self, now: Instant) -> bool {
        let never_was = self.on(now, Input::Down) == Action::NextWay;
        if never_was && !self.ways.is_empty() {
            self.way = (self.way + 1) % self.ways.len();
        }
        never_was
    }

    /// The one place that sets the link.
    fn on(&mut self, now: Instant, input: Input) -> Action {
        let (next, action) = self.link.on(now, input);
        if next != self.link {
            tracing::trace!(from = ?self.link, to = ?next, ?input, "leg to a TURN server");
        }
        self.link = next;
        action
    }

    fn allocate(&mut self, now: Instant, leg: turn::Leg, way: Way) -> Allocation {
        Allocation::new(
            now,
            AllocationConfig {
                leg,
                server: way.address,
                families: Families::Both,
                credentials: self.credentials.clone(),
                wall_clock: self.wall_clock,
                rng: self.rng.child(),
            },
        )
    }
}

/// Over UDP each of our sockets that leads there; over TCP the system chooses.
pub(super) fn ways(
    config: &ServerConfig,
    transport: TurnTransport,
    bases: &[SocketAddr],
) -> Vec<Way> {
    let mut ways = Vec::new();
    for &address in &config.addresses {
        let mut leading = bases.iter().copied().filter(|base| reaches(*base, address)).peekable();
        if transport == TurnTransport::Udp {
            ways.extend(leading.map(|base| Way { base, address }));
        } else {
            let base = leading.next().unwrap_or(address);
            ways.push(Way { base, address });
        }
    }
    ways
}
