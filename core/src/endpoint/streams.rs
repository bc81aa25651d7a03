//! TCP and TLS connections: those that viewers made (ICE over TCP, RFC 6544, framed as RFC 4571
//! says) and those to TURN servers.
//!
//! Bytes come in as the shell reads them and are put together here. What leaves is framed in place
//! where it is written. While a connection takes no more, the sessions behind it are not asked for
//! datagrams, and so lose frames whole.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::receive::Arrival;
use super::routes::Via;
use super::{DropReason, Endpoint, Event, SessionId, StreamId};
use crate::base::Deadlines;
use crate::gather::Inbound;
use crate::turn;

/// Connections of viewers per session that may live; each viewer has one, and one more while it
/// changes networks. Those above are closed at once.
const STREAMS_PER_SESSION: usize = 2;
/// Connections beyond that, for whoever has not shown yet who he is.
const STREAMS_SPARE: usize = 32;
/// How long a connection may take to carry an authentic check.
const PROOF_TIME: Duration = Duration::from_secs(10);
/// Bytes that wait for the rest of their message: the longest message there is.
const INBOX_BYTES_MAX: usize = 65_540;

/// All connections.
#[derive(Debug, Default)]
pub(super) struct Streams {
    table: BTreeMap<StreamId, Stream>,
    /// Connections of viewers, by the address that they come from.
    by_remote: BTreeMap<SocketAddr, StreamId>,
    /// Until when connections of viewers on which nobody proved himself may live.
    unproved: Deadlines<StreamId>,
    /// Those on which a session did.
    owned: BTreeSet<(SessionId, StreamId)>,
    /// Sessions that wait until a connection takes more.
    parked: BTreeSet<(SessionId, StreamId)>,
}

#[derive(Debug)]
struct Stream {
    kind: Kind,
    inbox: Vec<u8>,
    blocked: bool,
    /// Sessions that wait until it takes more.
    parked: BTreeSet<SessionId>,
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    /// To a TURN server.
    Turn,
    /// From a viewer. `local` is our TCP base; `owner` the session that proved itself on it.
    Viewer { local: SocketAddr, remote: SocketAddr, owner: Option<SessionId> },
}

impl Streams {
    pub(super) fn add_turn(&mut self, id: StreamId) {
        self.table.insert(id, Stream::new(Kind::Turn));
    }

    /// The connection of the viewer at this address.
    pub(super) fn of_viewer(&self, remote: SocketAddr) -> Option<StreamId> {
        self.by_remote.get(&remote).copied()
    }

    /// Makes a session wait for a connection that takes no more. False: it does take more.
    pub(super) fn park(&mut self, stream: StreamId, session: SessionId) -> bool {
        let blocked = self.table.get_mut(&stream).filter(|stream| stream.blocked);
        let parked = blocked.map(|stream| stream.parked.insert(session)).is_some();
        if parked {
            self.parked.insert((session, stream));
        }
        parked
    }

    /// Takes a session out of every waiting row. True: it waited.
    pub(super) fn unpark(&mut self, session: SessionId) -> bool {
        let mut waited = false;
        for stream in take_all_of(&mut self.parked, session) {
            let stream = self.table.get_mut(&stream);
            waited |= stream.is_some_and(|stream| stream.parked.remove(&session));
        }
        waited
    }

    /// Lets the sessions that wait for a connection go on.
    fn release(&mut self, id: StreamId, parked: BTreeSet<SessionId>) -> BTreeSet<SessionId> {
        for session in &parked {
            self.parked.remove(&(*session, id));
        }
        parked
    }

    /// When the first viewer's connection must have proved itself.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.unproved.earliest().map(|(at, _)| at)
    }

    fn of_viewers(&self) -> usize {
        self.by_remote.len()
    }

    fn remove(&mut self, id: StreamId) -> Option<Stream> {
        let stream = self.table.remove(&id)?;
        self.unproved.set(id, None);
        if let Kind::Viewer { remote, owner, .. } = stream.kind {
            self.by_remote.remove(&remote);
            owner.map(|owner| self.owned.remove(&(owner, id)));
        }
        Some(stream)
    }
}

impl Stream {
    fn new(kind: Kind) -> Stream {
        Stream { kind, inbox: Vec::new(), blocked: false, parked: BTreeSet::new() }
    }
}

/// Takes the connections of one session out of a table.
fn take_all_of(table: &mut BTreeSet<(SessionId, StreamId)>, session: SessionId) -> Vec<StreamId> {
    let all = (session, StreamId(0))..=(session, StreamId(u64::MAX));
    let taken: Vec<StreamId> = table.range(all).map(|(_, stream)| *stream).collect();
    for stream in &taken {
        table.remove(&(session, *stream));
    }
    taken
}

impl Endpoint {
    /// Takes a TCP connection that somebody made to one of our TCP bases, to speak ICE on it: its
    /// first bytes are an RFC 4571 frame with a STUN message. `None`: there are too many, or we have
    /// no TCP address of that family; close it.
    pub fn accept_stream(
        &mut self,
        now: Instant,
        local: SocketAddr,
        remote: SocketAddr,
    ) -> Option<StreamId> {
        let most = STREAMS_PER_SESSION * self.sessions.len() + STREAMS_SPARE;
        let bases = self.gatherer.tcp_bases();
        let base = bases
            .iter()
            .find(|base| **base == local)
            .or_else(|| bases.iter().find(|base| base.is_ipv4() == local.is_ipv4()));
        let local = base.copied().filter(|_| self.streams.of_viewers() < most)?;
        if self.streams.by_remote.contains_key(&remote) {
            return None;
        }
        let id = self.gatherer.next_stream();
        let kind = Kind::Viewer { local, remote, owner: None };
        self.streams.table.insert(id, Stream::new(kind));
        self.streams.unproved.set(id, Some(now + PROOF_TIME));
        self.streams.by_remote.insert(remote, id);
        self.set_stream_deadline();
        Some(id)
    }

    /// Tells that a connection that [`Event::Connect`] asked for is up, TLS included where that was
    /// asked for.
    pub fn handle_stream_connected(&mut self, now: Instant, stream: StreamId) {
        self.gatherer.stream_connected(now, stream);
        self.after_gathering(now);
    }

    /// Takes bytes of a connection, as many as came.
    pub fn handle_stream_data(&mut self, now: Instant, stream: StreamId, bytes: &[u8]) {
        let Some(known) = self.streams.table.get_mut(&stream) else { return };
        let kind = known.kind;
        let mut inbox = std::mem::take(&mut known.inbox);
        inbox.extend_from_slice(bytes);
        let mut rest = inbox.as_slice();
        let broken = loop {
            match next_message(kind, rest) {
                Ok(Some((message, after))) => {
                    rest = after;
                    self.handle_stream_message(now, stream, kind, message);
                }
                Ok(None) => break rest.len() > INBOX_BYTES_MAX,
                Err(()) => break true,
            }
        };
        let rest = rest.to_vec();
        if broken {
            tracing::debug!(?stream, "a connection carries something else, closed");
            self.stats.streams_broken_total += 1;
            self.disconnect(now, stream);
        } else if let Some(known) = self.streams.table.get_mut(&stream) {
            known.inbox = rest;
        }
        self.after_gathering(now);
    }

    /// Tells that a connection ended, or could not be made.
    pub fn handle_stream_closed(&mut self, now: Instant, stream: StreamId) {
        self.forget_stream(now, stream);
        self.after_gathering(now);
    }

    /// Tells whether a connection takes more. While it does not, viewers behind it lose frames
    /// whole, and nothing is handed out for it beyond what was.
    pub fn set_stream_blocked(&mut self, _now: Instant, stream: StreamId, blocked: bool) {
        let Some(known) = self.streams.table.get_mut(&stream) else { return };
        known.blocked = blocked;
        if !blocked {
            let parked = std::mem::take(&mut known.parked);
            self.ready.extend(self.streams.release(stream, parked));
        }
    }

    /// Closes viewers' connections on which nobody showed who he is.
    pub(super) fn close_unproved_streams(&mut self, now: Instant) {
        while let Some(stream) = self.streams.unproved.pop_due(now) {
            self.disconnect(now, stream);
        }
        self.set_stream_deadline();
    }

    /// Closes the connections of a session that is gone.
    pub(super) fn close_streams_of(&mut self, now: Instant, session: SessionId) {
        for stream in take_all_of(&mut self.streams.owned, session) {
            self.disconnect(now, stream);
        }
        self.streams.unpark(session);
    }

    /// Closes a connection of our own accord.
    pub(super) fn disconnect(&mut self, now: Instant, stream: StreamId) {
        self.events.push_back(Event::Disconnect { stream });
        self.forget_stream(now, stream);
    }

    pub(super) fn forget_stream(&mut self, now: Instant, stream: StreamId) {
        let Some(known) = self.streams.remove(stream) else { return };
        // They find that there is no way, and str0m another one.
        self.ready.extend(self.streams.release(stream, known.parked));
        if let Kind::Viewer { owner: Some(owner), .. } = known.kind {
            self.routes.remove_stream(owner, stream);
        }
        self.gatherer.stream_closed(now, stream);
        self.set_stream_deadline();
    }

    fn set_stream_deadline(&mut self) {
        self.deadlines.set(super::Key::Streams, self.streams.deadline());
    }

    fn handle_stream_message(
        &mut self,
        now: Instant,
        stream: StreamId,
        kind: Kind,
        message: &[u8],
    ) {
        self.stats.datagrams_received_total += 1;
        let routed = match kind {
            Kind::Turn => self.handle_turn_message(now, stream, message),
            Kind::Viewer { local, remote, .. } => {
                let via = Via::Stream(stream);
                let arrival = Arrival { via, local, alias: None, remote, payload: message };
                let routed = self.route(now, &arrival);
                if routed.is_ok() {
                    self.prove_stream(stream);
                }
                routed
            }
        };
        if let Err(reason) = routed {
            self.drop_datagram(reason, stream);
        }
    }

    fn handle_turn_message(
        &mut self,
        now: Instant,
        stream: StreamId,
        message: &[u8],
    ) -> Result<(), DropReason> {
        match self.gatherer.handle_stream_message(now, stream, message) {
            Inbound::NotOurs => Err(DropReason::NoRoute),
            Inbound::Control(taken) => taken,
            Inbound::Data { relayed, peer, payload } => {
                let via = Via::Relay(relayed);
                let arrival = Arrival { via, local: relayed, alias: None, remote: peer, payload };
                self.route(now, &arrival)
            }
        }
    }

    /// What came on it was a session's: from now on it lives as long as that session.
    fn prove_stream(&mut self, stream: StreamId) {
        let Streams { table, unproved, owned, .. } = &mut self.streams;
        let Some(Stream { kind: Kind::Viewer { owner, remote, .. }, .. }) = table.get_mut(&stream)
        else {
            return;
        };
        if owner.is_some() {
            return;
        }
        let route = self.routes.by_remote(Via::Stream(stream), *remote);
        *owner = route.map(|route| route.session);
        if let Some(owner) = *owner {
            unproved.set(stream, None);
            owned.insert((owner, stream));
            self.set_stream_deadline();
        }
    }
}

/// The next whole message of a stream, and what comes after it. `None`: it is not all there yet.
#[expect(clippy::type_complexity, reason = "a message and the rest, named where they are taken")]
fn next_message(kind: Kind, bytes: &[u8]) -> Result<Option<(&[u8], &[u8])>, ()> {
    let (header, len) = match kind {
        // RFC 4571 §2.
        Kind::Viewer { .. } => match bytes.first_chunk::<2>() {
            Some(len) => (2, usize::from(u16::from_be_bytes(*len))),
            None => return Ok(None),
        },
        Kind::Turn => match turn::next_message(bytes).map_err(|_| ())? {
            Some(len) => (0, len),
            None => return Ok(None),
        },
    };
    let Some((frame, rest)) = bytes.split_at_checked(header + len) else { return Ok(None) };
    Ok(Some((frame.get(header..).unwrap_or_default(), rest)))
}
