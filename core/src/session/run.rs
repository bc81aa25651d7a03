//! Runs: datagrams of one size to one address, back to back in the caller's buffer, so that the
//! shell sends them with one system call (UDP GSO).

use std::net::SocketAddr;
use std::time::Instant;

use super::{Session, Signal};

/// Datagrams of a run. What current Linux takes in one GSO send is 64 at least (UDP_MAX_SEGMENTS).
const SEGMENTS_MAX: usize = 64;

/// A run of datagrams; all have `segment_size` bytes but the last, which may have fewer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Run {
    pub(crate) source: SocketAddr,
    pub(crate) destination: SocketAddr,
    pub(crate) segment_size: usize,
    pub(crate) segments: usize,
    pub(crate) len: usize,
}

impl Run {
    fn takes(&self, datagram: &str0m::net::Transmit, room: usize) -> bool {
        let whole_so_far = self.len == self.segments * self.segment_size;
        whole_so_far
            && self.segments < SEGMENTS_MAX
            && datagram.destination == self.destination
            && datagram.source == self.source
            && datagram.contents.len() <= self.segment_size
            && self.len + datagram.contents.len() <= room
    }
}

impl Session {
    /// Fills `buffer` with the next run. `None`: everything was taken.
    pub(crate) fn poll_run(
        &mut self,
        now: Instant,
        buffer: &mut [u8],
        signal: &mut impl FnMut(Signal),
    ) -> Option<Run> {
        let mut run: Option<Run> = None;
        while let Some(datagram) = self.held.take().or_else(|| self.poll_datagram(now, signal)) {
            let bytes: &[u8] = &datagram.contents;
            let at = match &run {
                Some(begun) if !begun.takes(&datagram, buffer.len()) => {
                    self.held = Some(datagram);
                    break;
                }
                Some(begun) => begun.len,
                None => 0,
            };
            let Some(room) = buffer.get_mut(at..at + bytes.len()) else {
                // Larger than any datagram that fits a path: str0m's own limit is below it.
                tracing::warn!(bytes = bytes.len(), "datagram exceeds the buffer, dropped");
                continue;
            };
            room.copy_from_slice(bytes);
            let run = run.get_or_insert(Run {
                source: datagram.source,
                destination: datagram.destination,
                segment_size: bytes.len(),
                segments: 0,
                len: 0,
            });
            run.segments += 1;
            run.len += bytes.len();
        }
        if self.held.is_some() {
            self.drained = false;
        }
        run
    }
}
