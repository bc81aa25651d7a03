//! Receives bounded batches, and cuts them into datagrams.
use std::io::IoSliceMut;
use std::net::SocketAddr;

use pinhole_core::{Datagram, Transport};
use quinn_udp::RecvMeta;

use super::errors::{Verdict, sort};
use super::socket::Socket;
use crate::{RuntimeError, RuntimeStats};

/// Buffers filled by one system call.
const BUFFERS: usize = 32;
/// A buffer: the most that the system joins of one sender's datagrams (GRO).
const BUFFER_BYTES: usize = 65_535;
/// System calls per socket and turn; what is left comes with the next turn, after timers and frames.
const RECEIVES_PER_TURN: usize = 4;

/// Room for one batch. Pages that no datagram ever reached cost nothing.
pub(crate) struct Inbox {
    room: Vec<u8>,
    metas: [RecvMeta; BUFFERS],
}

impl Inbox {
    pub(crate) fn new() -> Inbox {
        Inbox { room: vec![0; BUFFERS * BUFFER_BYTES], metas: [RecvMeta::default(); BUFFERS] }
    }

    /// Hands over what a readable socket has, bounded. The socket stays readable where more is left.
    pub(crate) fn receive(
        &mut self,
        socket: &mut Socket,
        stats: &mut RuntimeStats,
        mut handle: impl FnMut(Datagram<'_>),
    ) -> Result<(), RuntimeError> {
        for _ in 0..RECEIVES_PER_TURN {
            if !socket.is_readable() {
                return Ok(());
            }
            match self.fill(socket) {
                Ok(filled) => {
                    stats.receives += 1;
                    // A batch that is not full has emptied the socket; what comes later is announced.
                    if filled < BUFFERS {
                        socket.on_read_dry();
                    }
                    self.hand_over(socket.bound(), filled, &mut handle);
                }
                Err(error) => match sort(&error, 0) {
                    Verdict::Later => socket.on_read_dry(),
                    Verdict::Ignore | Verdict::Split => {
                        tracing::debug!(%error, "a UDP receive failed");
                        stats.receive_errors += 1;
                    }
                    Verdict::Rebind => {
                        stats.receive_errors += 1;
                        socket.on_broken();
                    }
                    Verdict::GiveUp => {
                        return Err(RuntimeError::Io { what: "a UDP socket is gone", error });
                    }
                },
            }
        }
        Ok(())
    }

    fn fill(&mut self, socket: &Socket) -> std::io::Result<usize> {
        let mut rest = self.room.as_mut_slice();
        let mut buffers: [IoSliceMut<'_>; BUFFERS] = std::array::from_fn(|_| {
            let (buffer, after) = std::mem::take(&mut rest).split_at_mut(BUFFER_BYTES);
            rest = after;
            IoSliceMut::new(buffer)
        });
        socket.receive(&mut buffers, &mut self.metas)
    }

    fn hand_over(&self, bound: SocketAddr, filled: usize, handle: &mut impl FnMut(Datagram<'_>)) {
        let buffers = self.room.chunks_exact(BUFFER_BYTES);
        for (meta, buffer) in self.metas.iter().zip(buffers).take(filled) {
            let ip = meta.dst_ip.unwrap_or(bound.ip());
            // A system that does not say where a datagram arrived leaves no address to answer from.
            if ip.is_unspecified() {
                continue;
            }
            let local = SocketAddr::new(ip, bound.port());
            let joined = buffer.get(..meta.len).unwrap_or_default();
            tracing::trace!(%local, remote = %meta.addr, len = meta.len, stride = meta.stride, "in");
            let mut hand = |payload: &[u8]| {
                handle(Datagram { local, remote: meta.addr, transport: Transport::Udp, payload });
            };
            match meta.stride {
                // An empty datagram; the endpoint counts it.
                0 => hand(joined),
                stride => joined.chunks(stride).for_each(hand),
            }
        }
    }
}
