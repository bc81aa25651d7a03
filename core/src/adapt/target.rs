//! What the encoder should make, in bits per second: the kernel.

use std::time::{Duration, Instant};

use super::Rates;

/// A rise is told no sooner than this after the last change: estimates come many times a second,
/// and an encoder whose every change costs something should not hear of each.
const RISE_INTERVAL: Duration = Duration::from_millis(500);
/// What a fall must come to, in percent of the target, to be told at once.
const FALL_PERCENT: u64 = 3;
/// What a rise must come to.
const RISE_PERCENT: u64 = 4;

/// The bitrate that the encoder was told last, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Target {
    floor: u64,
    ceiling: u64,
    bitrate: u64,
    voice: Voice,
    changed: Option<Instant>,
    postponed: Option<Instant>,
}

/// Whose bitrate a target is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Voice {
    /// A viewer's whose path takes the floor or more: the slowest such one.
    Viewer,
    /// That of the floor, because every viewer is below it.
    Floor,
    /// Nobody's: the ceiling.
    Nobody,
}

impl Target {
    /// An encoder starts at the ceiling. A floor above it is the ceiling.
    pub(crate) fn new(floor: u64, ceiling: u64) -> Target {
        Target {
            floor: floor.min(ceiling),
            ceiling,
            bitrate: ceiling,
            voice: Voice::Nobody,
            changed: None,
            postponed: None,
        }
    }

    /// Takes what the viewers' paths take now, in bits of video per second. Returns the bitrate to
    /// tell the encoder, where it is another.
    ///
    /// The slowest viewer at or above the floor decides. Where all are below it, the floor does;
    /// where nobody watches, or nobody's path is known, the ceiling.
    pub(crate) fn on_paths(&mut self, now: Instant, paths: &Rates) -> Option<u64> {
        let (voice, wanted) = match paths.slowest_from(self.floor) {
            Some(path) => (Voice::Viewer, path.min(self.ceiling)),
            None if paths.has_below(self.floor) => (Voice::Floor, self.floor),
            None => (Voice::Nobody, self.ceiling),
        };
        self.voice = voice;
        self.change(now, wanted)
    }

    /// What the encoder was told last, bits per second.
    pub(crate) fn bitrate(&self) -> u64 {
        self.bitrate
    }

    /// The same, and whose it is.
    pub(crate) fn wish(&self) -> (u64, Voice) {
        (self.bitrate, self.voice)
    }

    /// When a rise that came too soon is to be looked at again.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.postponed
    }

    fn change(&mut self, now: Instant, wanted: u64) -> Option<u64> {
        self.postponed = None;
        let step = |percent: u64| self.bitrate / 100 * percent;
        let falls = wanted + step(FALL_PERCENT) <= self.bitrate;
        let rises = wanted >= self.bitrate + step(RISE_PERCENT)
            || wanted > self.bitrate && wanted == self.ceiling;
        if !falls && !rises {
            return None;
        }
        let rested_at = self.changed.map(|at| at + RISE_INTERVAL).filter(|at| rises && now < *at);
        if rested_at.is_some() {
            self.postponed = rested_at;
            return None;
        }
        self.bitrate = wanted;
        self.changed = Some(now);
        Some(wanted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn rates(paths: &[u64]) -> Rates {
        let mut rates = Rates::default();
        paths.iter().for_each(|path| rates.change(None, Some(*path)));
        rates
    }

    #[test]
    fn the_slowest_above_the_floor_decides() {
        let now = crate::test_clock();
        let mut target = Target::new(300_000, 3_000_000);
        let mut told = |at, paths: &[u64]| target.on_paths(now + ms(at), &rates(paths));

        assert_eq!(told(0, &[5_000_000]), None, "it starts at the ceiling");
        assert_eq!(told(0, &[5_000_000, 1_000_000, 2_000_000]), Some(1_000_000));
        assert_eq!(told(1, &[5_000_000, 250_000]), None, "a rise waits");
        assert_eq!(told(501, &[5_000_000, 250_000]), Some(3_000_000), "one below has no say");
        assert_eq!(told(502, &[100_000, 250_000]), Some(300_000), "where all are, the floor has");
        assert_eq!(told(1_100, &[]), Some(3_000_000), "nobody is known to take less");
    }

    #[test]
    fn a_bitrate_is_told_with_whose_it_is() {
        let now = crate::test_clock();
        let mut target = Target::new(300_000, 3_000_000);
        assert_eq!(target.wish(), (3_000_000, Voice::Nobody));
        for (paths, wish) in [
            (&[250_000][..], (300_000, Voice::Floor)),
            (&[250_000, 301_000], (300_000, Voice::Viewer)),
            (&[250_000, 299_000], (300_000, Voice::Floor)),
            (&[], (300_000, Voice::Nobody)),
        ] {
            target.on_paths(now, &rates(paths));
            assert_eq!(target.wish(), wish, "{paths:?}");
        }
    }

    #[test]
    fn small_changes_are_not_told_and_a_fall_does_not_wait() {
        let now = crate::test_clock();
        let mut target = Target::new(300_000, 3_000_000);
        assert_eq!(target.on_paths(now, &rates(&[2_000_000])), Some(2_000_000));
        assert_eq!(target.on_paths(now + ms(1), &rates(&[1_950_000])), None);
        assert_eq!(target.on_paths(now + ms(1), &rates(&[1_930_000])), Some(1_930_000));
        assert_eq!(target.on_paths(now + ms(900), &rates(&[2_000_000])), None);
    }

    #[test]
    fn a_rise_that_came_too_soon_is_looked_at_again() {
        let now = crate::test_clock();
        let mut target = Target::new(300_000, 3_000_000);
        target.on_paths(now, &rates(&[1_000_000]));
        assert_eq!(target.on_paths(now + ms(100), &rates(&[3_500_000])), None);
        assert_eq!(target.deadline(), Some(now + ms(500)));

        assert_eq!(target.on_paths(now + ms(500), &rates(&[3_500_000])), Some(3_000_000));
        assert_eq!(target.deadline(), None);
    }
}
