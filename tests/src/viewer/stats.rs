//! What a viewer has seen.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::frames::nal_types;

/// Missing sequence numbers that are remembered in order to see them filled; beyond it the oldest count as lost.
const MISSING_MAX: usize = 4096;

/// Where a viewer stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ViewerState {
    /// Waits for an answer.
    Offered,
    /// Has its answer: checks, then DTLS.
    Connecting,
    /// DTLS is done.
    Connected,
    /// The server closed it (close_notify).
    ClosedByServer,
    /// We closed it.
    Closed,
    /// We fell silent.
    Vanished,
    /// It broke, and how.
    Failed(String),
}

/// What a viewer has seen so far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ViewerStats {
    /// Where it stands.
    pub state: ViewerState,
    /// When it got its answer.
    pub answered_at: Option<Instant>,
    /// When DTLS was done.
    pub connected_at: Option<Instant>,
    /// When the first RTP packet came.
    pub first_packet_at: Option<Instant>,
    /// When the last RTP packet came.
    pub last_packet_at: Option<Instant>,
    /// Where datagrams came from last.
    pub remote: Option<SocketAddr>,
    /// RTP packets, without duplicates.
    pub packets: u64,
    /// Bytes of their payloads.
    pub bytes: u64,
    /// Packets that came twice.
    pub duplicates: u64,
    /// Sequence numbers that were skipped when a later one came.
    pub gaps: u64,
    /// Of these, still not here.
    pub missing: u64,
    /// Frames that ended (marker bit), and so were begun and finished if nothing is missing.
    pub frames: u64,
    /// Frames with an IDR picture.
    pub keyframes: u64,
    /// Sequence and picture parameter sets.
    pub parameter_sets: u64,
    /// SSRCs seen in the video: 1 when all is well.
    pub ssrcs: usize,
}

impl ViewerStats {
    /// From the answer to the first RTP packet.
    pub fn time_to_first_packet(&self) -> Option<Duration> {
        Some(self.first_packet_at? - self.answered_at?)
    }
}

/// Counts packets into [`ViewerStats`].
#[derive(Debug)]
pub(super) struct Counter {
    pub(super) seen: ViewerStats,
    highest: Option<u64>,
    missing: BTreeSet<u64>,
    keyframe_time: Option<u64>,
    ssrcs: BTreeSet<u32>,
}

impl Counter {
    pub(super) fn new() -> Counter {
        let seen = ViewerStats {
            state: ViewerState::Offered,
            answered_at: None,
            connected_at: None,
            first_packet_at: None,
            last_packet_at: None,
            remote: None,
            packets: 0,
            bytes: 0,
            duplicates: 0,
            gaps: 0,
            missing: 0,
            frames: 0,
            keyframes: 0,
            parameter_sets: 0,
            ssrcs: 0,
        };
        Counter {
            seen,
            highest: None,
            missing: BTreeSet::new(),
            keyframe_time: None,
            ssrcs: BTreeSet::new(),
        }
    }

    /// Counts one RTP packet; false if it came before.
    pub(super) fn on_packet(
        &mut self,
        at: Instant,
        ssrc: u32,
        (sequence, rtp_time, marker): (u64, u64, bool),
        payload: &[u8],
    ) -> bool {
        if !self.is_new(sequence) {
            self.seen.duplicates += 1;
            return false;
        }
        self.ssrcs.insert(ssrc);
        let seen = &mut self.seen;
        seen.ssrcs = self.ssrcs.len();
        seen.missing = self.missing.len() as u64;
        seen.first_packet_at.get_or_insert(at);
        seen.last_packet_at = Some(at);
        seen.packets += 1;
        seen.bytes += payload.len() as u64;
        seen.frames += u64::from(marker);
        let keyframe_time = &mut self.keyframe_time;
        nal_types(payload, |kind| match kind {
            5 if *keyframe_time != Some(rtp_time) => {
                *keyframe_time = Some(rtp_time);
                seen.keyframes += 1;
            }
            7 | 8 => seen.parameter_sets += 1,
            _ => {}
        });
        true
    }

    /// Whether this sequence number is seen for the first time; keeps the book of missing ones.
    fn is_new(&mut self, sequence: u64) -> bool {
        let Some(highest) = self.highest else {
            self.highest = Some(sequence);
            return true;
        };
        if sequence <= highest {
            return self.missing.remove(&sequence);
        }
        let skipped = sequence - highest - 1;
        self.seen.gaps += skipped;
        let remembered = skipped.min(MISSING_MAX as u64);
        self.missing.extend(sequence - remembered..sequence);
        while self.missing.len() > MISSING_MAX {
            self.missing.pop_first();
        }
        self.highest = Some(sequence);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn push(counter: &mut Counter, sequence: u64) -> bool {
        counter.on_packet(Instant::now(), 1, (sequence, sequence / 4, sequence % 4 == 3), &[0x41])
    }

    #[test]
    fn a_gap_that_is_filled_later_is_a_gap_but_not_missing() {
        let mut counter = Counter::new();
        assert!(push(&mut counter, 100));
        assert!(push(&mut counter, 103));
        assert_eq!((counter.seen.gaps, counter.seen.missing), (2, 2));

        assert!(push(&mut counter, 101));
        assert!(push(&mut counter, 102));
        assert!(!push(&mut counter, 102));

        assert_eq!((counter.seen.gaps, counter.seen.missing), (2, 0));
        assert_eq!((counter.seen.packets, counter.seen.duplicates), (4, 1));
    }

    #[test]
    fn an_idr_in_many_packets_is_one_keyframe() {
        let mut counter = Counter::new();
        let at = Instant::now();

        counter.on_packet(at, 1, (1, 5, false), &[24, 0, 1, 0x67, 0, 1, 0x68]);
        counter.on_packet(at, 1, (2, 5, false), &[0x7c, 0x85, 1]);
        counter.on_packet(at, 1, (3, 5, false), &[0x7c, 0x45, 1]);
        counter.on_packet(at, 1, (4, 5, true), &[0x65, 1]);

        assert_eq!((counter.seen.keyframes, counter.seen.parameter_sets), (1, 2));
        assert_eq!(counter.seen.frames, 1);
    }
}
