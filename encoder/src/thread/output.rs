//! The queue of access units between an encoder and the event loop.
//!
//! Bounded: when it is full, the event loop has stood still for [`Output::UNITS_MAX`] pictures, and what
//! waits is old. All of it is thrown away and the next picture taken is an IDR, so that what the loop
//! finds can always be decoded, and is never older than the bound.

use std::collections::VecDeque;

use crate::access_unit::AccessUnit;

#[derive(Debug, Default)]
pub(super) struct Output {
    queue: VecDeque<AccessUnit>,
    /// Pictures are refused until an IDR: one before them was lost.
    broken: bool,
}

/// What became of an access unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pushed {
    /// It waits, after this many older ones were thrown away.
    Queued { lost: u64 },
    /// It was thrown away, with older ones; an IDR has to come next.
    Lost { lost: u64 },
}

impl Output {
    /// Access units that wait at most.
    pub(super) const UNITS_MAX: usize = 8;

    pub(super) fn push(&mut self, unit: AccessUnit) -> Pushed {
        let mut lost = 0;
        if self.queue.len() >= Self::UNITS_MAX {
            lost = self.queue.len() as u64;
            self.queue.clear();
            self.broken = true;
        }
        if self.broken && !unit.keyframe {
            return Pushed::Lost { lost: lost + 1 };
        }
        self.broken = false;
        self.queue.push_back(unit);
        Pushed::Queued { lost }
    }

    pub(super) fn pop(&mut self) -> Option<AccessUnit> {
        self.queue.pop_front()
    }

    /// Whether an IDR waits.
    pub(super) fn has_keyframe(&self) -> bool {
        self.queue.iter().any(|unit| unit.keyframe)
    }

    /// Forgets what waits; the next picture has to be an IDR.
    pub(super) fn reset(&mut self) {
        self.queue.clear();
        self.broken = true;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    fn unit(sequence: u64, keyframe: bool) -> AccessUnit {
        let now = Instant::now();
        AccessUnit { data: vec![0, 0, 1, 0x41], keyframe, captured: now, encoded: now, sequence }
    }

    const QUEUED: Pushed = Pushed::Queued { lost: 0 };

    #[test]
    fn a_full_queue_is_thrown_away_and_starts_again_at_an_idr() {
        let mut output = Output::default();
        (0..8).for_each(|n| assert_eq!(output.push(unit(n, n == 0)), QUEUED));
        assert_eq!(output.push(unit(8, false)), Pushed::Lost { lost: 9 });
        assert_eq!(output.pop(), None);
        assert_eq!(output.push(unit(9, false)), Pushed::Lost { lost: 1 });
        assert_eq!(output.push(unit(10, true)), QUEUED);
        assert_eq!(output.push(unit(11, false)), QUEUED);
        assert_eq!(output.pop().map(|unit| unit.sequence), Some(10));
    }

    #[test]
    fn an_idr_that_meets_a_full_queue_takes_its_place() {
        let mut output = Output::default();
        (0..8).for_each(|n| assert_eq!(output.push(unit(n, n == 0)), QUEUED));
        assert_eq!(output.push(unit(8, true)), Pushed::Queued { lost: 8 });
        assert_eq!(output.pop().map(|unit| unit.sequence), Some(8));
    }

    #[test]
    fn after_a_reset_only_an_idr_is_taken() {
        let mut output = Output::default();
        output.push(unit(0, true));
        output.reset();
        assert_eq!(output.pop(), None);
        assert_eq!(output.push(unit(1, false)), Pushed::Lost { lost: 1 });
        assert_eq!(output.push(unit(2, true)), QUEUED);
    }
}
