//! The moving test picture: bars, a ramp, texture that scrolls, a ball, a frame number and a clock.
//!
//! Number and clock are there twice: as digits for people, and as blocks that a program reads back from
//! the decoded picture, laid out as [`Stamp`]'s module says. The ground is drawn once; a picture is a
//! copy of it with the moving parts drawn over, which takes a fraction of a millisecond at 720p.

mod digits;
mod scene;
mod stamp;

pub use stamp::{CELL, COLUMNS, GROUND_HEIGHT, GROUND_WIDTH, ORIGIN, ROWS, Stamp, read_blocks};

use super::{Moment, Pacing, Source, SourceError, SourceFormat};
use crate::frame::{Frame, FrameRate, I420, Size};
use scene::Scene;

/// The moving test picture as a source.
pub struct TestPicture {
    scene: Scene,
    rate: FrameRate,
}

impl TestPicture {
    /// Draws the ground. The least size is 320x180.
    pub fn new(size: Size, rate: FrameRate) -> Result<TestPicture, SourceError> {
        if size.width() < 320 || size.height() < 180 {
            return Err(SourceError::TooSmall(size));
        }
        Ok(TestPicture { scene: Scene::new(size), rate })
    }

    /// Draws one picture over whatever `into` holds. Its size must be that of the source.
    pub fn draw(&self, moment: &Moment, into: &mut I420) {
        let unix_ms = u64::try_from(moment.since_epoch.as_millis()).unwrap_or(0) & ((1 << 48) - 1);
        // Modulo 2^32, as documented.
        let stamp = Stamp { frame: moment.sequence as u32, unix_ms };
        self.scene.draw(unix_ms, into);
        stamp::draw(stamp, into);
        self.draw_digits(stamp, into);
    }

    fn draw_digits(&self, stamp: Stamp, into: &mut I420) {
        let (width, height) = into.size().pixels();
        let scale = (width / 160).clamp(2, 16);
        let clock = clock(stamp.unix_ms);
        let (_, line) = digits::extent(clock.len(), scale);
        let (left, gap) = (stamp::ORIGIN, scale * 2);
        let top = height.saturating_sub(2 * (line + gap));
        digits::draw(&clock, left, top, scale, into);
        digits::draw(&format!("{:08}", stamp.frame), left, top + line + gap, scale, into);
    }
}

impl Source for TestPicture {
    fn format(&self) -> SourceFormat {
        SourceFormat {
            size: self.scene.size(),
            rate: self.rate,
            pacing: Pacing::Clock,
            full_range: false,
        }
    }

    fn next_frame(
        &mut self,
        moment: &Moment,
        spare: Option<Frame>,
    ) -> Result<Option<Frame>, SourceError> {
        let mut picture = Frame::reuse_i420(spare, self.scene.size());
        self.draw(moment, &mut picture);
        Ok(Some(Frame::I420(picture)))
    }
}

/// The time of day, UTC, as "12:34:56.789".
fn clock(unix_ms: u64) -> String {
    let ms = unix_ms % 86_400_000;
    let (hours, minutes) = (ms / 3_600_000, ms / 60_000 % 60);
    format!("{hours:02}:{minutes:02}:{:02}.{:03}", ms / 1000 % 60, ms % 1000)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    fn moment(sequence: u64, since_epoch: Duration) -> Moment {
        Moment { sequence, due: Instant::now(), since_epoch }
    }

    #[test]
    fn pictures_carry_their_stamp_at_every_size() {
        for (width, height) in [(320, 180), (640, 360), (1280, 720), (720, 1280), (3840, 2160)] {
            let size = Size::new(width, height).unwrap();
            let mut source = TestPicture::new(size, FrameRate::per_second(30).unwrap()).unwrap();
            let at = moment(41, Duration::from_millis(1_700_000_000_123));
            let Some(Frame::I420(picture)) = source.next_frame(&at, None).unwrap() else {
                panic!("no picture");
            };
            let luma = &picture.planes()[0];
            let (width, height) = size.pixels();
            let stamp = read_blocks(luma.bytes(), luma.stride(), width, height);
            assert_eq!(stamp, Some(Stamp { frame: 41, unix_ms: 1_700_000_000_123 }), "{size}");
        }
        assert!(
            TestPicture::new(Size::new(318, 180).unwrap(), FrameRate::per_second(30).unwrap())
                .is_err()
        );
    }

    #[test]
    fn pictures_move_and_are_not_flat() {
        let size = Size::new(640, 360).unwrap();
        let source = TestPicture::new(size, FrameRate::per_second(30).unwrap()).unwrap();
        let (mut one, mut two) = (I420::black(size), I420::black(size));
        source.draw(&moment(0, Duration::from_millis(0)), &mut one);
        source.draw(&moment(1, Duration::from_millis(33)), &mut two);
        let pairs = one.planes()[0].bytes().iter().zip(two.planes()[0].bytes());
        let changed = pairs.filter(|(a, b)| a.abs_diff(**b) > 8).count();
        assert!(changed > 2_000, "{changed} pixels changed");
        let mut levels = [false; 256];
        one.planes()[0].bytes().iter().for_each(|&luma| levels[usize::from(luma)] = true);
        assert!(levels.iter().filter(|&&used| used).count() > 60);
    }

    #[test]
    fn the_clock_is_the_time_of_day() {
        assert_eq!(clock(86_400_000 * 3 + 45_296_789), "12:34:56.789");
    }
}
