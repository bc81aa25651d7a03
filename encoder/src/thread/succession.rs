//! Which back end takes over, and when no more does: the rules.
//!
//! The chain is gone through from its start and then again from its start. After
//! [`Succession::REPLACEMENTS_MAX`] within [`Succession::WINDOW`] the next failure is final, since pictures
//! that come and go every few seconds are worse than an error. A thread that hangs in a back end, be it
//! while that is dropped, cannot be ended; with [`Succession::HANGING_MAX`] left behind any trouble is final.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Why a back end is given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trouble {
    /// It did not come back.
    Hangs,
    /// It came back with something else than a good picture.
    Fails,
}

/// What follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// This one of the chain takes over.
    Start(usize),
    /// Nobody does: there is no chain.
    Alone,
    /// Nobody does: it was tried too often.
    TooOften,
    /// Nobody does: too many threads hang.
    TooManyHang,
}

/// The succession of back ends.
#[derive(Debug)]
pub(super) struct Succession {
    chain: usize,
    next: usize,
    /// Replacements of late.
    recent: VecDeque<(Instant, Trouble)>,
}

impl Succession {
    pub(super) const REPLACEMENTS_MAX: usize = 4;
    pub(super) const WINDOW: Duration = Duration::from_secs(60);
    pub(super) const HANGING_MAX: usize = 4;

    /// Of a chain so long.
    pub(super) fn new(chain: usize) -> Succession {
        Succession { chain, next: 0, recent: VecDeque::new() }
    }

    /// The back end in use is in trouble, while so many threads hang, its own not counted.
    pub(super) fn on_trouble(&mut self, now: Instant, trouble: Trouble, hanging: usize) -> Next {
        self.forget(now);
        if self.chain == 0 {
            return Next::Alone;
        }
        if hanging >= Self::HANGING_MAX {
            return Next::TooManyHang;
        }
        if self.recent.len() >= Self::REPLACEMENTS_MAX {
            return Next::TooOften;
        }
        self.recent.push_back((now, trouble));
        let next = self.next % self.chain;
        self.next = next + 1;
        Next::Start(next)
    }

    /// How many hung of late.
    pub(super) fn hung(&self) -> u32 {
        let hung = self.recent.iter().filter(|(_, trouble)| *trouble == Trouble::Hangs);
        u32::try_from(hung.count()).unwrap_or(u32::MAX)
    }

    fn forget(&mut self, now: Instant) {
        let is_old = |at: &Instant| now.saturating_duration_since(*at) >= Self::WINDOW;
        while self.recent.front().is_some_and(|(at, _)| is_old(at)) {
            self.recent.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn the_chain_is_gone_through_again_until_it_is_too_often() {
        let (start, mut succession) = (Instant::now(), Succession::new(2));
        let mut fail = |at| succession.on_trouble(start + SECOND * at, Trouble::Fails, 0);
        let next = [0, 5, 10, 15, 20, 59].map(&mut fail);
        let (a, b) = (Next::Start(0), Next::Start(1));
        assert_eq!(next, [a, b, a, b, Next::TooOften, Next::TooOften]);
        // The first two are forgotten by then.
        assert_eq!([65, 66, 67].map(fail), [a, b, Next::TooOften]);
    }

    #[test]
    fn without_a_chain_nobody_takes_over() {
        let next = Succession::new(0).on_trouble(Instant::now(), Trouble::Fails, 0);
        assert_eq!(next, Next::Alone);
    }

    #[test]
    fn threads_left_behind_are_bounded_and_counted_for_patience() {
        let (start, mut succession) = (Instant::now(), Succession::new(1));
        assert_eq!(succession.on_trouble(start, Trouble::Hangs, 3), Next::Start(0));
        assert_eq!(succession.hung(), 1);
        assert_eq!(succession.on_trouble(start, Trouble::Hangs, 4), Next::TooManyHang);
        // It may hang yet, when it is dropped.
        assert_eq!(succession.on_trouble(start, Trouble::Fails, 4), Next::TooManyHang);
        assert_eq!(succession.on_trouble(start, Trouble::Fails, 3), Next::Start(0));
        assert_eq!(succession.hung(), 1);
        succession.on_trouble(start + SECOND * 61, Trouble::Fails, 3);
        assert_eq!(succession.hung(), 0);
    }
}
