//! Where a session stands: the kernel. No bytes, no queues, no str0m.
//!
//! ```text
//!              established              path lost
//! Connecting ──────────────▶ Connected ◀─────────▶ Interrupted
//!     │ too long              │  ▲ │     path back       │ too long
//!     │             restarted │  │ │                     │
//!     │                       ▼  │ path back             │
//!     │                   Restarting ── too long ──┐     │
//!     ▼                            ▼               ▼     ▼
//! NeverConnected       Local, Remote, Failed        Vanished        (all: Closed)
//! ```
//!
//! An ICE restart forgets every pair that was checked, and str0m waits for the viewer without end where
//! it knows no address of it. So a session that restarts has to show a path again within the time that
//! a new one has; to everybody else it is connected meanwhile. One that waits gets a fresh deadline.

use std::time::{Duration, Instant};

use super::state::{CloseCause, SessionState};

/// The state with its data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Connecting { until: Instant },
    Connected,
    Restarting { until: Instant },
    Interrupted { until: Instant },
    Closed(CloseCause),
}

/// What can happen to a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Input {
    /// ICE has a path and DTLS its keys.
    Established,
    /// Consent ran out on the path, RFC 7675.
    PathLost,
    /// Checks succeed again.
    PathBack,
    /// New credentials were agreed.
    Restarted,
    /// Time has passed.
    Timeout,
    /// The end, and why.
    Close(CloseCause),
}

/// The kernel of a session's life.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lifecycle {
    state: State,
    patience: Patience,
}

/// How long a session may wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Patience {
    pub(crate) to_connect: Duration,
    pub(crate) to_come_back: Duration,
}

impl Lifecycle {
    pub(crate) fn new(now: Instant, patience: Patience) -> Lifecycle {
        Lifecycle { state: State::Connecting { until: now + patience.to_connect }, patience }
    }

    pub(crate) fn state(&self) -> SessionState {
        match self.state {
            State::Connecting { .. } => SessionState::Connecting,
            State::Connected | State::Restarting { .. } => SessionState::Connected,
            State::Interrupted { .. } => SessionState::Interrupted,
            State::Closed(cause) => SessionState::Closed(cause),
        }
    }

    pub(crate) fn deadline(&self) -> Option<Instant> {
        match self.state {
            State::Connecting { until }
            | State::Restarting { until }
            | State::Interrupted { until } => Some(until),
            State::Connected | State::Closed(_) => None,
        }
    }

    /// Takes an input; returns the new state if it is another one than before.
    pub(crate) fn on(&mut self, now: Instant, input: Input) -> Option<SessionState> {
        let before = self.state();
        let next = self.next(now, input);
        if next != self.state {
            tracing::trace!(from = ?self.state, to = ?next, ?input, "session state");
        }
        self.state = next;
        (self.state() != before).then(|| self.state())
    }

    fn next(&self, now: Instant, input: Input) -> State {
        let until_connected = now + self.patience.to_connect;
        let until_back = now + self.patience.to_come_back;
        match (self.state, input) {
            (State::Closed(cause), _) => State::Closed(cause),
            (_, Input::Close(cause)) => State::Closed(cause),

            (State::Connecting { .. }, Input::Established) => State::Connected,
            (State::Connecting { .. }, Input::Restarted) => {
                State::Connecting { until: until_connected }
            }
            (State::Connecting { until }, Input::Timeout) if now >= until => {
                State::Closed(CloseCause::NeverConnected)
            }
            // Before DTLS is through, only the clock decides.
            (State::Connecting { until }, Input::Timeout | Input::PathLost | Input::PathBack) => {
                State::Connecting { until }
            }

            (State::Connected | State::Restarting { .. }, Input::PathLost) => {
                State::Interrupted { until: until_back }
            }
            (State::Connected | State::Restarting { .. }, Input::Restarted) => {
                State::Restarting { until: until_connected }
            }
            (State::Connected, Input::Established | Input::PathBack | Input::Timeout)
            | (
                State::Restarting { .. } | State::Interrupted { .. },
                Input::PathBack | Input::Established,
            ) => State::Connected,
            (State::Restarting { until } | State::Interrupted { until }, Input::Timeout)
                if now >= until =>
            {
                State::Closed(CloseCause::Vanished)
            }
            (State::Restarting { until }, Input::Timeout) => State::Restarting { until },

            (State::Interrupted { .. }, Input::Restarted) => {
                State::Interrupted { until: until_back }
            }
            (State::Interrupted { until }, Input::Timeout | Input::PathLost) => {
                State::Interrupted { until }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The whole state × input table. Each row is what every input leads to, one second after the
    /// session began to wait, with a patience of ten (twenty to come back); `late` is a timeout after 22.
    #[test]
    fn every_input_in_every_state_leads_where_the_diagram_says() {
        let start = crate::test_clock();
        let later = start + Duration::from_secs(1);
        let seconds = Duration::from_secs;
        let patience = Patience { to_connect: seconds(10), to_come_back: seconds(20) };
        let states = [
            ("connecting", vec![]),
            ("connected", vec![Input::Established]),
            ("restarting", vec![Input::Established, Input::Restarted]),
            ("interrupted", vec![Input::Established, Input::PathLost]),
            ("closed", vec![Input::Close(CloseCause::Remote)]),
        ];
        let inputs = [
            ("established", later, Input::Established),
            ("lost", later, Input::PathLost),
            ("back", later, Input::PathBack),
            ("restarted", later, Input::Restarted),
            ("timeout", later, Input::Timeout),
            ("late", start + Duration::from_secs(22), Input::Timeout),
            ("close", later, Input::Close(CloseCause::Local)),
        ];
        let mut table = String::new();
        for (name, path) in &states {
            for (input_name, at, input) in inputs {
                let mut life = Lifecycle::new(start, patience);
                path.iter().for_each(|step| _ = life.on(start, *step));
                let told = life.on(at, input).is_some();
                let left = life.deadline().map(|until| (until - start).as_secs());
                let left = left.map(|s| format!(" until {s}")).unwrap_or_default();
                let told = if told { "" } else { " (silent)" };
                table += &format!("{name} + {input_name} -> {:?}{left}{told}\n", life.state());
            }
        }
        assert_eq!(table, include_str!("lifecycle.txt"), "{table}");
    }
}
