//! One UDP socket, and what is known of its readiness.
use std::io::{self, IoSliceMut};
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;

use quinn_udp::{RecvMeta, UdpSockRef, UdpSocketState};
use socket2::{Domain, Protocol, Type};

use super::many;

/// Asked of the system for datagrams that arrive while the loop works; it may give less.
const RECEIVE_BUFFER_BYTES: usize = 2 << 20;
/// Asked of the system for datagrams on their way out: some ten milliseconds of a gigabit. What waits
/// there is late and cannot be taken back, while what waits in the core can be dropped by whole
/// frames, so this is no larger than a burst needs.
const SEND_BUFFER_BYTES: usize = 1 << 20;

/// How the datagrams of a run leave.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Batching {
    /// One in each system call.
    Plain,
    /// Several in a system call, each on a way of its own through the system (`sendmmsg`).
    Sendmmsg,
    /// Several in a system call, on one way through the system, which cuts them apart at its end or leaves
    /// that to the network card (UDP GSO).
    #[default]
    Gso,
}

/// One bound, non-blocking UDP socket. A runtime waits for it and says what it heard
/// ([`Socket::on_readable`], [`Socket::on_writable`]); the turn reads and writes.
pub struct Socket {
    io: Arc<socket2::Socket>,
    state: UdpSocketState,
    bound: SocketAddr,
    // Asked of quinn-udp once: its own figure falls to 1 for ever after any EINVAL, even one about an
    // address that a stranger chose. What a path refuses is remembered of that path (`refusals.rs`).
    segments_max: usize,
    has_sendmmsg: bool,
    readable: bool,
    writable: bool,
    broken: bool,
}

impl Socket {
    /// Binds to an address, which may be unspecified, and a port, which may be 0.
    pub(crate) fn bind(address: SocketAddr) -> io::Result<Socket> {
        let io = open(address)?;
        let (state, bound) = set_up(&io, address)?;
        let probed = many::probe(io.as_fd());
        if let Err(error) = &probed {
            tracing::debug!(%error, "this system has no sendmmsg");
        }
        Ok(Socket {
            io: Arc::new(io),
            segments_max: state.max_gso_segments(),
            has_sendmmsg: probed.is_ok(),
            state,
            bound,
            // What arrived before the loop waits for the first time must be looked for.
            readable: true,
            writable: true,
            broken: false,
        })
    }

    /// Says that datagrams may be waiting.
    pub fn on_readable(&mut self) {
        self.readable = true;
    }

    /// Says that there is room to send again.
    pub fn on_writable(&mut self) {
        self.writable = true;
    }

    /// Whether datagrams may be waiting.
    pub fn is_readable(&self) -> bool {
        self.readable && !self.broken
    }

    /// Whether to wait until it can be written. Waiting without that wakes the loop for each datagram
    /// that left.
    pub fn is_blocked(&self) -> bool {
        !self.writable
    }

    /// Whether the system made it useless: stop waiting for it, let go of its [`Descriptor`], call
    /// [`Socket::rebind`], wait for it anew.
    pub fn is_broken(&self) -> bool {
        self.broken
    }

    /// The descriptor to wait for.
    pub fn descriptor(&self) -> Descriptor {
        Descriptor::new(Arc::clone(&self.io))
    }

    /// Closes a broken socket and binds a new one to the same address and port.
    pub fn rebind(&mut self) -> io::Result<()> {
        let port = self.bound.port();
        let refused = |error: io::Error| {
            let text = format!("UDP port {port} was shut down and cannot be bound again: {error}");
            io::Error::new(error.kind(), text)
        };
        // Replacing the broken one closes it: its port must be free before the new one takes it.
        self.io = Arc::new(open(self.bound).map_err(refused)?);
        (self.state, self.bound) = set_up(&self.io, self.bound).map_err(refused)?;
        (self.readable, self.writable, self.broken) = (true, true, false);
        tracing::warn!(port, "a UDP socket was shut down and is bound anew");
        Ok(())
    }

    /// The address it is bound to, unspecified for a wildcard socket.
    pub(crate) fn bound(&self) -> SocketAddr {
        self.bound
    }

    pub(crate) fn is_writable(&self) -> bool {
        self.writable && !self.broken
    }

    /// Says that nothing is waiting: it was read until then.
    pub fn on_read_dry(&mut self) {
        self.readable = false;
    }

    pub(crate) fn on_write_blocked(&mut self) {
        self.writable = false;
    }

    /// Says that it is of no use any more.
    pub fn on_broken(&mut self) {
        self.broken = true;
    }

    /// Whether datagrams with this source address leave through it.
    pub(crate) fn sends_from(&self, local: SocketAddr) -> bool {
        let ip = self.bound.ip();
        self.bound.port() == local.port()
            && (ip == local.ip() || (ip.is_unspecified() && ip.is_ipv4() == local.is_ipv4()))
    }

    /// Has runs leave in no better way than this, whatever the system offers.
    pub(crate) fn limit_batching(&mut self, best: Batching) {
        if best < Batching::Gso {
            self.segments_max = 1;
        }
        self.has_sendmmsg &= best >= Batching::Sendmmsg;
    }

    /// The best way of runs, on a path that takes GSO or not.
    pub(crate) fn batching(&self, path_takes_gso: bool) -> Batching {
        match (self.segments_max > 1 && path_takes_gso, self.has_sendmmsg) {
            (true, _) => Batching::Gso,
            (false, true) => Batching::Sendmmsg,
            (false, false) => Batching::Plain,
        }
    }

    /// Says that the system has no `sendmmsg` any more: a filter of system calls came after the start.
    pub(crate) fn on_sendmmsg_refused(&mut self) {
        self.has_sendmmsg = false;
    }

    #[cfg(test)]
    pub(crate) fn set_segments_max(&mut self, segments: usize) {
        self.segments_max = segments;
    }

    /// One line for people: what the system gave.
    pub(crate) fn describe(&self) -> String {
        let runs = match self.batching(true) {
            Batching::Gso => format!("GSO up to {} segments", self.segments_max),
            Batching::Sendmmsg => "no GSO, sendmmsg".to_owned(),
            Batching::Plain => "no GSO, one datagram a call".to_owned(),
        };
        let gro = if self.state.gro_segments() > 1 { "GRO" } else { "no GRO" };
        let receive = self.io.recv_buffer_size().unwrap_or(0);
        let send = self.io.send_buffer_size().unwrap_or(0);
        format!("{runs}, {gro}, receive buffer {receive} bytes, send buffer {send} bytes")
    }

    /// Datagrams that one call carries.
    pub(crate) fn datagrams_max(&self, batching: Batching) -> usize {
        match batching {
            Batching::Gso => self.segments_max,
            Batching::Sendmmsg => many::DATAGRAMS_MAX,
            Batching::Plain => 1,
        }
    }

    /// Sends datagrams of `segment_size` bytes, the last may be shorter, in one system call. Returns the
    /// bytes that left: with [`Batching::Sendmmsg`] the first datagrams of them, at least one; else all.
    pub(crate) fn send(
        &self,
        batching: Batching,
        local: IpAddr,
        remote: SocketAddr,
        segment_size: usize,
        contents: &[u8],
    ) -> io::Result<usize> {
        let src_ip = self.bound.ip().is_unspecified().then_some(local);
        if batching == Batching::Sendmmsg {
            let datagrams = contents.chunks(segment_size);
            let sent = many::send(self.io.as_fd(), src_ip, remote, datagrams)?;
            return Ok(contents.len().min(sent * segment_size));
        }
        let transmit = quinn_udp::Transmit {
            destination: remote,
            ecn: None,
            contents,
            segment_size: Some(segment_size),
            src_ip,
        };
        self.state.try_send(UdpSockRef::from(&self.io), &transmit)?;
        Ok(contents.len())
    }

    /// Receives datagrams, several of one sender in one buffer, in one system call.
    pub(crate) fn receive(
        &self,
        buffers: &mut [IoSliceMut<'_>],
        metas: &mut [RecvMeta],
    ) -> io::Result<usize> {
        self.state.recv(UdpSockRef::from(&self.io), buffers, metas)
    }
}

/// Keeps a socket's descriptor open for those who wait for it.
pub struct Descriptor(Arc<socket2::Socket>);

impl Descriptor {
    pub(crate) fn new(io: Arc<socket2::Socket>) -> Descriptor {
        Descriptor(io)
    }
}

impl AsFd for Descriptor {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

fn open(address: SocketAddr) -> io::Result<socket2::Socket> {
    let io = socket2::Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    if address.is_ipv6() {
        // IPv4 has a socket of its own: mapped addresses would be another spelling of each viewer.
        io.set_only_v6(true)?;
    }
    Ok(io)
}

fn set_up(io: &socket2::Socket, address: SocketAddr) -> io::Result<(UdpSocketState, SocketAddr)> {
    io.bind(&address.into())?;
    let state = UdpSocketState::new(UdpSockRef::from(io))?;
    raise_buffers(io);
    let bound = io.local_addr()?.as_socket().ok_or(io::ErrorKind::Unsupported)?;
    Ok((state, bound))
}

/// Larger buffers are a wish: the system caps them (`net.core.rmem_max`), and what it gave is told by
/// [`Socket::describe`]. Never lowers what an administrator made the default.
fn raise_buffers(io: &socket2::Socket) {
    if io.recv_buffer_size().is_ok_and(|bytes| bytes < RECEIVE_BUFFER_BYTES) {
        let _ = io.set_recv_buffer_size(RECEIVE_BUFFER_BYTES);
    }
    if io.send_buffer_size().is_ok_and(|bytes| bytes < SEND_BUFFER_BYTES) {
        let _ = io.set_send_buffer_size(SEND_BUFFER_BYTES);
    }
}
