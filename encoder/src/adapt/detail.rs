//! Keyframes that fit: where the coarsest one that rate control makes would take too long to send, the
//! picture loses detail first, and the pictures after it bring it back a band at a time, as many as such a keyframe
//! would have taken the place of. All of it at once would take as long as what was saved.

use std::time::Duration;

use super::scale::{Scaler, scaled_down_and_back};
use crate::frame::{I420, Size, copy_top};

/// Bits of a keyframe for each pixel, at the coarsest that rate control goes to: OpenH264's are 0.16 on
/// the test picture, the first one 0.22.
const KEYFRAME_MILLIBITS: u64 = 180;
/// A keyframe that would take longer than this to send, in milliseconds, goes by way of a size so many
/// times smaller: the first that fits counts.
const TIMES_ABOVE: [(u64, u32); 3] = [(220, 8), (140, 4), (100, 2)];
/// Rows of a band are whole macroblocks: half of one would be encoded twice.
const BAND_ROWS: u32 = 16;

/// How much of a picture keeps its detail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kept {
    All,
    /// The rows from the top down to this one; the others go by way of a size so many times smaller.
    Above {
        row: u32,
        times: u32,
    },
}

/// The kernel.
#[derive(Debug, Default)]
pub(super) struct Detail {
    returning: Option<Returning>,
}

/// Detail on its way back.
#[derive(Debug, Clone, Copy)]
struct Returning {
    times: u32,
    bands: u32,
    /// Bands that are back.
    done: u32,
}

impl Detail {
    /// Says what the next picture, which will be encoded, keeps.
    pub(super) fn on_picture(
        &mut self,
        size: Size,
        bitrate: u32,
        interval: Duration,
        keyframe: bool,
    ) -> Kept {
        if keyframe {
            self.returning = lost_by_keyframe(size, bitrate, interval);
        }
        let Some(Returning { times, bands, done }) = self.returning else { return Kept::All };
        if done >= bands {
            self.returning = None;
            return Kept::All;
        }
        self.returning = Some(Returning { times, bands, done: done + 1 });
        Kept::Above { row: (size.height() * done / bands).next_multiple_of(BAND_ROWS), times }
    }
}

fn lost_by_keyframe(size: Size, bitrate: u32, interval: Duration) -> Option<Returning> {
    let ms = size.pixel_count() * KEYFRAME_MILLIBITS / u64::from(bitrate.max(1));
    let (_, times) = TIMES_ABOVE.into_iter().find(|(above, _)| ms > *above)?;
    let interval = u64::try_from(interval.as_millis()).unwrap_or(u64::MAX).max(1);
    let rows = size.height().div_ceil(BAND_ROWS);
    let bands = u32::try_from(ms / interval).unwrap_or(u32::MAX).clamp(1, rows);
    Some(Returning { times, bands, done: 0 })
}

/// The picture with only so much of its detail.
pub(super) fn soften(scaler: &mut Scaler, picture: &I420, row: u32, times: u32) -> I420 {
    let mut soft = scaled_down_and_back(scaler, picture, times);
    let (_, height) = picture.size().pixels();
    copy_top(picture, &mut soft, height.min(row as usize));
    soft
}

#[cfg(test)]
mod tests {
    use super::*;

    const INTERVAL: Duration = Duration::from_millis(33);

    fn size() -> Size {
        Size::new(1280, 720).unwrap()
    }

    fn row(kept: Kept) -> u32 {
        match kept {
            Kept::All => 720,
            Kept::Above { row, .. } => row,
        }
    }

    #[test]
    fn a_keyframe_that_fits_keeps_everything() {
        let mut detail = Detail::default();
        for keyframe in [true, false, false] {
            assert_eq!(detail.on_picture(size(), 2_000_000, INTERVAL, keyframe), Kept::All);
        }
    }

    #[test]
    fn what_a_keyframe_lost_comes_back_evenly_and_then_nothing_is_lost() {
        let mut detail = Detail::default();
        let first = detail.on_picture(size(), 600_000, INTERVAL, true);
        assert_eq!(first, Kept::Above { row: 0, times: 8 });

        let rows: Vec<u32> =
            (0..20).map(|_| row(detail.on_picture(size(), 600_000, INTERVAL, false))).collect();

        // 276 ms of keyframe are eight pictures.
        assert_eq!(rows.iter().filter(|row| **row < 720).count(), 7);
        let steps: Vec<u32> = std::iter::once(0)
            .chain(rows.iter().copied())
            .zip(&rows)
            .map(|(before, after)| after - before)
            .collect();
        assert!(steps.iter().all(|step| *step <= 96), "{steps:?}");
        assert_eq!(row(detail.on_picture(size(), 600_000, INTERVAL, false)), 720);
    }

    #[test]
    fn another_keyframe_begins_anew() {
        let mut detail = Detail::default();
        let mut on_picture = |keyframe| detail.on_picture(size(), 1_000_000, INTERVAL, keyframe);
        on_picture(true);
        for _ in 0..3 {
            on_picture(false);
        }
        assert_eq!(on_picture(true), Kept::Above { row: 0, times: 4 });
    }

    #[test]
    fn rows_above_the_one_named_are_those_of_the_picture() {
        let mut picture = I420::black(Size::new(64, 64).unwrap());
        for plane in picture.planes_mut() {
            let noise = |at: usize| if at.is_multiple_of(3) { 235 } else { 16 };
            plane.bytes_mut().iter_mut().enumerate().for_each(|(at, sample)| *sample = noise(at));
        }

        let soft = soften(&mut Scaler::default(), &picture, 32, 4);

        for (index, (soft, sharp)) in soft.planes().iter().zip(picture.planes()).enumerate() {
            let width = if index == 0 { 64 } else { 32 };
            let same = |row: usize| {
                soft.bytes()[row * soft.stride()..][..width]
                    == sharp.bytes()[row * sharp.stride()..][..width]
            };
            let kept: Vec<usize> = (0..width).filter(|row| same(*row)).collect();
            assert_eq!(kept, (0..width / 2).collect::<Vec<_>>());
        }
    }
}
