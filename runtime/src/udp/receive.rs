//! Receives bounded batches, and cuts them into datagrams.
use std::io::IoSliceMut;
use std::net::SocketAddr;
use std::ops::Range;

use pinhole_core::{Datagram, Transport};
use quinn_udp::RecvMeta;

use super::errors::{Verdict, sort};
use super::socket::{Batching, Socket};
use crate::{RuntimeError, RuntimeStats};

/// Buffers filled by one system call.
const BUFFERS: usize = 32;
/// A buffer: the most that the system joins of one sender's datagrams (GRO).
const BUFFER_BYTES: usize = 65_535;
/// System calls per socket and turn; what is left comes with the next turn, after timers and frames.
const RECEIVES_PER_TURN: usize = 4;

/// DTLS handshake messages per turn, of all sockets. One takes up to 0.2 ms, the key exchange that it
/// may begin; others' frames must not wait for a crowd that joins.
const HANDSHAKES_PER_TURN: usize = 10;
/// The content type of those (RFC 6347 §4.1), by which RFC 7983 tells them apart.
const HANDSHAKE: u8 = 22;

/// Room for one batch. Pages that no datagram ever reached cost nothing.
pub(crate) struct Inbox {
    room: Vec<u8>,
    metas: [RecvMeta; BUFFERS],
    /// What the bound on handshakes left of the last batch: its socket's address, and which buffers.
    left: Option<(SocketAddr, Range<usize>)>,
    handshakes: usize,
}

impl Inbox {
    pub(crate) fn new() -> Inbox {
        let (room, metas) = (vec![0; BUFFERS * BUFFER_BYTES], [RecvMeta::default(); BUFFERS]);
        Inbox { room, metas, left: None, handshakes: 0 }
    }

    /// Begins a turn: hands over what the last one left.
    pub(crate) fn begin(&mut self, mut handle: impl FnMut(Datagram<'_>)) {
        self.handshakes = 0;
        if let Some((bound, buffers)) = self.left.take() {
            self.hand_over(bound, buffers, &mut handle);
        }
    }

    /// Whether the bound on handshakes left something for the next turn.
    pub(crate) fn has_left(&self) -> bool {
        self.left.is_some()
    }

    /// Hands over what a readable socket has, bounded. The socket stays readable where more is left.
    pub(crate) fn receive(
        &mut self,
        socket: &mut Socket,
        stats: &mut RuntimeStats,
        mut handle: impl FnMut(Datagram<'_>),
    ) -> Result<(), RuntimeError> {
        for _ in 0..RECEIVES_PER_TURN {
            if !socket.is_readable() || self.has_left() {
                return Ok(());
            }
            match self.fill(socket) {
                Ok(filled) => {
                    stats.receives += 1;
                    // A batch that is not full has emptied the socket; what comes later is announced.
                    if filled < BUFFERS {
                        socket.on_read_dry();
                    }
                    self.hand_over(socket.bound(), 0..filled, &mut handle);
                }
                Err(error) => match sort(&error, Batching::Plain) {
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

    fn hand_over(
        &mut self,
        bound: SocketAddr,
        mut buffers: Range<usize>,
        handle: &mut impl FnMut(Datagram<'_>),
    ) {
        let Inbox { room, metas, handshakes, left } = self;
        let all = metas.iter().zip(room.chunks_exact(BUFFER_BYTES));
        for (meta, buffer) in all.skip(buffers.start).take(buffers.len()) {
            if *handshakes >= HANDSHAKES_PER_TURN {
                *left = Some((bound, buffers));
                return;
            }
            buffers.start += 1;
            let ip = meta.dst_ip.unwrap_or(bound.ip());
            // A system that does not say where a datagram arrived leaves no address to answer from.
            if ip.is_unspecified() {
                continue;
            }
            let local = SocketAddr::new(ip, bound.port());
            let joined = buffer.get(..meta.len).unwrap_or_default();
            tracing::trace!(%local, remote = %meta.addr, len = meta.len, stride = meta.stride, "in");
            let mut hand = |payload: &[u8]| {
                *handshakes += usize::from(payload.first() == Some(&HANDSHAKE));
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
