//! A bucket that leaks at the bitrate: what was encoded and cannot have been sent yet.

use std::time::{Duration, Instant};

/// How much may be in it when another picture is encoded, in time at the bitrate: what a path holds up a
/// picture by for our own part.
const ROOM: Duration = Duration::from_millis(80);

/// The same for whoever begins: its first picture is an IDR, and the one behind it larger than most,
/// because the encoder does not know the picture yet. A picture left out there is a jerk that everybody sees.
const ROOM_AT_FIRST: Duration = Duration::from_millis(120);
/// Beginning is what comes within this after a pause of that length.
const FIRST: Duration = Duration::from_millis(250);
const PAUSE: Duration = Duration::from_millis(500);

/// The kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Budget {
    bitrate: u32,
    bits: u64,
    leaked: Option<Instant>,
    begun: Option<Instant>,
}

impl Budget {
    pub(super) fn new(bitrate: u32) -> Budget {
        Budget { bitrate, bits: 0, leaked: None, begun: None }
    }

    pub(super) fn set_bitrate(&mut self, bitrate: u32) {
        self.bitrate = bitrate;
    }

    /// Whether another picture may be encoded now.
    pub(super) fn has_room(&mut self, now: Instant) -> bool {
        let since = self.leaked.replace(now).map(|before| now - before);
        if since.is_none_or(|time| time >= PAUSE) {
            self.begun = Some(now);
        }
        self.bits = self.bits.saturating_sub(self.bits_in(since.unwrap_or_default()));
        self.bits <= self.bits_in(self.room(now))
    }

    fn room(&self, now: Instant) -> Duration {
        let begins = self.begun.is_some_and(|begun| now < begun + FIRST);
        if begins { ROOM_AT_FIRST } else { ROOM }
    }

    /// When there will be room, as of the last look.
    pub(super) fn room_at(&self, now: Instant) -> Instant {
        let over = self.bits.saturating_sub(self.bits_in(self.room(now)));
        now + Duration::from_micros(over * 1_000_000 / u64::from(self.bitrate.max(1)))
    }

    pub(super) fn on_encoded(&mut self, bits: u64) {
        self.bits = self.bits.saturating_add(bits);
    }

    fn bits_in(&self, time: Duration) -> u64 {
        let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        u64::from(self.bitrate).saturating_mul(micros) / 1_000_000
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn a_steady_stream_at_the_bitrate_loses_nothing() {
        let start = Instant::now();
        let mut budget = Budget::new(3_000_000);
        for n in 0..300 {
            assert!(budget.has_room(start + MS * 33 * n), "{n}");
            budget.on_encoded(99_000);
        }
    }

    #[test]
    fn one_that_makes_too_much_is_thinned_to_the_bitrate() {
        let start = Instant::now();
        let mut budget = Budget::new(600_000);
        let mut bits = 0u64;
        for n in 0..300 {
            if budget.has_room(start + MS * 33 * n) {
                budget.on_encoded(50_000);
                bits += 50_000;
            }
        }

        let rate = bits * 1_000 / (300 * 33);
        assert!((595_000..620_000).contains(&rate), "{rate} bit/s");
    }

    #[test]
    fn whoever_begins_may_make_more_and_again_after_a_pause() {
        let start = Instant::now();
        let mut budget = Budget::new(3_000_000);
        for begun in [start, start + MS * 900] {
            assert!(budget.has_room(begun));
            budget.on_encoded(8 * 36_500);
            assert!(budget.has_room(begun + MS * 33));
            budget.on_encoded(8 * 20_000);
            assert!(budget.has_room(begun + MS * 66), "32 kB are 86 ms");
            assert!(budget.has_room(begun + MS * 300));
            budget.on_encoded(8 * 36_500);
            assert!(!budget.has_room(begun + MS * 310), "33 kB are 87 ms");
        }
    }

    #[test]
    fn after_a_fall_of_the_bitrate_it_is_waited_until_what_was_made_is_sent() {
        let start = Instant::now();
        let mut budget = Budget::new(3_000_000);
        assert!(budget.has_room(start));
        let start = start + FIRST;
        assert!(budget.has_room(start));
        budget.on_encoded(240_000);
        assert!(budget.has_room(start), "80 ms at 3 Mbit/s");

        budget.set_bitrate(600_000);

        assert_eq!(budget.room_at(start), start + MS * 320);
        assert!(!budget.has_room(start + MS * 319));
        assert!(budget.has_room(start + MS * 320));
    }
}
