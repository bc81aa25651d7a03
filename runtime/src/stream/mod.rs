//! TCP and TLS connections: those that viewers made to us (RFC 6544), and ours to TURN servers.
//!
//! [`Streams`] is a table of them by the id that the endpoint knows them under. One of them
//! ([`connection`]) connects without blocking, speaks TLS where that was asked for ([`tls`]), reads
//! into a bounded buffer and writes from a bounded queue. A transmit is taken whole or not at all:
//! the endpoint frames its messages, and half a frame would garble all that follow.
//!
//! The shells wait for the connections: they ask which ones have [changed](Streams::take_changed),
//! and say what they heard by [`Streams::on_readable`] and [`Streams::on_writable`]. What happened
//! to a connection is told as [`News`], in order.

mod connection;
mod pinned;
mod tls;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use pinhole_core::StreamId;

pub use self::connection::Stream;
use self::connection::{Limits, Parting};
pub(crate) use self::tls::TlsClient;
pub use self::tls::turn_tls_config;
use crate::RuntimeStats;

/// From the wish to connect to a connection that is up, TLS included; it counts as failed then.
const CONNECT_MAX: Duration = Duration::from_secs(5);
/// How long a peer may take nothing at all of what is queued for it; it counts as gone then.
const STALL_MAX: Duration = Duration::from_secs(10);
/// Bytes queued beyond which the endpoint is told to hold back; below half of it, to go on. Media
/// of a quarter of a second at 2 Mbit/s: what waits here can no longer be dropped by whole frames.
const QUEUE_BYTES_HIGH: usize = 64 * 1024;
/// Bytes queued at most; a transmit that does not fit is dropped whole. The endpoint has stopped
/// long before.
const QUEUE_BYTES_MAX: usize = 4 * QUEUE_BYTES_HIGH;
/// Connections driven in one turn; the others come with the next.
const STREAMS_PER_TURN: usize = 64;
/// Bytes read at once: more than the largest TLS record.
const READ_BYTES: usize = 32 * 1024;

/// What happened to a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum News<'a> {
    /// It is up, TLS included where that was asked for.
    Connected,
    /// It brought bytes.
    Data(&'a [u8]),
    /// It takes no more for now (true), or does again.
    Blocked(bool),
    /// It ended, or could not be made. Nothing follows.
    Closed,
}

/// All connections.
pub struct Streams {
    table: BTreeMap<StreamId, Stream>,
    /// New, gone, or waiting for something else than before, since the shell last asked.
    changed: Vec<StreamId>,
    /// Those with something to do, each once, in the order in which it was heard.
    ready: VecDeque<StreamId>,
    deadlines: BTreeSet<(Instant, StreamId)>,
    tls: TlsClient,
    limits: Limits,
    room: Box<[u8]>,
}

/// None, and none that speak TLS.
impl Default for Streams {
    fn default() -> Streams {
        Streams::new(TlsClient::unused())
    }
}

/// Who is told of what happened to which connection.
pub type Tell<'a> = dyn FnMut(StreamId, News<'_>) + 'a;

impl Streams {
    /// None yet. `tls` verifies the servers of those that speak TLS.
    pub(crate) fn new(tls: TlsClient) -> Streams {
        let limits = Limits {
            connect: CONNECT_MAX,
            stall: STALL_MAX,
            queue_high: QUEUE_BYTES_HIGH,
            queue: QUEUE_BYTES_MAX,
        };
        Streams::with_limits(tls, limits)
    }

    fn with_limits(tls: TlsClient, limits: Limits) -> Streams {
        Streams {
            table: BTreeMap::new(),
            changed: Vec::new(),
            ready: VecDeque::new(),
            deadlines: BTreeSet::new(),
            tls,
            limits,
            room: vec![0; READ_BYTES].into_boxed_slice(),
        }
    }

    /// The connections to look at: new ones to wait for, old ones that may [want room](
    /// Stream::wants_room) by now, and such as are gone, for which [`Streams::get`] has nothing.
    pub fn take_changed(&mut self) -> Vec<StreamId> {
        std::mem::take(&mut self.changed)
    }

    /// One connection.
    pub fn get(&self, id: StreamId) -> Option<&Stream> {
        self.table.get(&id)
    }

    /// Says that bytes, an error or the end may be waiting.
    pub fn on_readable(&mut self, id: StreamId) {
        if let Some(stream) = self.table.get_mut(&id) {
            stream.on_readable();
            list(&mut self.ready, id, stream);
        }
    }

    /// Says that there is room to write, or that a connection is up or failed.
    pub fn on_writable(&mut self, id: StreamId) {
        if let Some(stream) = self.table.get_mut(&id) {
            stream.on_writable();
            list(&mut self.ready, id, stream);
        }
    }

    /// Says that a connection cannot be waited for: it ends.
    pub fn on_broken(&mut self, id: StreamId, error: std::io::Error) {
        if let Some(stream) = self.table.get_mut(&id) {
            stream.broken = Some(error);
            list(&mut self.ready, id, stream);
        }
    }

    /// Whether one of them has something to do.
    pub fn is_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// Begins to connect. `tls`: the name of the server, which its certificate must have.
    pub fn connect(
        &mut self,
        now: Instant,
        id: StreamId,
        remote: SocketAddr,
        tls: Option<&str>,
        tell: &mut Tell<'_>,
    ) {
        let session = tls.map(|name| self.tls.session(name)).transpose();
        let made = session.and_then(|session| Stream::connect(now, remote, session, &self.limits));
        match made {
            Ok(stream) => {
                tracing::debug!(?id, %remote, tls = tls.is_some(), "connecting");
                self.insert(id, stream);
            }
            Err(parting) => {
                tracing::debug!(?id, %remote, %parting, "a connection cannot be made");
                tell(id, News::Closed);
            }
        }
    }

    /// Takes over a connection that is up. Fails where the system does not have it any more.
    pub fn adopt(&mut self, id: StreamId, stream: TcpStream) -> std::io::Result<()> {
        let stream = Stream::adopt(stream)?;
        self.insert(id, stream);
        Ok(())
    }

    /// Queues bytes, all or none of them; they leave with the next turn.
    pub fn send(
        &mut self,
        now: Instant,
        id: StreamId,
        bytes: &[u8],
        stats: &mut RuntimeStats,
        tell: &mut Tell<'_>,
    ) {
        let Some(stream) = self.table.get_mut(&id) else {
            stats.stream_drops += 1;
            return;
        };
        if !stream.queue(bytes, &self.limits) {
            tracing::debug!(?id, len = bytes.len(), "dropped: a connection takes no more");
            stats.stream_drops += 1;
            return;
        }
        tracing::trace!(?id, len = bytes.len(), "out");
        list(&mut self.ready, id, stream);
        // What one turn hands out may be more than fits the queue, and the peer may have room.
        if stream.queued() > self.limits.queue_high {
            self.drive(now, id, stats, tell);
        }
    }

    /// Does what is to be done: connects, writes, reads, tells. Bounded; what is left over makes
    /// [`Streams::is_ready`] true.
    pub fn run(&mut self, now: Instant, stats: &mut RuntimeStats, tell: &mut Tell<'_>) {
        for _ in 0..self.ready.len().min(STREAMS_PER_TURN) {
            let Some(id) = self.ready.pop_front() else { return };
            if let Some(stream) = self.table.get_mut(&id) {
                stream.listed = false;
            }
            self.drive(now, id, stats, tell);
        }
    }

    /// Ends a connection; nothing is told of it. What is queued leaves as far as there is room.
    pub fn disconnect(&mut self, id: StreamId) {
        if let Some(mut stream) = self.table.remove(&id) {
            tracing::debug!(?id, "disconnected");
            stream.say_goodbye();
            self.forget(id, &stream);
        }
    }

    /// When [`Streams::fire`] is due.
    pub fn deadline(&self) -> Option<Instant> {
        self.deadlines.first().map(|(at, _)| *at)
    }

    /// Ends those that took too long to connect, or to take anything.
    pub fn fire(&mut self, now: Instant, stats: &mut RuntimeStats, tell: &mut Tell<'_>) {
        while let Some(&(at, id)) = self.deadlines.first()
            && at <= now
        {
            self.deadlines.pop_first();
            self.part(id, &Parting::Late, stats, tell);
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.table.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    fn insert(&mut self, id: StreamId, mut stream: Stream) {
        list(&mut self.ready, id, &mut stream);
        self.changed.push(id);
        self.deadlines.extend(stream.deadline.map(|at| (at, id)));
        self.table.insert(id, stream);
    }

    fn drive(&mut self, now: Instant, id: StreamId, stats: &mut RuntimeStats, tell: &mut Tell<'_>) {
        let Some(stream) = self.table.get_mut(&id) else { return };
        let (deadline, wanted_room) = (stream.deadline, stream.wants_room());
        let room = &mut self.room;
        let driven = stream.drive(now, &self.limits, room, stats, &mut |news| tell(id, news));
        if let Err(parting) = driven {
            return self.part(id, &parting, stats, tell);
        }
        if stream.has_work() {
            list(&mut self.ready, id, stream);
        }
        if stream.wants_room() != wanted_room {
            self.changed.push(id);
        }
        if stream.deadline != deadline {
            self.deadlines.extend(stream.deadline.map(|at| (at, id)));
            if let Some(at) = deadline {
                self.deadlines.remove(&(at, id));
            }
        }
    }

    /// Forgets a connection that ended by itself, and tells that.
    fn part(
        &mut self,
        id: StreamId,
        parting: &Parting,
        stats: &mut RuntimeStats,
        tell: &mut Tell<'_>,
    ) {
        let Some(mut stream) = self.table.remove(&id) else { return };
        tracing::debug!(?id, %parting, "a connection ended");
        if let (Parting::Tls(error), Some(name)) = (parting, stream.server_name()) {
            self.tls.on_refusal(name, error);
        }
        stats.streams_failed += u64::from(!stream.is_up());
        // Tells the server why its certificate was refused.
        stream.say_goodbye();
        self.forget(id, &stream);
        tell(id, News::Closed);
    }

    fn forget(&mut self, id: StreamId, stream: &Stream) {
        if let Some(at) = stream.deadline {
            self.deadlines.remove(&(at, id));
        }
        self.changed.push(id);
    }
}

/// Puts a connection on the list of those with something to do, unless it stands there.
fn list(ready: &mut VecDeque<StreamId>, id: StreamId, stream: &mut Stream) {
    if !std::mem::replace(&mut stream.listed, true) {
        ready.push_back(id);
    }
}

#[cfg(test)]
mod tests;
