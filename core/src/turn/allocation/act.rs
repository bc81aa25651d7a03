//! What the kernel decides, done: requests, waits, events.

use std::time::{Duration, Instant};

use super::{ACTIVE_FOR, Allocation, KEEPALIVE_ACTIVE, Timer, YOUNG};
use crate::turn::backoff::Pace;
use crate::turn::credentials::RENEW_BEFORE;
use crate::turn::event::{AllocationEvent, LossCause, Relayed};
use crate::turn::life::{Action, Input, Life};
use crate::turn::message::{
    CHANNEL_NUMBER, Class, IPV6, LIFETIME, Method, REQUESTED_TRANSPORT, UDP, Writer,
    XOR_PEER_ADDRESS, message_type,
};
use crate::turn::peers::{Peers, Want};
use crate::turn::scope::may_reach;
use crate::turn::transactions::{Objections, Overdue, Purpose, Transaction, schedule};
use crate::turn::{Leg, transactions::PEER_REQUESTS_MAX};

/// From the half of their time on, credentials are replaced in a moment in which nobody is relayed;
/// it is looked for so often.
const RENEW_LOOK: Duration = Duration::from_secs(30);

impl Allocation {
    /// The one place that sets the state.
    pub(super) fn live(&mut self, now: Instant, input: Input) {
        let (next, action) = self.life.on(input);
        if next != self.life {
            tracing::debug!(server = %self.server, from = ?self.life, to = ?next, ?input, "TURN");
        }
        self.life = next;
        match action {
            Action::Nothing => {}
            Action::Allocate => self.allocate(now),
            Action::Delete => {
                self.drop_requests();
                self.send(now, Purpose::Delete, Objections::default());
            }
            Action::Probe => self.timers.set(Timer::Probe, Some(now)),
            Action::Announce => self.announce(now),
            Action::Yield(wait) => {
                self.drop_requests();
                self.timers.set(Timer::Retry, Some(now + wait));
            }
            Action::Refuse => self.drop_requests(),
            Action::FallSilent => {
                self.tell(AllocationEvent::Silent);
                self.wait(now, Pace::Silent);
            }
            Action::Rebuild(cause) => {
                self.lose(cause);
                // A server that restarted may not even say that our nonce is none of its own.
                self.auth.reset();
                self.allocate(now);
            }
            Action::RebuildLater(cause) => {
                self.lose(cause);
                self.auth.reset();
                self.wait(now, Pace::Fickle);
            }
            Action::Replace(cause) => {
                self.lose(cause);
                self.send(now, Purpose::Delete, Objections::default());
            }
            Action::Move => {
                self.drop_requests();
                self.tell(AllocationEvent::Moved(self.server));
            }
            Action::Stop => {
                self.forget_allocation();
                self.peers = Peers::new();
            }
        }
    }

    fn announce(&mut self, now: Instant) {
        self.visited.clear();
        self.granted_at = Some(now);
        self.tell(AllocationEvent::Allocated { relayed: self.relayed, mapped: self.mapped });
        let relayed = self.relayed;
        self.peers.on_allocation(now, |peer| {
            relayed.for_peer(peer).is_some_and(|relayed| may_reach(relayed.ip(), peer))
        });
        if let Some(expires) = self.auth.expires() {
            let half = expires.saturating_duration_since(now) / 2;
            self.timers.set(Timer::Renew, Some(now + half));
        }
        self.prove(now, self.lifetime);
    }

    /// The server has just said that the allocation lives, and for how long.
    pub(super) fn prove(&mut self, now: Instant, lifetime: Duration) {
        self.lifetime = lifetime;
        self.proved_at = Some(now);
        if self.granted_at.is_some_and(|at| now.saturating_duration_since(at) >= YOUNG) {
            self.backoff.reset();
        }
        self.timers.set(Timer::Expire, Some(now + lifetime));
        self.set_probe(now);
    }

    fn lose(&mut self, cause: LossCause) {
        tracing::info!(?cause, "a TURN allocation is lost");
        self.forget_allocation();
        self.tell(AllocationEvent::Lost(cause));
    }

    fn forget_allocation(&mut self) {
        self.drop_requests();
        for timer in [Timer::Retry, Timer::Probe, Timer::Expire, Timer::Renew] {
            self.timers.set(timer, None);
        }
        self.relayed = Relayed::default();
        self.mapped = None;
        self.peers.on_lost();
    }

    fn drop_requests(&mut self) {
        for id in self.transactions.clear() {
            self.timers.set(Timer::Transaction(id), None);
        }
    }

    pub(super) fn wait(&mut self, now: Instant, pace: Pace) {
        self.drop_requests();
        let wait = self.backoff.next(pace, &mut self.rng);
        self.timers.set(Timer::Retry, Some(now + wait));
    }

    /// Tells a refusal and waits.
    pub(super) fn refuse(&mut self, now: Instant, input: Input, code: u16) {
        self.live(now, input);
        if self.life == Life::Waiting {
            self.way = 0;
            self.tell(AllocationEvent::Refused { code });
            let is_full = matches!(code, 486 | 508);
            self.wait(now, if is_full { Pace::Full } else { Pace::Refused });
        }
    }

    pub(super) fn lose_if_held(&mut self, now: Instant, cause: LossCause) {
        let is_young = self.granted_at.is_some_and(|at| now.saturating_duration_since(at) < YOUNG);
        self.live(now, Input::Lost { cause, is_young });
    }

    pub(super) fn allocate(&mut self, now: Instant) {
        self.drop_requests();
        self.timers.set(Timer::Retry, None);
        if self.auth.expires().is_some_and(|at| at.saturating_duration_since(now) < RENEW_BEFORE) {
            self.auth.renew(now);
        }
        self.send(now, Purpose::Allocate, Objections::default());
    }

    /// Asks for a proof of life, unless one is on its way.
    pub(super) fn probe(&mut self, now: Instant) {
        if matches!(self.life, Life::Held { .. }) && !self.transactions.has(Purpose::Refresh) {
            self.timers.set(Timer::Probe, None);
            self.send(now, Purpose::Refresh, Objections::default());
        }
    }

    /// Sends what the peers want, as far as there is room.
    pub(super) fn pump(&mut self, now: Instant) {
        for _ in 0..PEER_REQUESTS_MAX {
            let is_held = matches!(self.life, Life::Held { .. });
            if !is_held || !self.transactions.has_room_for_peers() {
                return;
            }
            let Some(want) = self.peers.next_wanted(now) else { return };
            self.send(now, Purpose::Peer(want), Objections::default());
        }
    }

    /// Sends a request under a new id.
    pub(super) fn send(&mut self, now: Instant, purpose: Purpose, objections: Objections) {
        let id = self.new_id();
        let Some(bytes) = self.write(id, purpose) else { return };
        let is_rebuilt = self.granted_at.is_some();
        let schedule = schedule(self.leg, purpose, is_rebuilt);
        let mut transaction = Transaction::new(now, id, purpose, schedule, bytes);
        transaction.was_signed = self.auth.signs();
        transaction.objections = objections;
        let deadline = self.transactions.start(now, transaction);
        self.timers.set(Timer::Transaction(id), Some(deadline));
    }

    /// `None`: the peer was forgotten meanwhile.
    fn write(&self, id: u128, purpose: Purpose) -> Option<Vec<u8>> {
        let method = match purpose {
            Purpose::Allocate => Method::Allocate,
            Purpose::Refresh | Purpose::Delete => Method::Refresh,
            Purpose::Peer(Want::Permission(_)) => Method::CreatePermission,
            Purpose::Peer(Want::Channel(_)) => Method::ChannelBind,
        };
        let mut request = Writer::new(message_type(method, Class::Request), id);
        match purpose {
            Purpose::Allocate => {
                request.attribute(REQUESTED_TRANSPORT, &[UDP, 0, 0, 0]);
                for kind in self.families.ways().get(self.way)?.attributes() {
                    request.attribute(*kind, &[IPV6, 0, 0, 0]);
                }
            }
            Purpose::Refresh => {}
            Purpose::Delete => request.attribute(LIFETIME, &[0; 4]),
            Purpose::Peer(Want::Permission(ip)) => {
                request.xor_address(XOR_PEER_ADDRESS, (ip, 0).into(), id);
            }
            Purpose::Peer(Want::Channel(peer)) => {
                let [high, low] = self.peers.number_of(peer)?.value().to_be_bytes();
                request.attribute(CHANNEL_NUMBER, &[high, low, 0, 0]);
                request.xor_address(XOR_PEER_ADDRESS, peer, id);
            }
        }
        self.auth.sign(&mut request);
        Some(request.finish())
    }

    pub(super) fn on_timer(&mut self, now: Instant, timer: Timer) {
        match timer {
            Timer::Retry if matches!(self.life, Life::Yielding { .. }) => {
                self.live(now, Input::Due);
            }
            Timer::Retry => self.retry(now),
            Timer::Probe => {
                let sent = self.sent_at.map(|at| now.saturating_duration_since(at));
                self.is_active &= sent.is_some_and(|ago| ago < ACTIVE_FOR);
                self.probe(now);
            }
            Timer::Expire => self.lose_if_held(now, LossCause::Expired),
            Timer::Renew => self.look_to_renew(now),
            Timer::Transaction(id) => match self.transactions.on_timeout(now, id) {
                Overdue::Nothing => {}
                Overdue::Again(at) => self.timers.set(timer, Some(at)),
                Overdue::Unanswered(it) => self.on_unanswered(now, it.purpose),
            },
        }
    }

    /// Goes back to the server of the configuration, wherever others sent us.
    fn retry(&mut self, now: Instant) {
        self.visited.clear();
        self.auth.reset();
        if self.server == self.home {
            return self.live(now, Input::Due);
        }
        self.server = self.home;
        let is_stream = self.leg == Leg::Stream;
        self.live(now, if is_stream { Input::MovedAway } else { Input::Due });
    }

    fn look_to_renew(&mut self, now: Instant) {
        let Some(expires) = self.auth.expires() else { return };
        let left = expires.saturating_duration_since(now);
        let sent = self.sent_at.map(|at| now.saturating_duration_since(at));
        let is_in_use = sent.is_some_and(|ago| ago < ACTIVE_FOR + KEEPALIVE_ACTIVE);
        if is_in_use && left > RENEW_BEFORE + RENEW_LOOK {
            self.timers.set(Timer::Renew, Some(now + RENEW_LOOK));
        } else {
            self.live(now, Input::Renew);
        }
    }

    fn on_unanswered(&mut self, now: Instant, purpose: Purpose) {
        tracing::debug!(server = %self.server, ?purpose, "no answer from a TURN server");
        match purpose {
            Purpose::Allocate => self.live(now, Input::Unanswered),
            Purpose::Refresh => self.live(now, Input::NoSign),
            Purpose::Delete => self.on_deleted(now),
            Purpose::Peer(want) => self.peers.on_failed(now, want),
        }
    }

    /// Nothing stands in the way of an allocation with fresh credentials any more.
    pub(super) fn on_deleted(&mut self, now: Instant) {
        if self.auth.expires().is_some() {
            self.auth.renew(now);
        }
        self.live(now, Input::Deleted);
    }
}
