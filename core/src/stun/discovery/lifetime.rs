//! How long an idle mapping lives, by bisection: RFC 5780 §4.6.
//!
//! One socket opens a mapping and lies still. Another then has the server answer to that mapping
//! (RESPONSE-PORT, §7.5): if the answer arrives, it was alive. To ask from the first socket itself
//! would prove nothing, as many NATs give a socket its old port again. So a server without
//! RESPONSE-PORT tells nothing; a first round without any wait finds that out.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use stun_types::attribute::AttributeWrite;
use stun_types::message::TransactionId;

use super::probe::SCHEDULE;
use super::{ProbeTransmit, SocketId, plain};
use crate::base::{Seed, SeedRng};
use crate::stun::attributes::ResponsePort;
use crate::stun::message::{self, BindingMessage, Outcome, transaction_id};
use crate::stun::{Due, Retransmission};
use crate::wire::DropReason;

/// The first wait; it doubles until it is too long.
const FIRST_WAIT: Duration = Duration::from_secs(20);
/// The two bounds differ by no more than this part of the upper one in the end.
const PRECISION: u32 = 8;

/// What the lifetime run needs to know.
#[derive(Debug, Clone)]
pub struct LifetimeConfig {
    /// For transaction ids.
    pub seed: Seed,
    /// One STUN server with RFC 5780, resolved.
    pub server: SocketAddr,
    /// The longest wait that is tried; more is not of interest.
    pub longest: Duration,
    /// When to stop with what is known by then. The sum of all waits is about four times the
    /// lifetime.
    pub budget: Duration,
}

/// What the lifetime run found out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LifetimeReport {
    /// An idle mapping is alive after `alive`, and gone after `gone` (`None`: longer than was
    /// tried).
    Bounds {
        /// It was alive after this time.
        alive: Duration,
        /// It was gone after this time.
        gone: Option<Duration>,
    },
    /// The server does not know RESPONSE-PORT, or is not there: nothing is known.
    Unknown,
}

/// Finds out how long an idle mapping lives. Takes minutes, and so is a run of its own; a shell
/// with two sockets ([`SocketId::LIFETIME`], [`SocketId::MAIN`]) drives it like [`super::Discovery`].
/// A hint only, as what that finds.
pub struct LifetimeDiscovery {
    server: SocketAddr,
    longest: Duration,
    until: Instant,
    rng: SeedRng,
    alive: Option<Duration>,
    gone: Option<Duration>,
    state: State,
    /// Whether the open request is to leave.
    is_due: bool,
    report: Option<LifetimeReport>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// The idle socket asks for its mapping.
    Opening {
        id: TransactionId,
        timer: Retransmission,
    },
    /// It lies still.
    Idle {
        port: u16,
        until: Instant,
    },
    /// The other socket asks for an answer to `port`.
    Knocking {
        id: TransactionId,
        timer: Retransmission,
        port: u16,
    },
    Over,
}

impl LifetimeDiscovery {
    /// Room that [`Self::poll_transmit`] needs.
    pub const TRANSMIT_BYTES_MAX: usize = message::REQUEST_BYTES_MAX;

    /// Begins at `now`.
    pub fn new(now: Instant, config: &LifetimeConfig) -> LifetimeDiscovery {
        let LifetimeConfig { seed, server, longest, budget } = config;
        let mut rng = seed.rng();
        let id = transaction_id(&mut rng);
        LifetimeDiscovery {
            server: plain(*server),
            longest: *longest,
            until: now + *budget,
            rng,
            alive: None,
            gone: None,
            state: State::Opening { id, timer: Retransmission::new(now, SCHEDULE) },
            is_due: false,
            report: None,
        }
    }

    /// Takes a datagram that came in on `socket`.
    ///
    /// # Errors
    /// Why it was dropped; nothing has changed then.
    pub fn handle_datagram(
        &mut self,
        now: Instant,
        socket: SocketId,
        from: SocketAddr,
        payload: &[u8],
    ) -> Result<(), DropReason> {
        let BindingMessage::Response(answered, outcome) = message::parse(payload)? else {
            return Err(DropReason::NoTransaction);
        };
        if plain(from) != self.server {
            return Err(DropReason::NoTransaction);
        }
        match self.state {
            State::Opening { id, .. } if id == answered && socket == SocketId::LIFETIME => {
                match outcome {
                    Outcome::Mapped(mapped) => {
                        let until = now + self.wait();
                        self.enter(State::Idle { port: mapped.address.port(), until });
                    }
                    Outcome::Refused(_) => self.finish(),
                }
            }
            State::Knocking { id, .. } if id == answered => match (socket, outcome) {
                (SocketId::LIFETIME, Outcome::Mapped(_)) => {
                    self.alive = Some(self.wait());
                    self.next_round(now);
                }
                // The server answered to where the request came from: it knows no RESPONSE-PORT.
                (SocketId::MAIN, _) => {
                    self.alive = None;
                    self.finish();
                }
                _ => return Err(DropReason::NoTransaction),
            },
            State::Opening { .. } | State::Idle { .. } | State::Knocking { .. } | State::Over => {
                return Err(DropReason::NoTransaction);
            }
        }
        Ok(())
    }

    /// Time has passed.
    pub fn handle_timeout(&mut self, now: Instant) {
        if now >= self.until {
            return self.finish();
        }
        match self.state {
            State::Opening { id, mut timer } => match timer.on_timeout(now) {
                Due::Send => {
                    self.is_due = true;
                    self.enter(State::Opening { id, timer });
                }
                Due::GiveUp => self.finish(),
                Due::Nothing => {}
            },
            State::Idle { port, until } if now >= until => {
                let id = transaction_id(&mut self.rng);
                let timer = Retransmission::new(now, SCHEDULE);
                self.enter(State::Knocking { id, timer, port });
                self.handle_timeout(now);
            }
            State::Knocking { id, mut timer, port } => match timer.on_timeout(now) {
                Due::Send => {
                    self.is_due = true;
                    self.enter(State::Knocking { id, timer, port });
                }
                Due::GiveUp => self.on_silence(now),
                Due::Nothing => {}
            },
            State::Idle { .. } | State::Over => {}
        }
    }

    /// Writes the next datagram to the start of `buffer`, which must have room for
    /// [`Self::TRANSMIT_BYTES_MAX`].
    pub fn poll_transmit(&mut self, buffer: &mut [u8]) -> Option<ProbeTransmit> {
        if !std::mem::take(&mut self.is_due) {
            return None;
        }
        let (socket, id, port) = match self.state {
            State::Opening { id, .. } => (SocketId::LIFETIME, id, None),
            State::Knocking { id, port, .. } => (SocketId::MAIN, id, Some(ResponsePort(port))),
            State::Idle { .. } | State::Over => return None,
        };
        let port = port.as_ref().map(|port| port as &dyn AttributeWrite);
        let length = message::write_request(buffer, id, port)?;
        Some(ProbeTransmit { socket, destination: self.server, length })
    }

    /// The report, once, when all is over.
    pub fn poll_event(&mut self) -> Option<LifetimeReport> {
        self.report.take()
    }

    /// When to call [`Self::handle_timeout`]; `None` when all is over.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let due = match self.state {
            State::Opening { timer, .. } | State::Knocking { timer, .. } => timer.deadline(),
            State::Idle { until, .. } => until,
            State::Over => return None,
        };
        Some(due.min(self.until))
    }

    /// The wait of this round: none in the first, then ever longer until one was too long, then
    /// half-way between what was survived and what was not.
    fn wait(&self) -> Duration {
        match (self.alive, self.gone) {
            (None, _) => Duration::ZERO,
            (Some(alive), None) => (alive * 2).max(FIRST_WAIT).min(self.longest),
            (Some(alive), Some(gone)) => (alive + gone) / 2,
        }
    }

    fn on_silence(&mut self, now: Instant) {
        if self.alive.is_none() {
            return self.finish();
        }
        self.gone = Some(self.wait());
        self.next_round(now);
    }

    fn next_round(&mut self, now: Instant) {
        let alive = self.alive.unwrap_or_default();
        let is_precise = match self.gone {
            Some(gone) => gone.saturating_sub(alive) <= gone / PRECISION,
            None => alive >= self.longest,
        };
        if is_precise {
            return self.finish();
        }
        let id = transaction_id(&mut self.rng);
        self.enter(State::Opening { id, timer: Retransmission::new(now, SCHEDULE) });
        self.handle_timeout(now);
    }

    fn finish(&mut self) {
        if self.state == State::Over {
            return;
        }
        self.is_due = false;
        self.enter(State::Over);
        self.report = Some(match self.alive {
            Some(alive) => LifetimeReport::Bounds { alive, gone: self.gone },
            None => LifetimeReport::Unknown,
        });
    }

    fn enter(&mut self, state: State) {
        tracing::debug!(from = ?self.state, to = ?state, "nat mapping lifetime");
        self.state = state;
    }
}

impl std::fmt::Debug for LifetimeDiscovery {
    /// Leaves the generator out.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LifetimeDiscovery").field("state", &self.state).finish_non_exhaustive()
    }
}
