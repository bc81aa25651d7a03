//! The rate at which a queue began to stand.

use std::time::{Duration, Instant};

/// Cuts within this are of one fall, and none of them takes more off the knee than this leaves, in
/// percent: what is sent again, and a queue that drains, are in the way of a measuring.
const ONE_FALL: Duration = Duration::from_millis(1_500);
const FALLS_TO_PERCENT: u64 = 80;

/// An estimate that rises by this much at once was measured by a probe, unless it only comes back to where the
/// knee is.
const PROVED_PERCENT: u64 = 125;
const BEYOND_PERCENT: u64 = 110;

/// What the path took when a queue stood.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Knee {
    /// Bits per second.
    pub(crate) rate: u64,
    pub(crate) seen: Instant,
}

impl Knee {
    /// Each measuring is off by a fifth; a link that is the same is measured better by two of them.
    pub(crate) fn at(now: Instant, rate: u64, before: Option<Knee>) -> Knee {
        let last = before.filter(|knee| now < knee.seen + ONE_FALL);
        let rate = last.map_or(rate, |knee| rate.max(knee.rate / 100 * FALLS_TO_PERCENT));
        let same = before.filter(|knee| rate.abs_diff(knee.rate) < knee.rate / 4);
        Knee { rate: same.map_or(rate, |knee| u64::midpoint(rate, knee.rate)), seen: now }
    }

    /// Whether an estimate that was `before` shows that the path takes more by now.
    pub(crate) fn is_history(&self, before: u64, estimate: u64) -> bool {
        estimate > before / 100 * PROVED_PERCENT && estimate >= self.rate / 100 * BEYOND_PERCENT
    }
}
