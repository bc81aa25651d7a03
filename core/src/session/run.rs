//! Runs: datagrams of one size to one address, back to back in the caller's buffer, so that the
//! shell sends them with one system call (UDP GSO).

use std::time::Instant;

use super::local::Pair;
use super::{Session, Signal};
use crate::wire::{Envelope, Kind, demux};

/// Datagrams of a run. What current Linux takes in one GSO send is 64 at least (UDP_MAX_SEGMENTS).
const SEGMENTS_MAX: usize = 64;

/// What a packet has besides its payload: header, extensions and tag of SRTP.
const RTP_BYTES: usize = 12 + 12 + 16;

/// A run of datagrams; all have `segment_size` bytes but the last, which may have fewer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Run {
    pub(crate) pair: Pair,
    pub(crate) segment_size: usize,
    pub(crate) segments: usize,
    pub(crate) len: usize,
}

impl Run {
    fn takes(&self, pair: Pair, size: usize, room: usize) -> bool {
        let whole_so_far = self.len == self.segments * self.segment_size;
        whole_so_far
            && self.segments < SEGMENTS_MAX
            && pair == self.pair
            && size <= self.segment_size
            && self.len + size <= room
    }
}

impl Session {
    /// Fills `buffer` with the next run. `None`: everything was taken. `envelope` says what stands
    /// around a datagram between two addresses; what it knows no way for is dropped. `leaving` sees
    /// each datagram of the run, with the SSRC of our stream.
    pub(crate) fn poll_run(
        &mut self,
        now: Instant,
        buffer: &mut [u8],
        envelope: &mut impl FnMut(Pair, &[u8]) -> Option<Envelope>,
        leaving: &mut impl FnMut(u32, &[u8]),
        signal: &mut impl FnMut(Signal),
    ) -> Option<Run> {
        let mut run: Option<Run> = None;
        while let Some(datagram) = self.held.take().or_else(|| self.poll_datagram(now, signal)) {
            let (bytes, pair): (&[u8], _) = (&datagram.contents, Pair::of(&datagram));
            let Some(envelope) = envelope(pair, bytes) else {
                tracing::trace!(?pair, "no way for a datagram");
                continue;
            };
            let size = envelope.size(bytes.len());
            let at = match &run {
                Some(begun) if !begun.takes(pair, size, buffer.len()) => {
                    self.held = Some(datagram);
                    break;
                }
                Some(begun) => begun.len,
                None => 0,
            };
            let room = buffer.get_mut(at..).unwrap_or_default();
            if envelope.write(bytes, room).is_none() {
                // Larger than any datagram that fits a path: str0m's own limit is below it.
                tracing::warn!(bytes = bytes.len(), "datagram exceeds the buffer, dropped");
                continue;
            }
            let kind = demux(bytes);
            self.observed.on_sent(now, kind, bytes);
            if let Some(path) = self.path_rate.as_mut().filter(|_| kind == Some(Kind::Media)) {
                let bits = (bytes.len().saturating_sub(RTP_BYTES) * 8) as u32;
                path.on_sent(now, bits.into());
                self.on_media_leaves(now, bytes, bits);
            }
            leaving(self.outlet.ssrc(), bytes);
            self.outlet.on_leaving(now, bytes, &mut self.rtc);
            if kind != Some(Kind::Stun) && self.pair != Some(pair) {
                let before = self.pair.replace(pair);
                before.into_iter().for_each(|_| signal(Signal::PathChanged));
            }
            let run = run.get_or_insert(Run { pair, segment_size: size, segments: 0, len: 0 });
            run.segments += 1;
            run.len += size;
        }
        if self.held.is_some() {
            self.drained = false;
        }
        run
    }
}
