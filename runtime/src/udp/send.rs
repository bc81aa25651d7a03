//! Sends runs of datagrams, keeping the one that would block.
use pinhole_core::{Endpoint, Transmit};

use super::errors::{Verdict, sort};
use super::socket::Socket;
use crate::{RuntimeError, RuntimeStats};

/// Whether the next run can be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Progress {
    /// All is sent, or dropped for a reason that was counted.
    Done,
    /// A socket has no room; the rest of the run is kept.
    Blocked,
}

/// The run at hand: its bytes, and how much of it has left. There is one, because datagrams of one
/// viewer must not overtake each other, and because what the endpoint has not handed out yet it can
/// still drop by whole frames.
pub(crate) struct Outbox {
    room: Vec<u8>,
    kept: Option<Kept>,
}

#[derive(Clone, Copy)]
struct Kept {
    socket: usize,
    transmit: Transmit,
    sent: usize,
    /// Datagrams per send: 1 once the system refused this run as a whole.
    segments: usize,
}

impl Outbox {
    pub(crate) fn new() -> Outbox {
        Outbox { room: vec![0; Endpoint::TRANSMIT_BYTES_MAX], kept: None }
    }

    /// Where the endpoint writes its next run.
    pub(crate) fn room(&mut self) -> &mut [u8] {
        debug_assert!(self.kept.is_none(), "a kept run would be overwritten");
        &mut self.room
    }

    /// Sends the run that the endpoint wrote into [`Outbox::room`].
    pub(crate) fn send(
        &mut self,
        transmit: Transmit,
        sockets: &mut [Socket],
        stats: &mut RuntimeStats,
    ) -> Result<Progress, RuntimeError> {
        let Some(socket) = sockets.iter().position(|s| s.sends_from(transmit.local)) else {
            tracing::debug!(local = %transmit.local, "no socket sends from this address");
            stats.send_errors += 1;
            return Ok(Progress::Done);
        };
        let segments = sockets.get(socket).map_or(1, Socket::segments_max);
        self.kept = Some(Kept { socket, transmit, sent: 0, segments });
        self.resume(sockets, stats)
    }

    /// Goes on with the run that was kept, if there is one.
    pub(crate) fn resume(
        &mut self,
        sockets: &mut [Socket],
        stats: &mut RuntimeStats,
    ) -> Result<Progress, RuntimeError> {
        let Some(mut run) = self.kept.take() else { return Ok(Progress::Done) };
        let socket = sockets.get_mut(run.socket).expect("the index came from these sockets");
        while run.sent < run.transmit.len {
            if !socket.is_writable() {
                self.kept = Some(run);
                return Ok(Progress::Blocked);
            }
            self.send_some(&mut run, socket, stats)?;
        }
        Ok(Progress::Done)
    }

    /// One system call.
    fn send_some(
        &self,
        run: &mut Kept,
        socket: &mut Socket,
        stats: &mut RuntimeStats,
    ) -> Result<(), RuntimeError> {
        let Transmit { local, remote, segment_size, len, .. } = run.transmit;
        let end = len.min(run.sent + run.segments * segment_size.max(1));
        let contents = self.room.get(run.sent..end).unwrap_or_default();
        let datagrams = contents.len().div_ceil(segment_size.max(1));
        tracing::trace!(%local, %remote, len = contents.len(), datagrams, "out");
        match socket.send(local.ip(), remote, segment_size, contents) {
            Ok(()) => {
                stats.sends += 1;
                run.sent = end;
            }
            Err(error) => match sort(&error, datagrams) {
                Verdict::Later => {
                    stats.sends_blocked += 1;
                    socket.on_write_blocked();
                }
                Verdict::Split => {
                    tracing::debug!(%error, %remote, datagrams, "a run is split");
                    stats.runs_split += 1;
                    run.segments = 1;
                }
                Verdict::Ignore => {
                    tracing::debug!(%error, %local, %remote, "a send failed");
                    stats.send_errors += 1;
                    run.sent = end;
                }
                Verdict::Rebind => {
                    // The run is kept and leaves through the new socket.
                    stats.send_errors += 1;
                    socket.on_broken();
                }
                Verdict::GiveUp => {
                    return Err(RuntimeError::Io { what: "a UDP socket is gone", error });
                }
            },
        }
        Ok(())
    }
}
