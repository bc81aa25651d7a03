//! Direct paths get a head start: what comes by a relay, ours or the viewer's, or by a TCP connection
//! while a viewer connects waits a moment.
//!
//! Some viewers take the first pair that works, or the last one that did (aioice does both), and a
//! relay, which no NAT filters, often answers before a direct path is opened from both sides. The
//! moment costs those little that have no other way, and spares the others a relay for their whole
//! life. For the same reason we send no check from a relay while a direct path works or may yet be
//! found: a viewer that wants the relay knows it from us, checks it, and is answered.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::receive::Arrival;
use super::routes::{Routes, Via};
use super::{Endpoint, Key, SessionId, SessionState};
use crate::gather::{Gatherer, Paths};
use crate::session::{Local, Pair, Session};

/// From the first check by a detour to the first that is let in. A direct path that both sides must
/// open takes one round trip more than a relay, and one retransmission of ours where the viewer's NAT
/// must be opened first.
const HEAD_START: Duration = Duration::from_millis(250);
/// Checks that wait; more are lost, as on any network, and sent again.
const WAITING_MAX: usize = 16;

/// What waits for one session.
#[derive(Debug)]
pub(super) struct Waiting {
    until: Instant,
    checks: Vec<Check>,
}

#[derive(Debug)]
struct Check {
    via: Via,
    local: SocketAddr,
    remote: SocketAddr,
    payload: Vec<u8>,
}

/// Where a session stood before it was polled.
#[derive(Debug, Clone, Copy)]
pub(super) struct Status {
    pub(super) state: SessionState,
    pub(super) pair: Option<Pair>,
    pub(super) offered_at: Instant,
}

impl Status {
    pub(super) fn of(session: &Session) -> Status {
        Status { state: session.state(), pair: session.pair(), offered_at: session.offered_at() }
    }
}

/// How long after an offer our own checks from relays wait. A viewer that was not told of a relay
/// in time is found by them.
const OWN_CHECKS_WAIT: Duration = Duration::from_secs(1);
/// Silence after which a direct path may be gone. Reports come about every second, checks of ours
/// are answered every 3 s.
const DIRECT_SILENCE: Duration = Duration::from_millis(3_500);

impl Endpoint {
    /// Keeps a check that came by a detour, if its session is still to find its path. True: it waits.
    pub(super) fn keep_waiting(
        &mut self,
        now: Instant,
        id: SessionId,
        arrival: &Arrival<'_>,
    ) -> bool {
        let Some(session) = self.sessions.get(&id) else { return false };
        let detour =
            !matches!(arrival.via, Via::Socket) || session.told_relays().contains(&arrival.remote);
        let connecting = session.state() == SessionState::Connecting;
        let direct = self.gatherer.config().paths != Paths::Relay;
        if !detour || !connecting || !direct {
            return false;
        }
        let waiting = self.waiting.entry(id).or_insert_with(|| {
            let until = now + HEAD_START;
            Waiting { until, checks: Vec::new() }
        });
        if waiting.until <= now {
            return false;
        }
        if waiting.checks.len() < WAITING_MAX {
            let Arrival { via, local, remote, payload, .. } = *arrival;
            waiting.checks.push(Check { via, local, remote, payload: payload.to_vec() });
        }
        self.deadlines.set(Key::Waiting(id), Some(waiting.until));
        true
    }

    /// Gives a new session the time for which our relays wait.
    pub(super) fn begin_waiting(&mut self, now: Instant, id: SessionId) {
        self.deadlines.set(Key::Waiting(id), Some(now + OWN_CHECKS_WAIT));
    }

    /// Lets in what waited long enough, and our relays with it.
    pub(super) fn end_waiting(&mut self, now: Instant, id: SessionId) {
        if self.with_session(id, Session::end_relays_wait) == Some(true) {
            let relays = self.setup.locals.iter().copied();
            let relays: Vec<Local> =
                relays.filter(|local| matches!(local, Local::Relayed { .. })).collect();
            for relay in relays {
                self.with_session(id, |session| session.add_local(relay));
            }
        }
        let Some(waiting) = self.waiting.get_mut(&id) else { return };
        let checks = std::mem::take(&mut waiting.checks);
        let relays = self.sessions.get(&id).map(Session::told_relays).unwrap_or_default();
        if self.routes.is_heard_directly(id, relays) {
            // A viewer that has use for them will ask again.
            return;
        }
        for check in checks {
            let Check { via, local, remote, payload } = check;
            let arrival = Arrival { via, local, alias: None, remote, payload: &payload };
            if let Err(reason) = self.route(now, &arrival) {
                self.drop_datagram(reason, remote);
            }
        }
    }

    /// Forgets what waits for a session that is gone.
    pub(super) fn forget_waiting(&mut self, id: SessionId) {
        self.waiting.remove(&id);
        self.deadlines.set(Key::Waiting(id), None);
    }
}

/// Whether a session's checks from relays of ours, or to one of the viewer's, wait.
pub(super) fn detours_wait(
    now: Instant,
    id: SessionId,
    status: &Status,
    gatherer: &Gatherer,
    routes: &Routes,
) -> bool {
    match status.state {
        SessionState::Connecting => {
            let direct = gatherer.config().paths != Paths::Relay;
            direct && now < status.offered_at + OWN_CHECKS_WAIT
        }
        SessionState::Connected => {
            let Some(pair) = status.pair else { return false };
            let direct = gatherer.bases().contains(&pair.source);
            let remote = routes.whereabouts(id, pair.destination);
            let heard = routes.heard_at(Via::Socket, remote);
            direct && heard.is_some_and(|heard| now < heard + DIRECT_SILENCE)
        }
        SessionState::Interrupted | SessionState::Closed(_) => false,
    }
}

/// What waits, by session.
pub(super) type WaitingRoom = BTreeMap<SessionId, Waiting>;
