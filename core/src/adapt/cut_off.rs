//! A path that was cut off for a while and is back: what was lost meanwhile says nothing of what it takes.

use std::time::{Duration, Instant};

use super::path::SHARE_PERCENT;

/// For how long after that the losses are told of: Chromium does so late.
const CUT_OFF_TOLD_FOR: Duration = Duration::from_millis(2_000);
/// What part of a second's packets must be lost for an estimate to have fallen for it.
const CUT_OFF_LOSS: f32 = 0.15;

/// What was known of a path before it was cut off.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CutOff {
    /// How long that counts.
    until: Instant,
    rate: u64,
    loss: f32,
}

impl CutOff {
    /// It is back; before, it was given that rate, and lost so much, 0..=1.
    pub(crate) fn at(now: Instant, rate: u64, loss: f32) -> CutOff {
        CutOff { until: now + CUT_OFF_TOLD_FOR, rate, loss }
    }

    /// The estimate to begin from anew, if this one fell for what was lost while the path was cut off.
    pub(crate) fn estimate_before(&self, now: Instant, estimate: u64, loss: f32) -> Option<u64> {
        let before = self.rate / SHARE_PERCENT * 100 + SHARE_PERCENT;
        let fell = estimate < before && loss >= self.loss + CUT_OFF_LOSS;
        (fell && now <= self.until).then_some(before)
    }
}
