//! One request of a discovery, from its first transmission to its end.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use stun_types::message::TransactionId;

use super::SocketId;
use crate::stun::attributes::ChangeRequest;
use crate::stun::message::{Mapped, Outcome};
use crate::stun::{Due, Retransmission, Schedule};
use crate::wire::DropReason;

/// 0, 0.25, 0.75, 1.75, 2.75, 3.75 s, over after 5 s: silence is a finding here, so that six must
/// be lost before one is made up, and it must not take for ever.
pub(super) const SCHEDULE: Schedule = Schedule {
    first: Duration::from_millis(250),
    most: Duration::from_secs(1),
    transmissions: 6,
    last: Duration::from_millis(1250),
};

/// What is asked, where, and where the answer must come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Question {
    pub(super) socket: SocketId,
    pub(super) destination: SocketAddr,
    /// With the place that it leads to.
    pub(super) change: Option<(ChangeRequest, SocketAddr)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Open { id: TransactionId, timer: Retransmission },
    Over(Finding),
}

/// How a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Finding {
    Answered(Mapped),
    /// A request to ourselves came in.
    Heard,
    Refused(u16),
    Overlooked,
    Silent,
}

#[derive(Debug)]
pub(super) struct Probe {
    pub(super) question: Question,
    pub(super) began: Instant,
    state: State,
}

impl Probe {
    /// Due for the first time at `began`.
    pub(super) fn new(began: Instant, id: TransactionId, question: Question) -> Probe {
        let timer = Retransmission::new(began, SCHEDULE);
        Probe { question, began, state: State::Open { id, timer } }
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        match self.state {
            State::Open { timer, .. } => Some(timer.deadline()),
            State::Over(_) => None,
        }
    }

    pub(super) fn transaction(&self) -> Option<TransactionId> {
        match self.state {
            State::Open { id, .. } => Some(id),
            State::Over(_) => None,
        }
    }

    pub(super) fn finding(&self) -> Option<Finding> {
        match self.state {
            State::Open { .. } => None,
            State::Over(finding) => Some(finding),
        }
    }

    pub(super) fn answer(&self) -> Option<Mapped> {
        match self.finding() {
            Some(Finding::Answered(mapped)) => Some(mapped),
            Some(Finding::Heard | Finding::Refused(_) | Finding::Overlooked | Finding::Silent)
            | None => None,
        }
    }

    /// Whether the request is to be sent.
    pub(super) fn on_timeout(&mut self, now: Instant) -> bool {
        let State::Open { id, mut timer } = self.state else { return false };
        match timer.on_timeout(now) {
            Due::Send => {
                self.state = State::Open { id, timer };
                true
            }
            Due::GiveUp => {
                self.end(Finding::Silent);
                false
            }
            Due::Nothing => false,
        }
    }

    /// An answer with our id.
    ///
    /// # Errors
    /// `NoTransaction` if it cannot be the server's: it came to another socket or from elsewhere.
    pub(super) fn on_response(
        &mut self,
        socket: SocketId,
        from: SocketAddr,
        outcome: Outcome,
    ) -> Result<(), DropReason> {
        let Question { socket: ours, destination, change } = self.question;
        let expected = change.map_or(destination, |(_, place)| place);
        let is_expected = socket == ours && (from == expected || from == destination);
        if self.transaction().is_none() || !is_expected {
            return Err(DropReason::NoTransaction);
        }
        self.end(match outcome {
            Outcome::Refused(code) => Finding::Refused(code),
            Outcome::Mapped(_) if from != expected => Finding::Overlooked,
            Outcome::Mapped(mapped) => Finding::Answered(mapped),
        });
        Ok(())
    }

    pub(super) fn end(&mut self, finding: Finding) {
        if self.finding().is_none() {
            tracing::debug!(question = ?self.question, ?finding, "nat discovery");
            self.state = State::Over(finding);
        }
    }
}
