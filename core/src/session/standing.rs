//! What an endpoint keeps in tables of its own about a session.

use std::time::Instant;

use super::{Session, SessionState};

/// How a session stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Standing {
    pub(crate) state: SessionState,
    /// When its own timers want to be fired.
    pub(crate) wake: Option<Instant>,
    /// When patience with it ends.
    pub(crate) patience: Option<Instant>,
    /// What its path is to be given, bits per second, while it is connected.
    pub(crate) rate: Option<u64>,
    /// From when on an IDR may be asked for, while it is connected and has no picture.
    pub(crate) picture_from: Option<Instant>,
}

impl Standing {
    /// Of a session that nothing was done with.
    pub(crate) const NEW: Standing = Standing {
        state: SessionState::Connecting,
        wake: None,
        patience: None,
        rate: None,
        picture_from: None,
    };

    /// Takes in how the session stands now; returns how it stood, if that is another way.
    pub(crate) fn renew(&mut self, session: &Session) -> Option<Standing> {
        let state = session.state();
        let is_connected = state == SessionState::Connected;
        let now = Standing {
            state,
            // One that has output is polled before it waits again, and mostly for the same moment.
            wake: if session.drained { session.wake } else { self.wake },
            patience: session.life.deadline(),
            rate: session.path_rate().filter(|_| is_connected),
            picture_from: session.picture_from().filter(|_| is_connected),
        };
        if now == *self {
            return None;
        }
        Some(std::mem::replace(self, now))
    }
}
