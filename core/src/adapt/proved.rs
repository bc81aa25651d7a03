//! What a path was seen to take without a queue of late: the most that arrived in any half second.
//!
//! The delay controller of Google's algorithm takes a frame that is larger than others for a queue that
//! grows, and gives up a third of a narrow path every few seconds. What arrived a moment ago with no queue
//! behind it can be sent again.

use std::time::{Duration, Instant};

/// A rate is forgotten after one to two of these.
const WINDOW: Duration = Duration::from_secs(4);

/// Two windows: the one that is being filled, and the one before.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Proved {
    now: Option<(Instant, u64)>,
    before: Option<u64>,
}

impl Proved {
    /// So many bits per second arrived, and no queue stands.
    pub(crate) fn on_arrived(&mut self, now: Instant, rate: u64) {
        self.now = match self.now {
            Some((since, most)) if now < since + WINDOW => Some((since, most.max(rate))),
            Some((since, most)) => {
                self.before = (now < since + 2 * WINDOW).then_some(most);
                Some((now, rate))
            }
            None => Some((now, rate)),
        };
    }

    /// The path is full: it takes so many bits per second as far as that can be told, and nothing else is
    /// known of it.
    pub(crate) fn on_full(&mut self, now: Instant, rate: Option<u64>) {
        *self = Proved { now: rate.map(|rate| (now, rate)), before: None };
    }

    /// Bits per second. `None`: nothing is known of late.
    pub(crate) fn rate(&self, now: Instant) -> Option<u64> {
        let (_, most) = self.now.filter(|(since, _)| now < *since + 2 * WINDOW)?;
        Some(self.before.map_or(most, |before| before.max(most)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_of_late_counts_and_is_forgotten() {
        let start = crate::test_clock();
        let at = |s| start + Duration::from_secs(s);
        let mut proved = Proved::default();
        assert_eq!(proved.rate(start), None);

        proved.on_arrived(at(0), 500);
        proved.on_arrived(at(1), 400);
        assert_eq!(proved.rate(at(1)), Some(500));
        proved.on_arrived(at(5), 300);
        assert_eq!(proved.rate(at(5)), Some(500), "the window before counts");
        proved.on_arrived(at(9), 200);
        assert_eq!(proved.rate(at(9)), Some(300));
        assert_eq!(proved.rate(at(18)), None, "nothing arrived for long");
        proved.on_arrived(at(18), 100);
        assert_eq!(proved.rate(at(18)), Some(100));
    }

    #[test]
    fn a_full_path_takes_what_it_takes_then() {
        let start = crate::test_clock();
        let mut proved = Proved::default();
        proved.on_arrived(start, 500);

        proved.on_full(start, Some(300));
        assert_eq!(proved.rate(start), Some(300));
        proved.on_full(start, None);
        assert_eq!(proved.rate(start), None);
    }
}
