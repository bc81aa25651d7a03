//! Sends runs of datagrams, keeping the one that would block.
use pinhole_core::{Endpoint, Transmit};

use super::errors::{Verdict, sort};
use super::refusals::Refusals;
use super::socket::{Batching, Socket};
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
    refusals: Refusals,
}

#[derive(Clone, Copy)]
struct Kept {
    socket: usize,
    transmit: Transmit,
    sent: usize,
    /// How it leaves; less well once the system refused it so.
    batching: Batching,
}

impl Outbox {
    pub(crate) fn new() -> Outbox {
        Outbox {
            room: vec![0; Endpoint::TRANSMIT_BYTES_MAX],
            kept: None,
            refusals: Refusals::new(),
        }
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
        let mut all = sockets.iter().enumerate();
        let Some((index, socket)) = all.find(|(_, it)| it.sends_from(transmit.local)) else {
            tracing::debug!(local = %transmit.local, "no socket sends from this address");
            stats.send_errors += 1;
            return Ok(Progress::Done);
        };
        let batching = match transmit.len > transmit.segment_size {
            true => socket.batching(!self.refusals.count(transmit.remote.ip())),
            false => Batching::Plain,
        };
        self.kept = Some(Kept { socket: index, transmit, sent: 0, batching });
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

    /// One system call. What it leaves over of the run, because the system took the first datagrams only,
    /// is for the next call, which hears the reason.
    fn send_some(
        &mut self,
        run: &mut Kept,
        socket: &mut Socket,
        stats: &mut RuntimeStats,
    ) -> Result<(), RuntimeError> {
        let Transmit { local, remote, len, .. } = run.transmit;
        let size = run.transmit.segment_size.max(1);
        let end = len.min(run.sent + socket.datagrams_max(run.batching) * size);
        let contents = self.room.get(run.sent..end).unwrap_or_default();
        let batching = if contents.len() > size { run.batching } else { Batching::Plain };
        let datagrams = contents.len().div_ceil(size);
        tracing::trace!(%local, %remote, len = contents.len(), datagrams, ?batching, "out");
        match socket.send(batching, local.ip(), remote, size, contents) {
            Ok(bytes) => {
                stats.sends += 1;
                run.sent += bytes;
            }
            Err(error) => match sort(&error, batching) {
                Verdict::Later => {
                    stats.sends_blocked += 1;
                    socket.on_write_blocked();
                }
                Verdict::Split => {
                    tracing::debug!(%error, %remote, datagrams, ?batching, "a run is split");
                    self.split(run, socket, stats);
                }
                Verdict::Ignore => {
                    tracing::debug!(%error, %local, %remote, "a send failed");
                    stats.send_errors += 1;
                    // The error of several datagrams is that of the first.
                    run.sent = match batching {
                        Batching::Sendmmsg => end.min(run.sent + size),
                        Batching::Gso | Batching::Plain => end,
                    };
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

    /// Has the rest of a run leave in the next best way.
    fn split(&mut self, run: &mut Kept, socket: &mut Socket, stats: &mut RuntimeStats) {
        if run.batching == Batching::Gso {
            stats.runs_split += 1;
            self.refusals.note(run.transmit.remote.ip());
        } else {
            tracing::warn!("the system refuses sendmmsg; datagrams leave one by one from now on");
            socket.on_sendmmsg_refused();
        }
        let before = std::mem::replace(&mut run.batching, socket.batching(false));
        debug_assert!(run.batching < before, "a run that stays as it is never ends");
    }
}
