//! When a back end that must start anew for another bitrate does so: the rules.
//!
//! gpu-video cannot change the bitrate of an encoder, so each change costs a new one and an IDR. Targets of
//! congestion control come several times a second; they are rounded down to steps, four to an octave (19 %
//! apart), and steps are taken
//! - down at once where the target is below three quarters of what is in force, but not within half a
//!   second of the last change;
//! - down otherwise a second after the last change;
//! - up five seconds after the last change, and by two steps at most (by 41 %).
//!
//! What waits is taken when its time has come, or with an IDR that is due anyway.

use std::time::{Duration, Instant};

const DOWN_FAR: Duration = Duration::from_millis(500);
const DOWN: Duration = Duration::from_millis(1000);
const UP: Duration = Duration::from_millis(5000);
/// Steps that are taken up at once.
const UP_STEPS: u32 = 2;
/// Steps of an octave, in 256ths: powers of the fourth root of 2.
const OCTAVE: [u64; 4] = [256, 304, 362, 431];

/// The step at or below a bitrate.
pub(super) fn step(bitrate: u32) -> u32 {
    by_index(index(bitrate))
}

fn index(bitrate: u32) -> u32 {
    let octave = bitrate.max(1).ilog2();
    let fits = |part: &&u64| (**part << octave) / 256 <= u64::from(bitrate.max(1));
    let part = OCTAVE.iter().take_while(fits).count().max(1) - 1;
    octave * 4 + part as u32
}

fn by_index(index: u32) -> u32 {
    let bitrate = (OCTAVE[index as usize % 4] << (index / 4).min(31)) / 256;
    u32::try_from(bitrate).unwrap_or(u32::MAX)
}

/// The bitrate in force, and what it may become.
#[derive(Debug, Clone, Copy)]
pub(super) struct Steps {
    in_force: u32,
    changed: Option<Instant>,
}

impl Steps {
    /// The first is not rounded: it is what the operator asked for.
    pub(super) fn new(bitrate: u32) -> Steps {
        Steps { in_force: bitrate, changed: None }
    }

    pub(super) fn in_force(&self) -> u32 {
        self.in_force
    }

    /// What the bitrate is to become now, of a target; `None` leaves it. `is_free`: an IDR is due anyway.
    pub(super) fn due(&self, now: Instant, target: u32, is_free: bool) -> Option<u32> {
        if target == self.in_force || step(target) == self.in_force {
            return None;
        }
        let since = self.changed.map(|then| now.saturating_duration_since(then));
        let waited = |time| is_free || since.is_none_or(|since| since >= time);
        if target < self.in_force {
            let is_far = u64::from(target) * 4 < u64::from(self.in_force) * 3;
            return waited(if is_far { DOWN_FAR } else { DOWN }).then(|| step(target));
        }
        // From below a step, that step is the first.
        let highest = by_index(index(self.in_force) + UP_STEPS);
        let next = step(target).min(highest);
        (next > self.in_force && waited(UP)).then_some(next)
    }

    /// It was changed.
    pub(super) fn on_change(&mut self, now: Instant, bitrate: u32) {
        (self.in_force, self.changed) = (bitrate, Some(now));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn steps_are_a_fourth_of_an_octave_apart() {
        let octave = [1 << 20, 1_245_184, 1_482_752, 1_765_376, 1 << 21];
        for pair in octave.windows(2) {
            for bitrate in [pair[0], pair[0] + 1, pair[1] - 1] {
                assert_eq!(step(bitrate), pair[0], "{bitrate}");
            }
        }
        assert_eq!([0, 1, 2, 50_000].map(step), [1, 1, 2, 46_336]);
        for index in 40..128 {
            assert_eq!(super::index(by_index(index)), index);
        }
        assert_eq!(step(u32::MAX), by_index(127));
    }

    #[test]
    fn far_down_goes_at_once_and_up_slowly() {
        let start = Instant::now();
        let mut steps = Steps::new(3_000_000);
        // (ms since the last change, target, an IDR is due anyway) to the new bitrate.
        steps.on_change(start, 3_000_000);
        for (ms, target, is_free, due) in [
            (10, 3_000_000, false, None),
            (499, 1_000_000, false, None),
            (500, 1_000_000, false, Some(882_688)),
            (10, 1_000_000, true, Some(882_688)),
            (999, 2_500_000, false, None),
            (1_000, 2_500_000, false, Some(2_490_368)),
            (4_999, 8_000_000, false, None),
            (5_000, 8_000_000, false, Some(4_194_304)),
            (10, 8_000_000, true, Some(4_194_304)),
            (5_000, 3_100_000, false, None),
        ] {
            let got = steps.due(start + MS * ms, target, is_free);
            assert_eq!(got, due, "{ms} ms, {target}, {is_free}");
        }
    }

    #[test]
    fn a_target_that_swings_by_a_tenth_costs_no_idr() {
        let start = Instant::now();
        let mut steps = Steps::new(2_000_000);
        let mut changes = 0;
        for n in 0..600u32 {
            let now = start + MS * 100 * n;
            let target = if n % 2 == 0 { 1_950_000 } else { 2_090_000 };
            if let Some(bitrate) = steps.due(now, target, false) {
                steps.on_change(now, bitrate);
                changes += 1;
            }
        }
        assert_eq!((changes, steps.in_force()), (1, 1_765_376));
    }

    #[test]
    fn a_minute_of_recovery_takes_few_idrs() {
        let start = Instant::now();
        let mut steps = Steps::new(300_000);
        let mut changes = Vec::new();
        for n in 0..600u32 {
            let now = start + MS * 100 * n;
            if let Some(bitrate) = steps.due(now, 3_000_000, false) {
                steps.on_change(now, bitrate);
                changes.push(bitrate);
            }
        }
        assert_eq!(changes.last(), Some(&2_965_504));
        assert_eq!(changes.len(), 7, "{changes:?}");
    }
}
