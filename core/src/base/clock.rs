//! The wall clock, read once by the shell and never by the core.

use std::time::{Duration, Instant};

/// The wall clock, as one pair of readings taken at the same moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WallClock {
    /// Time since the Unix epoch.
    pub unix: Duration,
    /// The monotone clock at that moment.
    pub at: Instant,
}

impl WallClock {
    /// The Unix time at another moment of the monotone clock; saturates at the epoch.
    pub fn unix_at(&self, at: Instant) -> Duration {
        match at.checked_duration_since(self.at) {
            Some(later) => self.unix + later,
            None => self.unix.saturating_sub(self.at.saturating_duration_since(at)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_counts_both_ways_from_the_reading() {
        let at = crate::test_clock() + Duration::from_secs(100);
        let clock = WallClock { unix: Duration::from_secs(1_000), at };
        let second = Duration::from_secs(1);

        assert_eq!(clock.unix_at(at + second), Duration::from_secs(1_001));
        assert_eq!(clock.unix_at(at - second), Duration::from_secs(999));
    }
}
