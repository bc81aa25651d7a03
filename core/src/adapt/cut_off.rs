//! A path that was cut off for a while and is back, or that had nothing to carry: what was lost meanwhile, or how
//! little was sent, says nothing of what it takes.

use std::time::{Duration, Instant};

use super::path::SHARE_PERCENT;

/// For how long after that the losses are told of: Chromium does so late.
const CUT_OFF_TOLD_FOR: Duration = Duration::from_millis(2_000);
/// What part of a second's packets must be lost for an estimate to have fallen for it.
const CUT_OFF_LOSS: f32 = 0.15;
/// An estimate that fell to less than this part of what was known, in percent, fell for a pause. Beginning anew costs
/// probes, which a narrow path feels: it is not done for less.
const PAUSE_PERCENT: u64 = 60;

/// What was known of a path before it was cut off, or had nothing to carry.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CutOff {
    /// How long that counts.
    until: Instant,
    rate: u64,
    /// What must be lost for an estimate to have fallen for that, 0..=1.
    loss: f32,
    /// Below which part of what was known it has fallen, in percent.
    percent: u64,
}

impl CutOff {
    /// It is back; before, it was given that rate, and lost so much, 0..=1.
    pub(crate) fn at(now: Instant, rate: u64, loss: f32) -> CutOff {
        CutOff { until: now + CUT_OFF_TOLD_FOR, rate, loss: loss + CUT_OFF_LOSS, percent: 100 }
    }

    /// There is something to send again; before, it was given that rate. str0m takes what arrived in a pause for all
    /// that the path takes, as soon as a large frame looks like a queue.
    pub(crate) fn of_pause(now: Instant, rate: u64) -> CutOff {
        CutOff { until: now + CUT_OFF_TOLD_FOR, rate, loss: 0.0, percent: PAUSE_PERCENT }
    }

    /// The estimate to begin from anew, if this one fell for that.
    pub(crate) fn estimate_before(&self, now: Instant, estimate: u64, loss: f32) -> Option<u64> {
        let before = self.rate / SHARE_PERCENT * 100 + SHARE_PERCENT;
        let fell = estimate < before / 100 * self.percent && loss >= self.loss;
        (fell && now <= self.until).then_some(before)
    }
}
