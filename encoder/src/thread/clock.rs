//! When pictures are due: a grid that does not drift, and that a keyframe request may shift.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::frame::FrameRate;

/// The grid: picture `n` since `anchor` is due exactly `n / rate` after it.
#[derive(Debug)]
pub(super) struct Clock {
    rate: FrameRate,
    anchor: Instant,
    next: u64,
    /// One pair of both clocks, so that stamps are as even as the grid.
    epoch: (Instant, Duration),
}

/// What a moment on the grid turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tick {
    pub(super) due: Instant,
    /// Moments before it that went by unused, because the thread came late.
    pub(super) missed: u64,
}

impl Clock {
    pub(super) fn new(rate: FrameRate, now: Instant) -> Clock {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Clock { rate, anchor: now, next: 0, epoch: (now, since_epoch) }
    }

    /// When the next picture is due.
    pub(super) fn due(&self) -> Instant {
        self.anchor + self.rate.due(self.next)
    }

    /// Starts the grid anew: the next picture is due now.
    pub(super) fn restart(&mut self, now: Instant) {
        self.anchor = now;
        self.next = 0;
        // The wall clock may have been set since; between restarts it is even.
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        self.epoch = (now, since_epoch);
    }

    /// Shifts the grid so that the next picture is due now, for somebody who waits for it; but not
    /// sooner than a quarter of the interval after the last one.
    pub(super) fn hurry(&mut self, now: Instant) {
        let due = self.due();
        let interval = self.rate.interval();
        let soonest = due.checked_sub(interval * 3 / 4).unwrap_or(now);
        self.anchor = now.max(soonest).min(due);
        self.next = 0;
    }

    /// Takes the next moment, which is due by now. Moments missed altogether are left out.
    pub(super) fn tick(&mut self, now: Instant) -> Tick {
        let first = self.next;
        let behind = now.saturating_duration_since(self.due()).as_nanos();
        let missed = behind / self.rate.interval().as_nanos().max(1);
        self.next += u64::try_from(missed).unwrap_or(u64::MAX / 2);
        let due = self.due();
        let missed = self.next - first;
        self.next += 1;
        Tick { due, missed }
    }

    /// The time since 1970 of a moment.
    pub(super) fn since_epoch(&self, at: Instant) -> Duration {
        let (instant, since_epoch) = self.epoch;
        match at.checked_duration_since(instant) {
            Some(after) => since_epoch + after,
            None => since_epoch.saturating_sub(instant.duration_since(at)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn clock(fps: u32) -> (Clock, Instant) {
        let now = Instant::now();
        (Clock::new(FrameRate::per_second(fps).unwrap(), now), now)
    }

    #[test]
    fn moments_lie_exactly_one_interval_apart_however_late_the_thread_is() {
        let (mut clock, start) = clock(30);
        for n in 0..900u32 {
            let late = MS * (n * 7 % 30);
            let due = clock.due();
            let tick = clock.tick(due + late);
            assert_eq!(tick, Tick { due: start + Duration::from_secs(n.into()) / 30, missed: 0 });
        }
    }

    #[test]
    fn moments_missed_altogether_are_left_out_and_counted() {
        let (mut clock, start) = clock(10);
        assert_eq!(clock.tick(start).missed, 0);
        let tick = clock.tick(start + MS * 450);
        assert_eq!(tick, Tick { due: start + MS * 400, missed: 3 });
        assert_eq!(clock.due(), start + MS * 500);
    }

    #[test]
    fn a_hurry_shifts_the_grid_but_keeps_a_quarter_of_the_interval() {
        let (mut clock, start) = clock(10);
        clock.tick(start);
        clock.hurry(start + MS * 60);
        assert_eq!(clock.tick(start + MS * 60).due, start + MS * 60);
        assert_eq!(clock.due(), start + MS * 160);
        clock.hurry(start + MS * 61);
        assert_eq!(clock.due(), start + MS * 85);
        // Never later than it was.
        clock.tick(start + MS * 85);
        clock.hurry(start + MS * 300);
        assert_eq!(clock.due(), start + MS * 185);
    }

    #[test]
    fn the_wall_clock_advances_with_the_grid() {
        let (clock, start) = clock(30);
        let one = clock.since_epoch(start + MS * 5);
        assert_eq!(clock.since_epoch(start + MS * 38) - one, MS * 33);
    }
}
