//! RTP payloads (RFC 6184) back to access units: an own, independent reader, so that the packetizer is not judged by
//! itself.

use std::collections::{BTreeMap, VecDeque};
use std::time::Instant;

/// NAL unit types of RFC 6184 §5.2 and H.264 table 7-1 that matter here.
const NAL_IDR: u8 = 5;
const STAP_A: u8 = 24;
const FU_A: u8 = 28;

/// Frames that may be incomplete at once; beyond it the oldest is given up.
const INCOMPLETE_FRAMES_MAX: usize = 64;

/// A complete access unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessUnit {
    /// Its RTP timestamp, extended.
    pub rtp_time: u64,
    /// When its last packet to arrive arrived.
    pub at: Instant,
    /// Whether it holds an IDR picture.
    pub keyframe: bool,
    /// Annex B with 4-byte start codes.
    pub data: Vec<u8>,
}

/// Calls `each` with every NAL unit header that begins in this payload.
pub(super) fn nal_types(payload: &[u8], mut each: impl FnMut(u8)) {
    let Some(&first) = payload.first() else { return };
    match first & 0x1f {
        STAP_A => {
            let mut rest = &payload[1..];
            while let Some((nal, after)) = split_aggregated(rest) {
                nal.first().into_iter().for_each(|header| each(header & 0x1f));
                rest = after;
            }
        }
        FU_A => {
            let begins = payload.get(1).filter(|header| *header & 0x80 != 0);
            begins.into_iter().for_each(|header| each(header & 0x1f));
        }
        kind => each(kind),
    }
}

/// The first NAL unit of an aggregation and what follows it.
fn split_aggregated(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (size, rest) = bytes.split_first_chunk::<2>()?;
    rest.split_at_checked(usize::from(u16::from_be_bytes(*size)))
}

/// Puts packets together, in whatever order they come.
#[derive(Debug, Default)]
pub(super) struct Assembler {
    /// Incomplete frames by RTP time; within one, payload and marker by sequence number.
    incomplete: BTreeMap<u64, BTreeMap<u64, (Vec<u8>, bool)>>,
    /// The sequence number that the next frame begins with, once known.
    next: Option<u64>,
    done: VecDeque<AccessUnit>,
}

impl Assembler {
    /// Takes a packet; at most `keep` access units wait, the oldest go first.
    pub(super) fn push(
        &mut self,
        at: Instant,
        (sequence, rtp_time, marker): (u64, u64, bool),
        payload: &[u8],
        keep: usize,
    ) {
        if self.next.is_some_and(|next| sequence < next) {
            return; // A duplicate of a frame that is done or given up.
        }
        self.incomplete.entry(rtp_time).or_default().insert(sequence, (payload.to_vec(), marker));
        while let Some(unit) = self.take_complete(at) {
            self.done.push_back(unit);
        }
        while self.done.len() > keep {
            self.done.pop_front();
        }
        if self.incomplete.len() > INCOMPLETE_FRAMES_MAX {
            self.incomplete.pop_first();
            self.next = None;
        }
    }

    /// All access units that wait.
    pub(super) fn take(&mut self) -> Vec<AccessUnit> {
        self.done.drain(..).collect()
    }

    /// The oldest frame, if all of it is there. The very first is taken as whole from its first packet on, which
    /// holds because a server begins with a keyframe.
    fn take_complete(&mut self, at: Instant) -> Option<AccessUnit> {
        let (&rtp_time, packets) = self.incomplete.first_key_value()?;
        let (&first, _) = packets.first_key_value()?;
        let (&last, (_, marker)) = packets.last_key_value()?;
        let whole = *marker && last - first + 1 == packets.len() as u64;
        if !whole || self.next.is_some_and(|next| next != first) {
            return None;
        }
        let (_, packets) = self.incomplete.pop_first()?;
        self.next = Some(last + 1);
        let mut unit = AccessUnit { rtp_time, at, keyframe: false, data: Vec::new() };
        for (payload, _) in packets.values() {
            nal_types(payload, |kind| unit.keyframe |= kind == NAL_IDR);
            append_annex_b(&mut unit.data, payload);
        }
        Some(unit)
    }
}

/// Appends what a payload holds as Annex B.
pub(crate) fn append_annex_b(out: &mut Vec<u8>, payload: &[u8]) {
    const START_CODE: [u8; 4] = [0, 0, 0, 1];
    let Some(&first) = payload.first() else { return };
    match first & 0x1f {
        STAP_A => {
            let mut rest = &payload[1..];
            while let Some((nal, after)) = split_aggregated(rest) {
                out.extend_from_slice(&START_CODE);
                out.extend_from_slice(nal);
                rest = after;
            }
        }
        FU_A => {
            let Some(&fu) = payload.get(1) else { return };
            if fu & 0x80 != 0 {
                out.extend_from_slice(&START_CODE);
                out.push((first & 0xe0) | (fu & 0x1f));
            }
            out.extend_from_slice(&payload[2..]);
        }
        _ => {
            out.extend_from_slice(&START_CODE);
            out.extend_from_slice(payload);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fragments_and_aggregates_become_the_units_they_were() {
        let at = Instant::now();
        let mut assembler = Assembler::default();

        assembler.push(at, (7, 90, false), &[24, 0, 2, 0x67, 1, 0, 1, 0x68], 9);
        assembler.push(at, (9, 90, true), &[0x7c, 0x45, 4], 9);
        assert!(assembler.take().is_empty(), "packet 8 is missing");
        assembler.push(at, (8, 90, false), &[0x7c, 0x85, 3], 9);

        let units = assembler.take();
        let data = [0, 0, 0, 1, 0x67, 1, 0, 0, 0, 1, 0x68, 0, 0, 0, 1, 0x65, 3, 4].to_vec();
        assert_eq!(units, [AccessUnit { rtp_time: 90, at, keyframe: true, data }]);
    }

    #[test]
    fn a_frame_with_a_hole_before_it_waits() {
        let at = Instant::now();
        let mut assembler = Assembler::default();
        assembler.push(at, (1, 1, true), &[0x65, 1], 9);
        assembler.push(at, (3, 3, true), &[0x41, 3], 9);
        assert_eq!(assembler.take().len(), 1);

        assembler.push(at, (2, 2, true), &[0x41, 2], 9);

        let times: Vec<u64> = assembler.take().iter().map(|unit| unit.rtp_time).collect();
        assert_eq!(times, [2, 3]);
    }
}
