//! How long a call into a back end may take before it counts as hanging: the rules.
//!
//! Half a second would do for any GPU. OpenH264 on a slow machine needs more for large pictures, and when
//! the whole machine is busy, so patience grows with the picture, with what the back end has shown to need,
//! and with each back end that was given up of late. A viewer at 1080p or below waits [`PICTURE`] and a look
//! of the watchdog.

use std::time::{Duration, Instant};

/// What a back end was called for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Call {
    /// Starting one: a driver may load its parts from disk, and wake a GPU.
    Start,
    /// Other settings, which may mean starting anew inside.
    Reconfigure,
    /// The first picture after a start.
    FirstPicture,
    /// Any other.
    Picture,
}

/// Patience with a picture of up to 1080p, of a back end that has shown nothing slower.
pub(super) const PICTURE: Duration = Duration::from_millis(700);
/// With a larger one, for each macroblock: 2 s for 3840x2160, twenty times what OpenH264 takes there.
const PICTURE_A_MACROBLOCK: Duration = Duration::from_micros(60);
/// With a first picture, and for each macroblock beside.
const FIRST: Duration = Duration::from_millis(1500);
const FIRST_A_MACROBLOCK: Duration = Duration::from_micros(100);
/// With a start.
const START: Duration = Duration::from_millis(4000);
/// A back end is hanging if it takes so many times as long as it ever did of late.
const SLOWER: u32 = 4;
/// Nothing is waited for longer.
const CEILING: Duration = Duration::from_millis(8000);
/// So many doublings, for back ends given up of late.
const DOUBLINGS_MAX: u32 = 3;

/// What patience depends on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    /// Back ends that were given up of late because they hung: where the machine is slow rather than the
    /// back end broken, each is given twice the time.
    pub(super) hung: u32,
    /// The slowest picture, forgotten by a fiftieth with each that is faster.
    slowest: Duration,
}

impl Patience {
    pub(super) fn new(hung: u32) -> Patience {
        Patience { hung, slowest: Duration::ZERO }
    }

    pub(super) fn with(&self, call: Call, macroblocks: u32) -> Duration {
        let patience = match call {
            Call::Start => START,
            Call::Reconfigure => PICTURE + PICTURE_A_MACROBLOCK * macroblocks,
            Call::FirstPicture => FIRST + FIRST_A_MACROBLOCK * macroblocks,
            Call::Picture => {
                PICTURE.max(PICTURE_A_MACROBLOCK * macroblocks).max(self.slowest * SLOWER)
            }
        };
        (patience * (1 << self.hung.min(DOUBLINGS_MAX))).min(CEILING)
    }

    /// A picture took so long.
    pub(super) fn learn(&mut self, took: Duration) {
        self.slowest = took.max(self.slowest * 49 / 50);
    }
}

/// Counts the time that a call has been seen to take. Of a while in which the one who looks did not run
/// either, because the machine slept or had no core to give, only a little counts.
#[derive(Debug, Default)]
pub(super) struct Seen {
    since: Option<Instant>,
    last: Option<Instant>,
    time: Duration,
}

impl Seen {
    /// Between two looks counts at most this.
    pub(super) const LOOK_MAX: Duration = Duration::from_millis(200);

    /// Looks at a call that began at `since`; how long it has been seen.
    pub(super) fn look(&mut self, since: Instant, now: Instant) -> Duration {
        let (from, before) = match (self.since, self.last) {
            (Some(same), Some(last)) if same == since => (last, self.time),
            _ => (since, Duration::ZERO),
        };
        self.time = before + now.saturating_duration_since(from).min(Self::LOOK_MAX);
        (self.since, self.last) = (Some(since), Some(now));
        self.time
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);
    /// 1280x720, 1920x1080, 3840x2160.
    const SIZES: [u32; 3] = [3_600, 8_160, 32_400];

    #[test]
    fn patience_by_call_and_size() {
        let table = |patience: Patience| {
            [Call::Start, Call::Reconfigure, Call::FirstPicture, Call::Picture]
                .map(|call| SIZES.map(|size| patience.with(call, size).as_millis()))
        };
        let (settings, first) = ([916, 1_189, 2_644], [1_860, 2_316, 4_740]);
        assert_eq!(table(Patience::new(0)), [[4_000; 3], settings, first, [700, 700, 1_944]]);
        let hung_once = [[8_000; 3], [1_832, 2_379, 5_288], [3_720, 4_632, 8_000]];
        assert_eq!(table(Patience::new(1))[..3], hung_once);
        assert_eq!(table(Patience::new(1))[3], [1_400, 1_400, 3_888]);
        assert_eq!(table(Patience::new(9))[3], [5_600, 5_600, 8_000]);
    }

    #[test]
    fn a_slow_back_end_is_given_four_times_what_it_takes_and_loses_that_again() {
        let mut patience = Patience::new(0);
        patience.learn(MS * 600);
        assert_eq!(patience.with(Call::Picture, 3_600), MS * 2_400);
        patience.learn(MS * 30);
        assert!(patience.with(Call::Picture, 3_600) > MS * 2_300);
        (0..200).for_each(|_| patience.learn(MS * 30));
        assert_eq!(patience.with(Call::Picture, 3_600), PICTURE);
        patience.learn(MS * 7_000);
        assert_eq!(patience.with(Call::Picture, 3_600), CEILING);
    }

    #[test]
    fn time_in_which_nobody_looked_counts_little() {
        let (start, mut seen) = (Instant::now(), Seen::default());
        assert_eq!(seen.look(start, start + MS * 50), MS * 50);
        assert_eq!(seen.look(start, start + MS * 150), MS * 150);
        assert_eq!(seen.look(start, start + MS * 60_000), MS * 350, "the machine slept");
        let next = start + MS * 60_010;
        assert_eq!(seen.look(next, start + MS * 60_050), MS * 40, "another call");
    }
}
