//! How an endpoint ends: goodbyes first, because some go through relays; then these are given back.

use std::time::Instant;

use super::Endpoint;

/// How far the end has come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Departure {
    /// It has not begun.
    #[default]
    None,
    /// Goodbyes to viewers are on their way out.
    Goodbyes,
    /// TURN servers are told that we need them no more.
    Relays,
}

impl Endpoint {
    /// Ends everything: each session, telling its viewer as [`Self::close`] does, and once these
    /// goodbyes have left, the allocations at TURN servers (Refresh with a lifetime of 0). A server
    /// that is not told keeps an allocation for ten minutes, in the way of whoever uses the same
    /// port next. Go on as always until [`Self::has_left`], or until patience ends.
    pub fn leave(&mut self, now: Instant) {
        for id in self.sessions.ids() {
            self.close(now, id);
        }
        if self.departure == Departure::None {
            self.departure = Departure::Goodbyes;
        }
    }

    /// Whether after [`Self::leave`] all goodbyes have left and each TURN server has answered.
    pub fn has_left(&self) -> bool {
        self.departure == Departure::Relays && self.ready.is_empty() && self.gatherer.is_closed()
    }

    /// Gives the relays back, once nothing else is left to send. True: there is more to send now.
    pub(super) fn give_relays_back(&mut self, now: Instant) -> bool {
        if self.departure != Departure::Goodbyes {
            return false;
        }
        self.departure = Departure::Relays;
        self.gatherer.close(now);
        self.after_gathering(now);
        true
    }
}
