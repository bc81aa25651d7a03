//! How long to wait before a server that failed is tried again.

use std::time::Duration;

use crate::base::SeedRng;

/// How a wait grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pace {
    /// Nobody answered, or the leg to the server was replaced in vain: 5 s, doubling to 60.
    Silent,
    /// The server said no: 15 s, doubling to 300.
    Refused,
    /// The server is full (RFC 8656 §20: 486 and 508 ask for a minute at least): 60 s to 300.
    Full,
    /// It granted an allocation and took it back at once: 1 s, doubling to 60.
    Fickle,
}

impl Pace {
    fn bounds(self) -> (Duration, Duration) {
        let (first, most) = match self {
            Pace::Silent => (5, 60),
            Pace::Refused => (15, 300),
            Pace::Full => (60, 300),
            Pace::Fickle => (1, 60),
        };
        (Duration::from_secs(first), Duration::from_secs(most))
    }
}

/// Counts failures in a row.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    failures: u32,
}

impl Backoff {
    /// The wait after one more failure, spread by up to a quarter so that the clients of a server
    /// that comes back do not come back all at once; never shorter than the pace begins with.
    pub(super) fn next(&mut self, pace: Pace, rng: &mut SeedRng) -> Duration {
        let (first, most) = pace.bounds();
        let wait = (first * (1 << self.failures.min(6))).min(most);
        self.failures += 1;
        wait + wait * (rng.u32() % 256) / 1024
    }

    pub(super) fn reset(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Seed;

    #[test]
    fn waits_double_up_to_their_most_and_are_spread() {
        let mut rng = Seed::new([1; 32]).rng();
        let paces = [Pace::Silent, Pace::Refused, Pace::Full, Pace::Fickle];
        for (pace, first, most) in paces.map(|pace| (pace, pace.bounds().0, pace.bounds().1)) {
            let mut backoff = Backoff::default();
            let mut spread = std::collections::BTreeSet::new();
            for turn in 0..20 {
                let least = (first * (1 << turn.min(6))).min(most);
                let wait = backoff.next(pace, &mut rng);
                assert!((least..=least * 5 / 4).contains(&wait), "{pace:?} {turn}: {wait:?}");
                spread.insert(wait - least);
            }
            assert!(spread.len() > 10, "{pace:?} is spread: {spread:?}");
            backoff.reset();
            assert!(backoff.next(pace, &mut rng) <= first * 5 / 4);
        }
    }
}
