//! What the encoder should make, in bits per second: the kernel.

use std::time::{Duration, Instant};

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
    changed: Option<Instant>,
    postponed: Option<Instant>,
}

impl Target {
    /// An encoder starts at the ceiling. A floor above it is the ceiling.
    pub(crate) fn new(floor: u64, ceiling: u64) -> Target {
        Target {
            floor: floor.min(ceiling),
            ceiling,
            bitrate: ceiling,
            changed: None,
            postponed: None,
        }
    }

    /// Takes what each viewer's path takes now, in bits of video per second. Returns the bitrate to
    /// tell the encoder, where it is another.
    ///
    /// The slowest viewer at or above the floor decides. Where all are below it, the floor does;
    /// where nobody watches, or nobody's path is known, the ceiling.
    pub(crate) fn on_paths(
        &mut self,
        now: Instant,
        paths: impl Iterator<Item = u64>,
    ) -> Option<u64> {
        let mut slowest = None;
        let mut is_below = false;
        for path in paths {
            if path < self.floor {
                is_below = true;
            } else {
                slowest = Some(slowest.map_or(path, |other: u64| other.min(path)));
            }
        }
        let alone = if is_below { self.floor } else { self.ceiling };
        self.change(now, slowest.unwrap_or(alone).min(self.ceiling))
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
