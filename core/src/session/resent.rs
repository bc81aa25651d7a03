//! How much of what a viewer is sent it has asked for again: a viewer that asks for everything, out of malice or because
//! its path takes less than it is sent, is not served twice.
//!
//! str0m can count that, from a list of all packets of the last second: 50 kB a viewer at 8 Mbit/s. Its second stream
//! shows it as well, as long as nothing but what was asked for leaves there; its estimator pads the path with it.

use std::time::{Duration, Instant};

/// Above this share of all bytes, what is still to be sent again is forgotten. str0m's 0.15 gives up on a single lost
/// keyframe.
pub(super) const SHARE_MAX: f32 = 0.5;
/// Counted over the time since this long ago, or twice that.
const WINDOW: Duration = Duration::from_secs(1);

/// Bytes that left, of late.
#[derive(Debug, Default)]
pub(super) struct Resent {
    begun: Option<Instant>,
    current: Bytes,
    before: Bytes,
}

#[derive(Debug, Default, Clone, Copy)]
struct Bytes {
    first: usize,
    again: usize,
}

impl Resent {
    /// A packet leaves for the first time.
    pub(super) fn on_first(&mut self, now: Instant, bytes: usize) {
        self.go_to(now);
        self.current.first += bytes;
    }

    /// A packet leaves again. Whether that is too much.
    pub(super) fn on_again(&mut self, now: Instant, bytes: usize) -> bool {
        self.go_to(now);
        self.current.again += bytes;
        let again = self.current.again + self.before.again;
        let all = again + self.current.first + self.before.first;
        again as f32 > all as f32 * SHARE_MAX
    }

    fn go_to(&mut self, now: Instant) {
        let begun = *self.begun.get_or_insert(now);
        if now < begun + WINDOW {
            return;
        }
        let is_next = now < begun + 2 * WINDOW;
        self.before = if is_next { self.current } else { Bytes::default() };
        self.current = Bytes::default();
        self.begun = Some(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Instant {
        crate::test_clock() + Duration::from_millis(ms)
    }

    #[test]
    fn as_much_again_is_the_most() {
        let mut resent = Resent::default();
        resent.on_first(at(0), 1_000);
        assert!(!resent.on_again(at(10), 1_000));
        assert!(resent.on_again(at(20), 1));
        resent.on_first(at(30), 100);
        assert!(!resent.on_again(at(40), 1));
    }

    #[test]
    fn what_left_long_ago_no_longer_counts() {
        let mut resent = Resent::default();
        resent.on_first(at(0), 1_000);
        assert!(!resent.on_again(at(1_800), 900), "it left a moment ago");
        resent.on_first(at(2_000), 10);
        assert!(resent.on_again(at(2_900), 10), "910 of 920 bytes that are counted yet");

        let mut rested = Resent::default();
        rested.on_first(at(0), 1_000);
        assert!(rested.on_again(at(2_000), 1));
    }
}
