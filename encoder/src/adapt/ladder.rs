//! Steps of frame rate and size: the kernel.
//!
//! ```text
//!           below 0.9 bit/s a pixel,    below 0.62, for 2 s      below 0.35, for 2 s
//!           for 0.6 s
//!   Full ─────────────────────▶ Slower ─────────────▶ Smaller ────────────────▶ Small
//!        ◀─────────────────────        ◀─────────────         ◀────────────────
//!           above 1.2 times, for 3 s      above 1.2 times that, for 8 s
//! ```
//!
//! Whoever sets a bitrate that is low for the size has chosen so: a step is not taken before the bitrate is
//! well below what was set (70, 50 and 30 % of it). Pixels are those of the source. A step in size costs an
//! IDR, at a time when the path is full, so it is taken only when the bitrate stays low. Screens, where little
//! moves, need half of that.

use std::time::{Duration, Instant};

use crate::config::Content;
use crate::frame::{FrameRate, Size};

/// Where a stream stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Step {
    /// All pictures, as they are.
    Full,
    /// Two of three pictures.
    Slower,
    /// Those, three quarters as wide and high.
    Smaller,
    /// Those, half as wide and high.
    Small,
}

impl Step {
    /// In order.
    const ALL: [Step; 4] = [Step::Full, Step::Slower, Step::Smaller, Step::Small];

    /// The least bitrate for it, in bits per second for 1000 pixels of the source, and in percent of the
    /// bitrate that was set: the lesser of both.
    fn least(self) -> (u64, u64) {
        match self {
            Step::Full => (900, 70),
            Step::Slower => (620, 50),
            Step::Smaller => (350, 30),
            Step::Small => (0, 0),
        }
    }

    /// How long the bitrate must be below that of the step above before it is taken.
    fn after(self) -> Duration {
        match self {
            Step::Full => Duration::ZERO,
            // A path that was full for a moment, or a machine that was busy, has recovered by then.
            Step::Slower => Duration::from_millis(600),
            Step::Smaller | Step::Small => Duration::from_secs(2),
        }
    }

    /// How long it must be above that of the step above, and by a fifth, before that is taken again.
    fn back_after(self) -> Duration {
        match self {
            Step::Full | Step::Slower => Duration::from_secs(3),
            Step::Smaller | Step::Small => Duration::from_secs(8),
        }
    }
}

/// What a higher step needs above its least, in percent.
const BACK_PERCENT: u64 = 120;
/// A picture a second less than this is no motion: a source at or below it is not thinned.
const RATE_MIN: u64 = 20_000;

/// The steps of one stream.
#[derive(Debug, Clone)]
pub(super) struct Ladder {
    rate: FrameRate,
    content: Content,
    /// The bitrate that was set.
    set: u64,
    step: Step,
    /// Since when the bitrate asks for a lower step, or allows a higher one.
    below: Option<Instant>,
    above: Option<Instant>,
    /// Pictures that came, modulo three.
    count: u8,
}

impl Ladder {
    /// For a source of this rate, set to this bitrate.
    pub(super) fn new(rate: FrameRate, content: Content, bitrate: u32) -> Ladder {
        Ladder {
            rate,
            content,
            set: bitrate.into(),
            step: Step::Full,
            below: None,
            above: None,
            count: 0,
        }
    }

    /// Takes the bitrate, for pictures of this size.
    pub(super) fn on_bitrate(&mut self, now: Instant, bitrate: u32, size: Size) {
        let wanted = self.step_for(u64::from(bitrate), size);
        let calm = self.step_for(u64::from(bitrate) * 100 / BACK_PERCENT, size);
        let since = |mark: Option<Instant>, holds: bool| holds.then(|| mark.unwrap_or(now));
        self.below = since(self.below, wanted > self.step);
        self.above = since(self.above, calm < self.step);
        let next = |by: i8| {
            let at = Step::ALL.iter().position(|step| *step == self.step).unwrap_or(0);
            at.checked_add_signed(by.into()).and_then(|at| Step::ALL.get(at)).copied()
        };
        let moved = match (self.below, self.above) {
            (Some(at), _) => next(1).filter(|step| now >= at + step.after()),
            (_, Some(at)) => next(-1).filter(|_| now >= at + self.step.back_after()),
            _ => None,
        };
        if let Some(step) = moved {
            tracing::debug!(from = ?self.step, to = ?step, bitrate, "adaptation");
            (self.step, self.below, self.above) = (step, None, None);
        }
    }

    /// Whether the picture that comes now is one of those that are taken.
    pub(super) fn takes_picture(&mut self) -> bool {
        self.count = (self.count + 1) % 3;
        !self.is_thinned() || self.count != 0
    }

    /// What pictures of this size are made to.
    pub(super) fn size(&self, size: Size) -> Size {
        let quarters = match self.step {
            Step::Full | Step::Slower => return size,
            Step::Smaller => 3,
            Step::Small => 2,
        };
        // Even, as chroma needs it.
        let side = |pixels: u32| pixels * quarters / 8 * 2;
        Size::new(side(size.width()), side(size.height())).unwrap_or(size)
    }

    /// Pictures a second that are taken.
    pub(super) fn rate(&self) -> FrameRate {
        if !self.is_thinned() {
            return self.rate;
        }
        FrameRate::new(self.rate.per_1000s().into(), 1_500).unwrap_or(self.rate)
    }

    fn is_thinned(&self) -> bool {
        self.step > Step::Full && u64::from(self.rate.per_1000s()) > RATE_MIN
    }

    fn step_for(&self, bitrate: u64, size: Size) -> Step {
        let share = match self.content {
            Content::Camera => 1,
            Content::Screen => 2,
        };
        let for_1000_pixels = bitrate * share * 1_000 / size.pixel_count().max(1);
        let of_set = bitrate * 100 / self.set.max(1);
        let fits = |step: &Step| {
            let (pixels, percent) = step.least();
            for_1000_pixels >= pixels || of_set >= percent
        };
        Step::ALL.into_iter().find(fits).unwrap_or(Step::Small)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HD: (u32, u32) = (1280, 720);

    fn ladder() -> (Ladder, Size, Instant) {
        let rate = FrameRate::per_second(30).unwrap();
        (
            Ladder::new(rate, Content::Camera, 3_000_000),
            Size::new(HD.0, HD.1).unwrap(),
            Instant::now(),
        )
    }

    /// The step after each second at a bitrate, in kbit/s.
    fn steps(ladder: &mut Ladder, from: Instant, seconds: u64, kbit: u32) -> Vec<Step> {
        let size = Size::new(HD.0, HD.1).unwrap();
        let mut seen = Vec::new();
        for tick in 0..seconds * 10 {
            ladder.on_bitrate(from + Duration::from_millis(tick * 100), kbit * 1_000, size);
            if tick % 10 == 9 {
                seen.push(ladder.step);
            }
        }
        seen
    }

    #[test]
    fn frame_rate_goes_first_and_soon_and_size_only_if_it_stays_low() {
        use Step::{Full, Slower, Small, Smaller};
        let (mut ladder, size, start) = ladder();
        assert_eq!(steps(&mut ladder, start, 2, 3_000), [Full, Full]);

        let seen = steps(&mut ladder, start + Duration::from_secs(2), 7, 300);

        assert_eq!(seen, [Slower, Slower, Smaller, Smaller, Small, Small, Small]);
        assert_eq!(ladder.size(size), Size::new(640, 360).unwrap());
        assert_eq!(ladder.rate().per_1000s(), 20_000);
    }

    #[test]
    fn it_comes_back_step_by_step_and_size_last_of_all_in_haste() {
        let (mut ladder, size, start) = ladder();
        steps(&mut ladder, start, 8, 300);

        let seen = steps(&mut ladder, start + Duration::from_secs(8), 22, 3_000);

        let turns: Vec<_> = (1..seen.len()).filter(|n| seen[*n] != seen[n - 1]).collect();
        assert_eq!((turns, seen[21]), (vec![8, 16, 19], Step::Full));
        assert_eq!(ladder.size(size), size);
    }

    #[test]
    fn a_bitrate_at_the_border_does_not_make_it_swing() {
        let (mut ladder, _, start) = ladder();
        steps(&mut ladder, start, 1, 800);
        let seen = steps(&mut ladder, start + Duration::from_secs(1), 20, 900);
        assert!(seen.iter().all(|step| *step == Step::Slower), "{seen:?}");
    }

    #[test]
    fn two_of_three_pictures_are_taken_and_a_slow_source_keeps_all() {
        let (mut fast, size, start) = ladder();
        fast.on_bitrate(start, 700_000, size);
        assert_eq!(fast.step, Step::Full, "a moment is no reason");
        fast.on_bitrate(start + Duration::from_millis(600), 700_000, size);
        let mut slow = Ladder::new(FrameRate::per_second(15).unwrap(), Content::Camera, 3_000_000);
        slow.on_bitrate(start, 700_000, size);
        slow.on_bitrate(start + Duration::from_millis(600), 700_000, size);

        assert_eq!((0..300).filter(|_| fast.takes_picture()).count(), 200);
        assert_eq!((0..300).filter(|_| slow.takes_picture()).count(), 300);
    }

    #[test]
    fn a_bitrate_that_was_set_low_is_no_reason_for_a_step() {
        let rate = FrameRate::per_second(30).unwrap();
        let (size, start) = (Size::new(HD.0, HD.1).unwrap(), Instant::now());
        let mut ladder = Ladder::new(rate, Content::Camera, 400_000);
        ladder.on_bitrate(start, 400_000, size);
        assert_eq!(ladder.step, Step::Full);

        ladder.on_bitrate(start, 270_000, size);
        ladder.on_bitrate(start + Duration::from_millis(600), 270_000, size);
        assert_eq!(ladder.step, Step::Slower);
    }
}
