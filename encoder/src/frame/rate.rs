//! Frame rates as exact ratios, so that clocks made from them do not drift.

use std::time::Duration;

/// Frames a second as a ratio: 30/1, 30000/1001. Between 1 and 240.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FrameRate {
    frames: u32,
    seconds: u32,
}

/// A frame rate that is not between 1 and 240 frames a second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{frames}/{seconds} frames a second is outside of 1 to 240; give another --fps")]
pub struct RateError {
    /// Numerator that was given.
    pub frames: u64,
    /// Denominator that was given.
    pub seconds: u64,
}

impl FrameRate {
    /// Checks a ratio of frames to seconds.
    pub fn new(frames: u64, seconds: u64) -> Result<FrameRate, RateError> {
        let error = RateError { frames, seconds };
        let fits = seconds > 0 && frames >= seconds && frames <= seconds.saturating_mul(240);
        match (u32::try_from(frames), u32::try_from(seconds)) {
            (Ok(frames), Ok(seconds)) if fits => Ok(FrameRate { frames, seconds }),
            _ => Err(error),
        }
    }

    /// Checks a whole number of frames a second.
    pub fn per_second(frames: u32) -> Result<FrameRate, RateError> {
        FrameRate::new(u64::from(frames), 1)
    }

    /// Returns the ratio that it was made of: frames, and the seconds that they take.
    #[must_use]
    pub fn ratio(self) -> (u32, u32) {
        (self.frames, self.seconds)
    }

    /// Returns when frame `n` is due, counted from frame 0, to the nanosecond.
    #[must_use]
    pub fn due(self, n: u64) -> Duration {
        let nanos = u128::from(n) * u128::from(self.seconds) * 1_000_000_000;
        let nanos = nanos / u128::from(self.frames);
        let seconds = u64::try_from(nanos / 1_000_000_000).unwrap_or(u64::MAX);
        // The remainder is below 10^9, which fits.
        Duration::new(seconds, (nanos % 1_000_000_000) as u32)
    }

    /// Returns the time between two frames.
    #[must_use]
    pub fn interval(self) -> Duration {
        self.due(1)
    }

    /// Returns frames in 1000 seconds, rounded.
    #[must_use]
    pub fn per_1000s(self) -> u32 {
        let (frames, seconds) = (u64::from(self.frames), u64::from(self.seconds));
        // At most 240,000, which fits.
        ((frames * 1000 + seconds / 2) / seconds) as u32
    }

    /// Returns frames a second.
    #[must_use]
    pub fn as_f32(self) -> f32 {
        (f64::from(self.frames) / f64::from(self.seconds)) as f32
    }
}

impl std::fmt::Display for FrameRate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let thousandth = self.per_1000s();
        match (thousandth / 1000, thousandth % 1000) {
            (whole, 0) => write!(f, "{whole}"),
            (whole, part) => write!(f, "{whole}.{part:03}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn due_moments_do_not_drift() {
        let ntsc = FrameRate::new(30_000, 1001).unwrap();
        assert_eq!(ntsc.due(30_000 * 1000), Duration::from_secs(1001 * 1000));
        assert_eq!(ntsc.per_1000s(), 29_970);
        assert_eq!(ntsc.to_string(), "29.970");
        assert_eq!(FrameRate::per_second(30).unwrap().due(3), Duration::from_millis(100));
    }

    #[test]
    fn rates_outside_of_1_to_240_are_refused() {
        for (frames, seconds) in [(0, 1), (1, 0), (1, 2), (241, 1), (u64::MAX, 1), (0, 0)] {
            assert!(FrameRate::new(frames, seconds).is_err(), "{frames}/{seconds}");
        }
    }
}
