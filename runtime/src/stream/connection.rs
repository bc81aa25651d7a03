//! One TCP connection, with or without TLS on it.
use std::collections::VecDeque;
use std::fmt;
use std::io::{self, BufRead as _, ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::ClientConnection;
use socket2::{Domain, Protocol, Socket, Type};

use super::News;
use super::tls::TlsSession;
use crate::{Descriptor, RuntimeStats};

/// Reads per turn; what is left comes with the next, after datagrams, timers and frames.
const READS_PER_TURN: usize = 4;
/// Room that an empty queue keeps.
const QUEUE_BYTES_KEPT: usize = 16 * 1024;

/// Bounds of a connection, each with what happens there.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// Time to connect, TLS included; it has failed then.
    pub(super) connect: Duration,
    /// Time without any progress of what is queued; the peer has gone then.
    pub(super) stall: Duration,
    /// Bytes queued beyond which the endpoint is told to hold back.
    pub(super) queue_high: usize,
    /// Bytes queued at most; what does not fit is dropped whole.
    pub(super) queue: usize,
}

/// ```text
/// Connecting --writable--> Securing --handshake done--> Up
///     |          (or, without TLS, Up at once)
///     +--any error, the end, or a deadline: the connection is forgotten
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// TCP is on its way.
    Connecting,
    /// TLS is on its way.
    Securing,
    /// Carries bytes.
    Up,
}

/// Why a connection ended.
#[derive(Debug)]
pub(super) enum Parting {
    /// The peer closed it.
    Peer,
    /// The system said so.
    Io(io::Error),
    /// TLS failed, or the peer broke its rules.
    Tls(rustls::Error),
    /// It took too long to connect, or to take anything.
    Late,
}

/// One connection. A runtime waits for it; the turn reads and writes.
pub struct Stream {
    io: Arc<Socket>,
    stage: Stage,
    tls: Option<TlsSession>,
    /// Bytes on their way out, encrypted where there is TLS.
    queue: VecDeque<u8>,
    readable: bool,
    writable: bool,
    /// What the endpoint was told last.
    blocked: bool,
    /// Why it cannot be waited for.
    pub(super) broken: Option<io::Error>,
    /// Whether it stands on the list of those with something to do.
    pub(super) listed: bool,
    /// When it is given up.
    pub(super) deadline: Option<Instant>,
}

impl Stream {
    pub(super) fn connect(
        now: Instant,
        remote: SocketAddr,
        tls: Option<TlsSession>,
        limits: &Limits,
    ) -> Result<Stream, Parting> {
        let io = Socket::new(Domain::for_address(remote), Type::STREAM, Some(Protocol::TCP))?;
        io.set_nonblocking(true)?;
        io.set_tcp_nodelay(true)?;
        match io.connect(&remote.into()) {
            Err(error) if error.raw_os_error() == Some(libc::EINPROGRESS) => {}
            made => made?,
        }
        let deadline = Some(now + limits.connect);
        Ok(Stream { tls, deadline, ..Stream::new(io, Stage::Connecting) })
    }

    pub(super) fn adopt(stream: TcpStream) -> io::Result<Stream> {
        let io = Socket::from(stream);
        io.set_nonblocking(true)?;
        io.set_tcp_nodelay(true)?;
        // What arrived before anybody waited for it must be looked for.
        Ok(Stream { readable: true, writable: true, ..Stream::new(io, Stage::Up) })
    }

    fn new(io: Socket, stage: Stage) -> Stream {
        Stream {
            io: Arc::new(io),
            stage,
            tls: None,
            queue: VecDeque::new(),
            readable: false,
            writable: false,
            blocked: false,
            broken: None,
            listed: false,
            deadline: None,
        }
    }

    /// The descriptor to wait for.
    pub fn descriptor(&self) -> Descriptor {
        Descriptor::new(Arc::clone(&self.io))
    }

    /// Whether to wait until it can be written, besides waiting for what it brings.
    pub fn wants_room(&self) -> bool {
        !self.writable && (self.stage == Stage::Connecting || !self.queue.is_empty())
    }

    pub(super) fn on_readable(&mut self) {
        self.readable = true;
    }

    pub(super) fn on_writable(&mut self) {
        self.writable = true;
    }

    pub(super) fn is_up(&self) -> bool {
        self.stage == Stage::Up
    }

    /// Whether it can go on without hearing anything: a bound left something over.
    pub(super) fn has_work(&self) -> bool {
        match self.stage {
            Stage::Connecting => self.writable,
            Stage::Securing | Stage::Up => self.readable,
        }
    }

    pub(super) fn queued(&self) -> usize {
        self.queue.len()
    }

    pub(super) fn server_name(&self) -> Option<&str> {
        self.tls.as_ref().map(|tls| tls.name.as_str())
    }

    /// Takes bytes to send, all or none; whether it did.
    pub(super) fn queue(&mut self, bytes: &[u8], limits: &Limits) -> bool {
        if self.stage != Stage::Up || self.queue.len() + bytes.len() > limits.queue {
            return false;
        }
        match &mut self.tls {
            None => self.queue.extend(bytes),
            Some(tls) => {
                let written = tls.connection.writer().write_all(bytes);
                written.expect("the writer of an established connection without a limit takes all");
                encrypted(&mut tls.connection, &mut self.queue);
            }
        }
        true
    }

    /// Does what can be done without waiting.
    pub(super) fn drive(
        &mut self,
        now: Instant,
        limits: &Limits,
        room: &mut [u8],
        stats: &mut RuntimeStats,
        tell: &mut dyn FnMut(News<'_>),
    ) -> Result<(), Parting> {
        if let Some(error) = self.broken.take() {
            return Err(Parting::Io(error));
        }
        if self.stage == Stage::Connecting && !self.finish_connecting(tell)? {
            return Ok(());
        }
        // Both ways: what was queued leaves before the peer's end, where there is one, is found.
        self.write(now, limits, stats)?;
        self.read(room, stats, tell)?;
        self.write(now, limits, stats)?;
        self.tell_room(limits, tell);
        Ok(())
    }

    /// Ends TLS where there is any; as far as there is room, without waiting.
    pub(super) fn say_goodbye(&mut self) {
        if let Some(tls) = &mut self.tls
            && self.stage != Stage::Connecting
        {
            tls.connection.send_close_notify();
            encrypted(&mut tls.connection, &mut self.queue);
        }
        while let Ok(1..) = self.write_once() {}
    }

    /// Whether it is connected by now.
    fn finish_connecting(&mut self, tell: &mut dyn FnMut(News<'_>)) -> Result<bool, Parting> {
        if !self.writable {
            return Ok(false);
        }
        if let Some(error) = self.io.take_error()? {
            return Err(Parting::Io(error));
        }
        if self.io.peer_addr().is_err() {
            // Woken for something else.
            self.writable = false;
            return Ok(false);
        }
        match &mut self.tls {
            None => self.come_up(tell),
            Some(tls) => {
                self.stage = Stage::Securing;
                encrypted(&mut tls.connection, &mut self.queue);
            }
        }
        Ok(true)
    }

    fn come_up(&mut self, tell: &mut dyn FnMut(News<'_>)) {
        self.stage = Stage::Up;
        self.deadline = None;
        tell(News::Connected);
    }

    /// Writes what is queued, until it is all gone or there is no room.
    fn write(
        &mut self,
        now: Instant,
        limits: &Limits,
        stats: &mut RuntimeStats,
    ) -> Result<(), Parting> {
        let mut progress = false;
        while self.writable && !self.queue.is_empty() {
            match self.write_once() {
                Ok(written) => {
                    progress = true;
                    stats.stream_bytes_sent += written as u64;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.writable = false,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(Parting::Io(error)),
            }
        }
        if self.stage == Stage::Up {
            self.deadline = match (self.queue.is_empty(), self.deadline) {
                (true, _) => None,
                (false, Some(at)) if !progress => Some(at),
                (false, _) => Some(now + limits.stall),
            };
        }
        Ok(())
    }

    fn write_once(&mut self) -> io::Result<usize> {
        let (first, second) = self.queue.as_slices();
        let written =
            (&*self.io).write_vectored(&[io::IoSlice::new(first), io::IoSlice::new(second)])?;
        self.queue.drain(..written);
        if self.queue.is_empty() && self.queue.capacity() > QUEUE_BYTES_KEPT {
            self.queue = VecDeque::new();
        }
        Ok(written)
    }

    /// Reads what is there, bounded. It stays readable where more is left.
    fn read(
        &mut self,
        room: &mut [u8],
        stats: &mut RuntimeStats,
        tell: &mut dyn FnMut(News<'_>),
    ) -> Result<(), Parting> {
        for _ in 0..READS_PER_TURN {
            if !self.readable {
                return Ok(());
            }
            let read = match (&*self.io).read(room) {
                Ok(0) => return Err(Parting::Peer),
                Ok(read) => read,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.readable = false;
                    continue;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(Parting::Io(error)),
            };
            stats.stream_bytes_received += read as u64;
            let bytes = room.get(..read).unwrap_or_default();
            match self.tls.is_some() {
                false => tell(News::Data(bytes)),
                true => self.read_tls(bytes, tell)?,
            }
        }
        Ok(())
    }

    fn read_tls(
        &mut self,
        mut bytes: &[u8],
        tell: &mut dyn FnMut(News<'_>),
    ) -> Result<(), Parting> {
        while !bytes.is_empty() {
            let Some(tls) = &mut self.tls else { return Ok(()) };
            // Fails only where plain bytes were left unread, and below none are.
            tls.connection.read_tls(&mut bytes)?;
            let state = tls.connection.process_new_packets();
            encrypted(&mut tls.connection, &mut self.queue);
            let state = state.map_err(Parting::Tls)?;
            if self.stage == Stage::Securing && !tls.connection.is_handshaking() {
                self.come_up(tell);
            }
            let Some(tls) = &mut self.tls else { return Ok(()) };
            let mut plain = tls.connection.reader();
            // An empty buffer, and the error that says that there is none yet, both end this.
            while let Ok(chunk @ [_, ..]) = plain.fill_buf() {
                tell(News::Data(chunk));
                let taken = chunk.len();
                plain.consume(taken);
            }
            if state.peer_has_closed() {
                return Err(Parting::Peer);
            }
        }
        Ok(())
    }

    /// Tells the endpoint to hold back, or to go on.
    fn tell_room(&mut self, limits: &Limits, tell: &mut dyn FnMut(News<'_>)) {
        let queued = self.queue.len();
        let blocked = match self.blocked {
            false => queued > limits.queue_high,
            true => queued >= limits.queue_high / 2,
        };
        if blocked != self.blocked && self.stage == Stage::Up {
            self.blocked = blocked;
            tell(News::Blocked(blocked));
        }
    }
}

/// Moves what TLS has to send to the queue.
fn encrypted(connection: &mut ClientConnection, queue: &mut VecDeque<u8>) {
    while connection.wants_write() {
        connection.write_tls(queue).expect("a queue in memory takes all that is written");
    }
}

impl From<io::Error> for Parting {
    fn from(error: io::Error) -> Parting {
        Parting::Io(error)
    }
}

impl fmt::Display for Parting {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Parting::Peer => out.write_str("the peer closed it"),
            Parting::Io(error) => error.fmt(out),
            Parting::Tls(error) => error.fmt(out),
            Parting::Late => out.write_str("it took too long"),
        }
    }
}
