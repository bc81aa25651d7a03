//! The least delay of the last while: what a path takes without a queue.

use std::time::{Duration, Instant};

/// A least value is forgotten after one to two of these: routes change, and a queue that we made
/// ourselves has drained by then.
const WINDOW: Duration = Duration::from_secs(15);

/// Two windows: the one that is being filled, and the one before.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct DelayFloor {
    now: Option<(Instant, Duration)>,
    before: Option<Duration>,
}

impl DelayFloor {
    /// Takes a delay, and returns what of it is queue.
    pub(crate) fn queue(&mut self, now: Instant, delay: Duration) -> Duration {
        self.now = match self.now {
            Some((since, least)) if now < since + WINDOW => Some((since, least.min(delay))),
            Some((_, least)) => {
                self.before = Some(least);
                Some((now, delay))
            }
            None => Some((now, delay)),
        };
        let least = self.now.map_or(delay, |(_, least)| least);
        delay - self.before.map_or(least, |before| before.min(least))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_above_the_least_of_late_is_queue_and_a_longer_route_is_none_for_long() {
        let start = crate::test_clock();
        let ms = Duration::from_millis;
        let mut floor = DelayFloor::default();

        assert_eq!(floor.queue(start, ms(80)), ms(0));
        assert_eq!(floor.queue(start + ms(100), ms(110)), ms(30));
        assert_eq!(floor.queue(start + ms(200), ms(70)), ms(0));
        assert_eq!(floor.queue(start + ms(14_000), ms(120)), ms(50));
        assert_eq!(floor.queue(start + ms(16_000), ms(120)), ms(50), "the window before counts");
        assert_eq!(floor.queue(start + ms(32_000), ms(120)), ms(0), "and no more after that");
    }
}
