//! When a Binding is asked for, and what is known of it: the kernel. No bytes, no queues.
//!
//! ```text
//!             due, a new transaction
//!   Resting ──────────────────────────▶ Asking ─╮ due: the same request again
//!      ▲                                  │ ▲   │
//!      │ answered: rest for the keepalive │ ╰───╯
//!      │ refused, or nobody answered: rest ever longer
//!      ╰──────────────────────────────────╯
//! ```
//!
//! A probe leads to Resting from everywhere, due as soon as the last transaction is not too recent.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use stun_types::message::TransactionId;

use super::BindingEvent;
use crate::base::SeedRng;
use crate::stun::message::{Outcome, transaction_id};
use crate::stun::{Due, Retransmission, Schedule};
use crate::wire::DropReason;

/// The longest time between a request and the next while the server answers: below the 30 s that
/// Linux keeps a mapping which only one side has used (nf_conntrack_udp_timeout).
pub(super) const KEEPALIVE: Duration = Duration::from_secs(25);
/// The first rest after silence or refusal; it doubles.
const RETRY_FIRST: Duration = Duration::from_secs(5);
/// The longest rest.
const RETRY_MOST: Duration = Duration::from_secs(60);
/// Probes within this time of a transaction's beginning wait for its end: a shell tells of every
/// change of every interface, and those come in bursts.
pub(super) const PROBE_SPACING: Duration = Duration::from_millis(250);

/// The longest time to a first retransmission, which a server far away is given.
const PATIENCE_MOST: Duration = Duration::from_secs(2);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Resting { until: Instant },
    Asking { id: TransactionId, timer: Retransmission, sent: Instant },
}

/// What the last finished transaction taught.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Known {
    Nothing,
    Mapped(SocketAddr),
    Silent,
    Refused(u16),
}

/// What the driver has to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    Nothing,
    Send,
    Tell(BindingEvent),
}

#[derive(Debug)]
pub(super) struct Kernel {
    state: State,
    known: Known,
    /// Transactions without success since the last one with.
    failures: u32,
    /// When the last transaction began.
    began: Option<Instant>,
    rtt: Option<Duration>,
    /// The time to a first retransmission. It grows while answers come too late to tell which
    /// transmission they are to, so that a round trip gets measured at last (RFC 6298 §5.7).
    patience: Duration,
}

impl Kernel {
    pub(super) fn new(until: Instant) -> Kernel {
        let state = State::Resting { until };
        let patience = Schedule::UDP.first;
        Kernel { state, known: Known::Nothing, failures: 0, began: None, rtt: None, patience }
    }

    pub(super) fn deadline(&self) -> Instant {
        match self.state {
            State::Resting { until } => until,
            State::Asking { timer, .. } => timer.deadline(),
        }
    }

    pub(super) fn mapped(&self) -> Option<SocketAddr> {
        match self.known {
            Known::Mapped(address) => Some(address),
            Known::Nothing | Known::Silent | Known::Refused(_) => None,
        }
    }

    /// The last round trip that is certain: that of a request sent once (Karn).
    pub(super) fn rtt(&self) -> Option<Duration> {
        self.rtt
    }

    /// The transaction to write, if one is open.
    pub(super) fn transaction(&self) -> Option<TransactionId> {
        match self.state {
            State::Asking { id, .. } => Some(id),
            State::Resting { .. } => None,
        }
    }

    pub(super) fn on_timeout(&mut self, now: Instant, rng: &mut SeedRng) -> Action {
        if now < self.deadline() {
            return Action::Nothing;
        }
        let (id, mut timer, sent) = match self.state {
            State::Resting { .. } => {
                self.began = Some(now);
                let schedule = Schedule { first: self.patience, ..Schedule::UDP };
                (transaction_id(rng), Retransmission::new(now, schedule), now)
            }
            State::Asking { id, timer, sent } => (id, timer, sent),
        };
        match timer.on_timeout(now) {
            Due::Send => {
                self.enter(State::Asking { id, timer, sent });
                Action::Send
            }
            Due::GiveUp => {
                self.rest_after_failure(now, rng);
                self.learn(Known::Silent)
            }
            Due::Nothing => Action::Nothing,
        }
    }

    /// The request has left.
    pub(super) fn on_sent(&mut self, now: Instant) {
        if let State::Asking { id, timer, .. } = self.state {
            self.enter(State::Asking { id, timer, sent: now });
        }
    }

    /// # Errors
    /// `NoTransaction` if it answers another request than the open one: nothing has changed.
    pub(super) fn on_response(
        &mut self,
        now: Instant,
        id: TransactionId,
        outcome: Outcome,
        rng: &mut SeedRng,
    ) -> Result<Action, DropReason> {
        let (timer, sent) = match self.state {
            State::Asking { id: ours, timer, sent } if ours == id => (timer, sent),
            State::Asking { .. } | State::Resting { .. } => return Err(DropReason::NoTransaction),
        };
        if timer.is_repeated() {
            self.patience = (self.patience * 2).min(PATIENCE_MOST);
        } else {
            let rtt = now.saturating_duration_since(sent);
            self.rtt = Some(rtt);
            self.patience = (rtt * 2).clamp(Schedule::UDP.first, PATIENCE_MOST);
        }
        match outcome {
            Outcome::Mapped(mapped) => {
                self.failures = 0;
                // The mapping lives from the last datagram, not from its answer.
                let until = sent + KEEPALIVE - part_of(KEEPALIVE / 10, rng);
                self.enter(State::Resting { until });
                Ok(self.learn(Known::Mapped(mapped.address)))
            }
            Outcome::Refused(code) => {
                self.rest_after_failure(now, rng);
                Ok(self.learn(Known::Refused(code)))
            }
        }
    }

    /// Ask again at once; what was asked before is of no interest any more.
    pub(super) fn on_probe(&mut self, now: Instant) {
        self.failures = 0;
        let until = self.began.map_or(now, |began| now.max(began + PROBE_SPACING));
        self.enter(State::Resting { until });
    }

    fn rest_after_failure(&mut self, now: Instant, rng: &mut SeedRng) {
        let doubled = RETRY_FIRST * 2_u32.pow(self.failures.min(4));
        let rest = doubled.min(RETRY_MOST);
        self.failures = self.failures.saturating_add(1);
        self.enter(State::Resting { until: now + rest - part_of(rest / 5, rng) });
    }

    /// Tells only what is new.
    fn learn(&mut self, known: Known) -> Action {
        if self.known == known {
            return Action::Nothing;
        }
        self.known = known;
        match known {
            Known::Nothing => Action::Nothing,
            Known::Mapped(address) => Action::Tell(BindingEvent::Mapped(address)),
            Known::Silent => Action::Tell(BindingEvent::Silent),
            Known::Refused(code) => Action::Tell(BindingEvent::Refused(code)),
        }
    }

    fn enter(&mut self, state: State) {
        if self.state != state {
            tracing::trace!(from = ?self.state, to = ?state, "stun binding");
        }
        self.state = state;
    }
}

/// Anything from nothing to `whole`: so that many bindings do not fall into step.
fn part_of(whole: Duration, rng: &mut SeedRng) -> Duration {
    whole.mul_f64(f64::from(rng.u32()) / f64::from(u32::MAX))
}

#[cfg(test)]
#[path = "kernel_tests.rs"]
mod tests;
