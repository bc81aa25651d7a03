//! Responses: whose they are, whether they are authentic, and what they mean.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::{Allocation, Leg, Timer};
use crate::turn::auth::Verified;
use crate::turn::event::{LossCause, Relayed};
use crate::turn::life::Input;
use crate::turn::message::{
    Class, Method, Parsed, XOR_MAPPED_ADDRESS, XOR_RELAYED_ADDRESS, message_type,
};
use crate::turn::transactions::{Objections, Purpose, Transaction};
use crate::turn::verdict::{Ask, Verdict, judge, judge_unauthorized};
use crate::wire::{DropReason, can_receive};

/// 438s to one request in a row that are answered with another try.
const STALE_MAX: u8 = 4;
/// 401s to one signed request in a row that are answered with another try.
const UNAUTHORIZED_MAX: u8 = 1;
/// Servers that we let us be sent to in a row.
const MOVES_MAX: usize = 4;
/// What an allocation has without a LIFETIME, RFC 8656 §3.2.
const LIFETIME_DEFAULT: Duration = Duration::from_secs(600);
/// Longer ones are taken for this: a wrong number must not switch off the expiry.
const LIFETIME_MAX: Duration = Duration::from_secs(3_600);

/// A response that says what its request wants to know.
enum Answer {
    Allocated { relayed: Relayed, mapped: Option<SocketAddr>, lifetime: Duration },
    Refreshed(Duration),
    Deleted,
    Granted,
    Error(u16),
}

impl Allocation {
    /// Takes a response. What is not the answer to a request of ours changes nothing.
    pub(super) fn on_response(
        &mut self,
        now: Instant,
        response: &Parsed<'_>,
    ) -> Result<(), DropReason> {
        let it = self.transactions.find(response.id()).ok_or(DropReason::NoRoute)?;
        let answer = read(it.purpose, response).ok_or(DropReason::BadStun)?;
        if !self.is_authentic(it, &answer, response) {
            return Err(DropReason::BadIntegrity);
        }
        let it = self.transactions.take(response.id()).ok_or(DropReason::NoRoute)?;
        self.timers.set(Timer::Transaction(it.id), None);
        match answer {
            Answer::Allocated { relayed, mapped, lifetime } => {
                (self.relayed, self.mapped, self.lifetime) = (relayed, mapped, lifetime);
                self.live(now, Input::Granted);
            }
            Answer::Refreshed(lifetime) if lifetime.is_zero() => {
                self.lose_if_held(now, LossCause::Expired);
            }
            Answer::Refreshed(lifetime) => {
                self.live(now, Input::Alive);
                self.prove(now, lifetime);
            }
            Answer::Deleted => self.on_deleted(now),
            Answer::Granted => {
                if let Purpose::Peer(want) = it.purpose {
                    self.peers.on_granted(now, want);
                }
            }
            Answer::Error(code) => self.on_error(now, &it, code, response),
        }
        Ok(())
    }

    /// RFC 8489 §9.2.5. Errors may come unsigned: the server may not know our key, as after a
    /// restart, and who can guess the transaction id stands in the path anyway.
    fn is_authentic(&self, it: &Transaction, answer: &Answer, response: &Parsed<'_>) -> bool {
        match (answer, it.was_signed, self.auth.verify(response)) {
            (Answer::Error(401 | 438 | 441), ..) | (_, false, _) => true,
            (Answer::Error(_), true, verified) => verified != Verified::Forged,
            (_, true, verified) => verified == Verified::Authentic,
        }
    }

    fn on_error(&mut self, now: Instant, it: &Transaction, code: u16, response: &Parsed<'_>) {
        let ask = it.purpose.ask();
        tracing::debug!(server = %self.server, ?ask, code, "a TURN server objects");
        let verdict = match judge(ask, code, it.objections.stale > 0) {
            Verdict::Authenticate => match self.learn(now, it, code, response) {
                Some(objections) => return self.send(now, it.purpose, objections),
                None => judge_unauthorized(ask),
            },
            verdict => verdict,
        };
        match verdict {
            // `judge` says it of no code but those above.
            Verdict::Authenticate | Verdict::Refused => self.refuse(now, Input::Refused, code),
            Verdict::Redirect => self.redirect(now, response),
            Verdict::Mismatch => self.refuse(now, Input::Mismatch, code),
            Verdict::OtherFamily => self.ask_other_family(now, code),
            Verdict::Lost(cause) => self.lose_if_held(now, cause),
            Verdict::PeerRefused => {
                if let Purpose::Peer(want) = it.purpose {
                    self.peers.on_refused(now, want);
                    let peer = want.peer();
                    self.tell(super::AllocationEvent::PeerRefused { peer, code });
                }
            }
            Verdict::Failed => match it.purpose {
                Purpose::Peer(want) if ask == Ask::Channel => self.peers.on_refused(now, want),
                Purpose::Peer(want) => self.peers.on_failed(now, want),
                _ => self.on_refresh_failed(now),
            },
            Verdict::Gone => self.on_deleted(now),
        }
    }

    /// The server answers, but does not refresh: like silence, but it is not asked in haste.
    fn on_refresh_failed(&mut self, now: Instant) {
        self.live(now, Input::NoSign);
        self.set_probe(now);
    }

    /// Takes in a 401 or 438. `Some`: the request is worth another try.
    fn learn(
        &mut self,
        now: Instant,
        it: &Transaction,
        code: u16,
        response: &Parsed<'_>,
    ) -> Option<Objections> {
        let Objections { stale, unauthorized } = it.objections;
        let ask = it.purpose.ask();
        let (learned, objections) = if code == 438 {
            let objections = Objections { stale: stale + 1, unauthorized };
            (self.auth.on_stale_nonce(now, response), objections)
        } else {
            let again = unauthorized + u8::from(it.was_signed);
            let objections = Objections { stale, unauthorized: again };
            // Bits that turn on the way spoil a proof, too. Whoever came with another name for that would
            // find the allocation in his own way, until it expires (441). So what was refused once is asked
            // once more as who we are, unless its nonce was fresh. After that only an Allocate makes us
            // somebody else; with another request the allocation is lost, and asked for as who we are.
            let once_more = again == 1 && (ask != Ask::Allocate || self.auth.can_be_renewed());
            let learned = match it.was_signed {
                true if once_more && stale == 0 => self.auth.on_stale_nonce(now, response),
                true if ask != Ask::Allocate => return None,
                was_signed => self.auth.on_unauthorized(now, response, was_signed),
            };
            (learned, objections)
        };
        if let Err(why) = learned {
            tracing::debug!(server = %self.server, ?why, "a TURN server cannot be satisfied");
            return None;
        }
        // Once as who we are, and once as somebody else.
        let unauthorized_max = UNAUTHORIZED_MAX + u8::from(self.auth.can_be_renewed());
        let is_worth_it =
            objections.stale <= STALE_MAX && objections.unauthorized <= unauthorized_max;
        is_worth_it.then_some(objections)
    }

    /// RFC 8489 §10: the same again at another server, but never twice at the same.
    fn redirect(&mut self, now: Instant, response: &Parsed<'_>) {
        let to = response.alternate_server().filter(|to| {
            let is_known = *to == self.server || *to == self.home || self.visited.contains(to);
            let is_like = to.is_ipv4() == self.server.is_ipv4();
            !is_known && is_like && can_receive(*to) && self.visited.len() < MOVES_MAX
        });
        let Some(to) = to else { return self.refuse(now, Input::Refused, 300) };
        tracing::debug!(from = %self.server, %to, "a TURN server sends us on");
        self.visited.push(to);
        self.server = to;
        self.auth.reset();
        match self.leg {
            Leg::Datagram => {
                self.tell(super::AllocationEvent::Moved(to));
                self.live(now, Input::AskOtherwise);
            }
            Leg::Stream => self.live(now, Input::MovedAway),
        }
    }

    /// RFC 8656 §7.4: some servers have one family only, or cannot be asked for two.
    fn ask_other_family(&mut self, now: Instant, code: u16) {
        self.way += 1;
        if self.way < self.families.ways().len() {
            self.live(now, Input::AskOtherwise);
        } else {
            self.refuse(now, Input::Refused, code);
        }
    }
}

/// `None`: no response to such a request, or one that does not say what it must.
fn read(purpose: Purpose, response: &Parsed<'_>) -> Option<Answer> {
    let method = match purpose.ask() {
        Ask::Allocate => Method::Allocate,
        Ask::Refresh | Ask::Delete => Method::Refresh,
        Ask::Permission => Method::CreatePermission,
        Ask::Channel => Method::ChannelBind,
    };
    if response.kind() == message_type(method, Class::Error) {
        return response.error_code().map(Answer::Error);
    }
    if response.kind() != message_type(method, Class::Success) {
        return None;
    }
    let lifetime = response.lifetime().unwrap_or(LIFETIME_DEFAULT).min(LIFETIME_MAX);
    match purpose {
        Purpose::Allocate => {
            let relayed = relayed(response)?;
            let mapped = response.xor_addresses(XOR_MAPPED_ADDRESS).next();
            Some(Answer::Allocated { relayed, mapped, lifetime })
        }
        Purpose::Refresh => Some(Answer::Refreshed(lifetime)),
        Purpose::Delete => Some(Answer::Deleted),
        Purpose::Peer(_) => Some(Answer::Granted),
    }
}

fn relayed(response: &Parsed<'_>) -> Option<Relayed> {
    let mut relayed = Relayed::default();
    for address in response.xor_addresses(XOR_RELAYED_ADDRESS) {
        if !can_receive(address) {
            continue;
        }
        let place = if address.is_ipv4() { &mut relayed.v4 } else { &mut relayed.v6 };
        place.get_or_insert(address);
    }
    (relayed != Relayed::default()).then_some(relayed)
}
