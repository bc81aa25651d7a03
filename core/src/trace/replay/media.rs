//! Media that the recording has as sums, spread over the time in which it came; and pictures of
//! the sizes that were sent.

use std::collections::BTreeMap;

use crate::trace::entry::{Entry, What};
use crate::trace::packet::{Direction, DtlsRecord, Leg, Via};
use crate::trace::read::Recording;

/// Packets of one sum that are made anew; what a viewer sends in a second is far less.
const OF_SUM_MAX: u64 = 512;
/// Packets of all sums together.
const TOTAL_MAX: usize = 400_000;
/// The largest picture that is made.
const PICTURE_BYTES_MAX: usize = 1 << 20;

/// Records of one datagram.
const RECORDS_MAX: usize = 16;

/// One packet of a sum.
#[derive(Debug, Clone, Copy)]
pub(super) struct Arrival {
    pub(super) at_us: u64,
    pub(super) leg: Leg,
    pub(super) via: Option<Via>,
    pub(super) kind: Kind,
}

/// What it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// SRTCP.
    Report,
    /// SRTP: a stand-in of its SSRC, its sequence number, its bytes.
    Media(u32, u16, usize),
}

/// All packets that came, in the order of their times.
pub(super) fn arrivals(entries: &[Entry]) -> Vec<Arrival> {
    let mut all = Vec::new();
    for entry in entries {
        let What::Media(tally) = &entry.what else { continue };
        if tally.direction != Direction::In {
            continue;
        }
        let mut kinds: Vec<Kind> = Vec::new();
        let reports = tally.rtcp_packets.min(OF_SUM_MAX);
        kinds.extend((0..reports).map(|_| Kind::Report));
        for rtp in &tally.rtp {
            let bytes = (rtp.bytes / rtp.packets.max(1)).clamp(24, 1_500) as usize;
            let packets = rtp.packets.min(OF_SUM_MAX) as u16;
            let one = |n: u16| Kind::Media(rtp.ssrc, rtp.first.wrapping_add(n), bytes);
            kinds.extend((0..packets).map(one));
        }
        let last = entry.at_us.saturating_sub(tally.last_before_us);
        let first = last.saturating_sub(tally.span_us);
        let gaps = kinds.len().saturating_sub(1).max(1) as u64;
        let (leg, via) = (tally.leg, tally.via);
        let spread = kinds.into_iter().enumerate().map(|(n, kind)| Arrival {
            at_us: first + (last - first) / gaps * n as u64,
            leg,
            via,
            kind,
        });
        all.extend(spread.take(TOTAL_MAX.saturating_sub(all.len())));
    }
    all.sort_by_key(|arrival| arrival.at_us);
    all
}

/// What each viewer reports lost, and when that was known.
#[derive(Debug)]
pub(super) struct Losses {
    known: BTreeMap<u64, Vec<(u64, u8)>>,
    /// Where the recording does not tell.
    otherwise: Option<u8>,
}

/// A loss is known this long after the reports that tell of it at most: how often a session counts.
const KNOWN_AFTER_US: u64 = 1_000_000;

impl Losses {
    pub(super) fn of(recording: &Recording) -> Losses {
        let mut known: BTreeMap<u64, Vec<(u64, u8)>> = BTreeMap::new();
        for entry in &recording.entries {
            if let What::Heard { session, lost, before_us } = entry.what {
                let at_us = entry.at_us.saturating_sub(before_us);
                known.entry(session).or_default().push((at_us, lost));
            }
        }
        // Before minor 1 losses were not recorded; most viewers have none.
        known.values_mut().for_each(|known| known.sort_unstable());
        Losses { known, otherwise: (recording.header.minor < 1).then_some(0) }
    }

    /// What a report at this time tells: what is known soon after, or was before. `None`: nothing.
    pub(super) fn at(&self, session: u64, at_us: u64) -> Option<u8> {
        let Some(known) = self.known.get(&session) else { return self.otherwise };
        let next = known.partition_point(|(at, _)| *at < at_us);
        let soon = known.get(next).filter(|(at, _)| at - at_us <= KNOWN_AFTER_US);
        let before = next.checked_sub(1).and_then(|last| known.get(last));
        soon.or(before).map(|(_, lost)| *lost).or(self.otherwise)
    }
}

/// An SRTP packet that nobody can decrypt: those of viewers, who send none, are no part of what is
/// decided.
pub(super) fn stray_media(ssrc: u32, sequence: u16, bytes: usize) -> Vec<u8> {
    let mut packet = vec![0x80, 96];
    packet.extend(sequence.to_be_bytes());
    packet.extend([0; 4]);
    packet.extend(ssrc.to_be_bytes());
    packet.resize(bytes.clamp(24, 1_500), 0x55);
    packet
}

/// DTLS records of nobody's: their heads, and nothing that anybody can read.
pub(super) fn stray_records(records: &[DtlsRecord]) -> Vec<u8> {
    let mut datagram = Vec::new();
    for record in records.iter().take(RECORDS_MAX) {
        let len = record.len.min(1_500);
        datagram.extend([record.content, 0xfe, 0xfd]);
        datagram.extend(record.epoch.to_be_bytes());
        datagram.extend([0; 6]);
        datagram.extend(len.to_be_bytes());
        datagram.push(record.handshake.unwrap_or_default());
        datagram.resize(datagram.len() + usize::from(len.saturating_sub(1)), 0);
    }
    datagram
}

/// A report before there are keys.
pub(super) fn stray_report(index: u32) -> Vec<u8> {
    let mut packet = vec![0x80, 201, 0, 1, 0, 0, 0, 1];
    packet.extend([0x55; 16]);
    packet.extend((index | 1 << 31).to_be_bytes());
    packet
}

/// An access unit of this size, with an IDR picture or without: Annex B, nothing that can be shown.
pub(super) fn picture(bytes: usize, keyframe: bool) -> Vec<u8> {
    let bytes = bytes.min(PICTURE_BYTES_MAX);
    let mut data = Vec::with_capacity(bytes + 64);
    if keyframe {
        data.extend([0, 0, 0, 1, 0x67, 0x42, 0xc0, 0x1f, 0xda, 0x01, 0x40, 0x16]);
        data.extend([0xe8, 0x40, 0, 0, 0, 1, 0x68, 0xce, 0x3c, 0x80]);
    }
    data.extend([0, 0, 0, 1, if keyframe { 0x65 } else { 0x41 }, 0x88]);
    data.resize(bytes.max(data.len() + 8), 0xab);
    data
}
