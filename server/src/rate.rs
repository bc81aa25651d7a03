//! How often something may happen: a budget that fills up again with time.

use std::time::Instant;

/// A budget.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rate {
    at_once: f64,
    a_second: f64,
    left: f64,
    at: Instant,
}

impl Rate {
    /// A full one: so many at once, and then so many a second.
    pub(crate) fn new(now: Instant, at_once: f64, a_second: f64) -> Rate {
        Rate { at_once, a_second, left: at_once, at: now }
    }

    /// Takes one from it. False: nothing is left, and nothing was taken.
    pub(crate) fn take(&mut self, now: Instant) -> bool {
        let gained = now.saturating_duration_since(self.at).as_secs_f64() * self.a_second;
        self.left = (self.left + gained).min(self.at_once);
        self.at = now;
        let has_one = self.left >= 1.0;
        if has_one {
            self.left -= 1.0;
        }
        has_one
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn what_is_spent_comes_back_with_time_and_no_more_than_that() {
        let begin = Instant::now();
        let mut rate = Rate::new(begin, 3.0, 2.0);
        assert_eq!([(); 4].map(|()| rate.take(begin)), [true, true, true, false]);
        let later = begin + Duration::from_millis(500);
        assert_eq!([(); 2].map(|()| rate.take(later)), [true, false]);
        let much_later = begin + Duration::from_secs(3600);
        assert_eq!([(); 4].map(|()| rate.take(much_later)), [true, true, true, false]);
    }
}
