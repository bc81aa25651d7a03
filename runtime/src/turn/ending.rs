//! How the loop ends: sessions are closed, their goodbyes leave, relays are given back, then everybody
//! who asked is told.
use std::time::{Duration, Instant};

use pinhole_core::CloseCause;

use super::Turn;
use crate::Never;
use crate::command::Reply;

/// How long goodbyes may take to leave, and TURN servers to answer; what has not by then is lost.
const ENDING_MAX: Duration = Duration::from_millis(250);

/// ```text
/// Running --ShutDown, or no handle left--> Ending --all sent and answered, or 250 ms--> Over
/// ```
pub(super) enum Life {
    Running,
    /// Sessions are closed; their goodbyes are on the way out, and relays are given back after them.
    Ending {
        until: Instant,
        replies: Vec<Reply<(), Never>>,
    },
    Over,
}

impl Life {
    pub(super) fn deadline(&self) -> Option<Instant> {
        match self {
            Life::Ending { until, .. } => Some(*until),
            Life::Running | Life::Over => None,
        }
    }
}

impl Turn {
    /// Closes every session and gives relays back. `reply` is answered when the loop is about to end.
    pub(super) fn begin_ending(&mut self, reply: Option<Reply<(), Never>>) {
        match &mut self.life {
            Life::Running => {
                tracing::info!("shutting down");
                self.endpoint.leave(self.now);
                let replies = reply.into_iter().collect();
                self.life = Life::Ending { until: self.now + ENDING_MAX, replies };
            }
            Life::Ending { replies, .. } => replies.extend(reply),
            // Dropping the reply says that the loop is gone.
            Life::Over => {}
        }
    }

    /// Ends where goodbyes have left, or their time is over.
    pub(super) fn end_if_done(&mut self) {
        let Life::Ending { until, replies } = &mut self.life else { return };
        let is_done = self.drained && self.endpoint.has_left();
        if !is_done && self.now < *until {
            return;
        }
        if !self.drained {
            tracing::warn!("viewers could not be told in time that the server ends");
        }
        // Those whose end the endpoint had told of are forgotten already.
        self.observers.close_all(CloseCause::Local);
        for reply in replies.drain(..) {
            // The asker may have gone.
            let _ = reply.send(Ok(()));
        }
        self.life = Life::Over;
    }
}
