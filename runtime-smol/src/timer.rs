//! Deadlines to the microsecond, on the reactor's timers.
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

/// Wakes the loop at one moment.
pub(crate) struct Timer {
    timer: async_io::Timer,
    set: Option<Instant>,
}

impl Timer {
    /// Makes a timer that is not set.
    pub(crate) fn new() -> Timer {
        Timer { timer: async_io::Timer::never(), set: None }
    }

    /// Sets it to a moment, or to never. A moment that has passed wakes at once.
    pub(crate) fn set(&mut self, deadline: Option<Instant>) {
        if deadline == self.set {
            return;
        }
        match deadline {
            Some(at) => self.timer.set_at(at),
            None => self.timer.clear(),
        }
        self.set = deadline;
    }

    /// Ready once it fired.
    pub(crate) fn hear(&mut self, context: &mut Context<'_>) -> Poll<Instant> {
        let fired = Pin::new(&mut self.timer).poll(context);
        if fired.is_ready() {
            self.set = None;
        }
        fired
    }
}
