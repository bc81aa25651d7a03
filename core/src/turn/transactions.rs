//! Requests in the air.

use std::time::{Duration, Instant};

use super::allocation::Leg;
use super::peers::Want;
use super::verdict::Ask;
use crate::stun::{Due, Retransmission, Schedule};

/// Requests for peers that are in the air at the same time; the others wait for their answers.
pub(super) const PEER_REQUESTS_MAX: usize = 8;

/// What a request is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Purpose {
    Allocate,
    Refresh,
    Delete,
    Peer(Want),
}

impl Purpose {
    pub(super) fn ask(self) -> Ask {
        match self {
            Purpose::Allocate => Ask::Allocate,
            Purpose::Refresh => Ask::Refresh,
            Purpose::Delete => Ask::Delete,
            Purpose::Peer(Want::Permission(_)) => Ask::Permission,
            Purpose::Peer(Want::Channel(_)) => Ask::Channel,
        }
    }
}

/// How often one request was answered with an objection already.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Objections {
    /// With 438.
    pub(super) stale: u8,
    /// With 401, though it showed credentials.
    pub(super) unauthorized: u8,
}

/// One request in the air.
#[derive(Debug)]
pub(super) struct Transaction {
    pub(super) id: u128,
    pub(super) purpose: Purpose,
    pub(super) was_signed: bool,
    pub(super) objections: Objections,
    timer: Retransmission,
    is_due: bool,
    bytes: Vec<u8>,
}

impl Transaction {
    /// Due at once.
    pub(super) fn new(
        now: Instant,
        id: u128,
        purpose: Purpose,
        schedule: Schedule,
        bytes: Vec<u8>,
    ) -> Transaction {
        let timer = Retransmission::new(now, schedule);
        let objections = Objections::default();
        Transaction { id, purpose, was_signed: false, objections, timer, is_due: false, bytes }
    }
}

/// How a request is sent again.
pub(super) fn schedule(leg: Leg, purpose: Purpose, is_rebuilt: bool) -> Schedule {
    let ms = Duration::from_millis;
    let schedule = |first, most, transmissions, last| Schedule {
        first: ms(first),
        most: ms(most),
        transmissions,
        last: ms(last),
    };
    match (leg, purpose) {
        // A server that was there a moment ago is likely to be back in the next.
        (Leg::Datagram, Purpose::Allocate) if is_rebuilt => schedule(250, 1_000, 10, 2_000),
        (Leg::Datagram, Purpose::Allocate | Purpose::Peer(_)) => Schedule::UDP,
        // 0, 0.2, 0.6, 1.0 s, and over after 1.4 s: three of them within 5 s.
        (Leg::Datagram, Purpose::Refresh) => schedule(200, 400, 4, 400),
        (Leg::Datagram, Purpose::Delete) => schedule(250, 500, 3, 500),
        (Leg::Stream, Purpose::Allocate | Purpose::Peer(_)) => Schedule::RELIABLE,
        (Leg::Stream, Purpose::Refresh) => schedule(3_000, 3_000, 1, 3_000),
        (Leg::Stream, Purpose::Delete) => schedule(2_000, 2_000, 1, 2_000),
    }
}

/// All requests in the air: one for the allocation itself and one to prove it, and
/// [`PEER_REQUESTS_MAX`].
#[derive(Debug, Default)]
pub(super) struct Transactions {
    list: Vec<Transaction>,
}

impl Transactions {
    /// Adds one and says when its timer is due next.
    pub(super) fn start(&mut self, now: Instant, mut transaction: Transaction) -> Instant {
        transaction.is_due = transaction.timer.on_timeout(now) == Due::Send;
        let deadline = transaction.timer.deadline();
        self.list.push(transaction);
        deadline
    }

    pub(super) fn find(&self, id: u128) -> Option<&Transaction> {
        self.list.iter().find(|it| it.id == id)
    }

    pub(super) fn take(&mut self, id: u128) -> Option<Transaction> {
        let index = self.list.iter().position(|it| it.id == id)?;
        Some(self.list.remove(index))
    }

    pub(super) fn has(&self, purpose: Purpose) -> bool {
        self.list.iter().any(|it| it.purpose == purpose)
    }

    pub(super) fn has_room_for_peers(&self) -> bool {
        let peers = self.list.iter().filter(|it| matches!(it.purpose, Purpose::Peer(_)));
        peers.count() < PEER_REQUESTS_MAX
    }

    /// Forgets all and names them.
    pub(super) fn clear(&mut self) -> Vec<u128> {
        self.list.drain(..).map(|it| it.id).collect()
    }

    /// Sends a request again, or takes it out where nobody answered. Says when its timer is due
    /// next.
    pub(super) fn on_timeout(&mut self, now: Instant, id: u128) -> Overdue {
        let Some(it) = self.list.iter_mut().find(|it| it.id == id) else { return Overdue::Nothing };
        match it.timer.on_timeout(now) {
            Due::Send => it.is_due = true,
            Due::Nothing => {}
            Due::GiveUp => return self.take(id).map_or(Overdue::Nothing, Overdue::Unanswered),
        }
        Overdue::Again(it.timer.deadline())
    }

    /// Writes the next message that is due. One that does not fit is not sent.
    pub(super) fn poll_transmit(&mut self, buffer: &mut [u8]) -> Option<usize> {
        for it in self.list.iter_mut().filter(|it| it.is_due) {
            it.is_due = false;
            if let Some(place) = buffer.get_mut(..it.bytes.len()) {
                place.copy_from_slice(&it.bytes);
                return Some(it.bytes.len());
            }
            tracing::debug!(bytes = it.bytes.len(), "a TURN request does not fit the buffer");
        }
        None
    }
}

/// What a transaction's timer led to.
#[derive(Debug)]
pub(super) enum Overdue {
    Nothing,
    Again(Instant),
    Unanswered(Transaction),
}
