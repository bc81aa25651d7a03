//! Media packets, summed up per leg and direction.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::entry::micros;
use super::packet::{Direction, Leg, MediaTally, RtpTally, Via};

/// How long packets are summed up in the first seconds of a leg, and later.
const SPAN_EARLY: Duration = Duration::from_millis(100);
const SPAN_LATE: Duration = Duration::from_secs(1);
/// How long a leg is early.
const EARLY: Duration = Duration::from_secs(10);
/// Legs that are told apart; a new one beyond it is not summed up but forgotten.
const LEGS_MAX: usize = 4_096;
/// A leg without packets for this long is forgotten; comes it back, it is early again.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(60);
/// SSRCs of one tally; packets of others count for the last.
const SSRCS_MAX: usize = 8;
/// SSRCs that have a number of their own.
const SSRC_NUMBERS_MAX: usize = 16_384;

/// Whose packets are counted together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    pub(super) direction: Direction,
    pub(super) leg: Leg,
    pub(super) via: Option<Via>,
}

#[derive(Default)]
pub(super) struct Tallies {
    legs: BTreeMap<Key, Tally>,
    /// SSRCs are random numbers; small ones tell as much and are easier on the eye.
    ssrcs: BTreeMap<u32, u32>,
    /// When the first tally is due.
    due: Option<Instant>,
}

struct Tally {
    born: Instant,
    begun: Option<Instant>,
    last: Instant,
    rtp: Vec<RtpTally>,
    rtcp_packets: u64,
    rtcp_bytes: u64,
}

impl Tallies {
    /// Counts an SRTP packet.
    pub(super) fn rtp(&mut self, now: Instant, key: Key, ssrc: u32, sequence: u16, bytes: usize) {
        let next = self.ssrcs.len() as u32 + 1;
        let ssrc = match self.ssrcs.get(&ssrc) {
            Some(number) => *number,
            None if self.ssrcs.len() >= SSRC_NUMBERS_MAX => 0,
            None => {
                self.ssrcs.insert(ssrc, next);
                next
            }
        };
        let Some(tally) = self.begin(now, key) else { return };
        let full = tally.rtp.len() >= SSRCS_MAX;
        let known = tally.rtp.iter().position(|rtp| rtp.ssrc == ssrc);
        match known.or(full.then_some(SSRCS_MAX - 1)).and_then(|at| tally.rtp.get_mut(at)) {
            Some(rtp) => {
                rtp.packets += 1;
                rtp.bytes += bytes as u64;
                rtp.last = sequence;
            }
            None => tally.rtp.push(RtpTally {
                ssrc,
                packets: 1,
                bytes: bytes as u64,
                first: sequence,
                last: sequence,
            }),
        }
    }

    /// Counts an SRTCP packet.
    pub(super) fn rtcp(&mut self, now: Instant, key: Key, bytes: usize) {
        let Some(tally) = self.begin(now, key) else { return };
        tally.rtcp_packets += 1;
        tally.rtcp_bytes += bytes as u64;
    }

    /// Takes what is due.
    pub(super) fn take_due(&mut self, now: Instant) -> Vec<MediaTally> {
        if self.due.is_none_or(|due| now < due) {
            return Vec::new();
        }
        let due = self.take(now, |tally| tally.due().is_some_and(|due| due <= now));
        self.legs.retain(|_, tally| {
            tally.begun.is_some() || now.saturating_duration_since(tally.last) < FORGOTTEN_AFTER
        });
        due
    }

    /// Takes all.
    pub(super) fn take_all(&mut self, now: Instant) -> Vec<MediaTally> {
        self.take(now, |_| true)
    }

    fn take(&mut self, now: Instant, wanted: impl Fn(&Tally) -> bool) -> Vec<MediaTally> {
        let legs = self.legs.iter_mut().filter(|(_, tally)| wanted(tally));
        let taken = legs.filter_map(|(key, tally)| tally.take(now, *key)).collect();
        self.due = self.legs.values().filter_map(Tally::due).min();
        taken
    }

    fn begin(&mut self, now: Instant, key: Key) -> Option<&mut Tally> {
        if self.legs.len() >= LEGS_MAX && !self.legs.contains_key(&key) {
            return None;
        }
        let tally = self.legs.entry(key).or_insert_with(|| Tally {
            born: now,
            begun: None,
            last: now,
            rtp: Vec::new(),
            rtcp_packets: 0,
            rtcp_bytes: 0,
        });
        tally.begun.get_or_insert(now);
        tally.last = now;
        let due = tally.due();
        self.due = match (self.due, due) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        Some(tally)
    }
}

impl Tally {
    fn due(&self) -> Option<Instant> {
        let begun = self.begun?;
        let early = begun.saturating_duration_since(self.born) < EARLY;
        Some(begun + if early { SPAN_EARLY } else { SPAN_LATE })
    }

    fn take(&mut self, now: Instant, key: Key) -> Option<MediaTally> {
        let begun = self.begun.take()?;
        let span = self.last.saturating_duration_since(begun);
        Some(MediaTally {
            direction: key.direction,
            leg: key.leg,
            via: key.via,
            span_us: micros(span),
            last_before_us: micros(now.saturating_duration_since(self.last)),
            rtp: std::mem::take(&mut self.rtp),
            rtcp_packets: std::mem::take(&mut self.rtcp_packets),
            rtcp_bytes: std::mem::take(&mut self.rtcp_bytes),
        })
    }
}
