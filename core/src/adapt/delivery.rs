//! How much arrives: what was sent a round trip ago has arrived by now.
//!
//! While a queue stands before the slowest link, this is what that link takes, whatever we send
//! (as in BBR's delivery rate, draft-cardwell-iccrg-bbr-congestion-control §4.5.2, here from two
//! numbers instead of one record a packet). What was lost counts as arrived.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Sendings closer together count as one.
const GRAIN: Duration = Duration::from_millis(5);
/// How far back is remembered: a long round trip, and the time that is measured over.
const MEMORY: Duration = Duration::from_millis(1_500);
/// What is measured over: longer shows what was, shorter shows bursts.
const SPAN: std::ops::RangeInclusive<Duration> =
    Duration::from_millis(120)..=Duration::from_millis(400);

/// Bits sent, and bits that arrived, over the last while.
#[derive(Debug, Clone, Default)]
pub(crate) struct Delivery {
    total: u64,
    sent: VecDeque<(Instant, u64)>,
    arrived: VecDeque<(Instant, u64)>,
}

impl Delivery {
    /// Bits left for the viewer.
    pub(crate) fn on_sent(&mut self, now: Instant, bits: u64) {
        self.total += bits;
        match self.sent.back_mut() {
            Some((at, total)) if now < *at + GRAIN => *total = self.total,
            _ => {
                forget(&mut self.sent, now);
                self.sent.push_back((now, self.total));
            }
        }
    }

    /// Feedback came: what left a round trip ago has arrived.
    pub(crate) fn on_feedback(&mut self, now: Instant, rtt: Duration) {
        let Some(then) = now.checked_sub(rtt) else { return };
        let total = self.sent.iter().rev().find(|(at, _)| *at <= then).map_or(0, |(_, it)| *it);
        forget(&mut self.arrived, now);
        self.arrived.push_back((now, total));
    }

    /// Bits per second that arrived since that moment, or of late where that is longer ago. `None`:
    /// it is too short ago to say.
    pub(crate) fn rate_since(&self, since: Instant) -> Option<u64> {
        let (now, total) = *self.arrived.back()?;
        let since = since.max(now.checked_sub(*SPAN.end())?);
        let (then, before) = *self.arrived.iter().find(|(at, _)| *at >= since)?;
        let time = now - then;
        let micros = u64::try_from(time.as_micros()).ok()?;
        (time >= *SPAN.start()).then(|| (total - before) * 1_000_000 / micros.max(1))
    }
}

fn forget(history: &mut VecDeque<(Instant, u64)>, now: Instant) {
    while history.front().is_some_and(|(at, _)| *at + MEMORY < now) {
        history.pop_front();
    }
}
