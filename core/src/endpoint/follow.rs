//! Following a viewer by its reports: they come every second or oftener, its checks every few.
//!
//! A report from an address that nobody is known at says nothing of who sent it: its mark is in
//! clear, and whoever overheard it can send it too. It is only a reason to ask. The session whose
//! row of reports it continues, if its path has fallen silent, sends a check of its own there; who
//! answers with the viewer's password (RFC 8445 §7.3) is the viewer, and there the session goes.
//! str0m never hears of it: to it the viewer has not moved. What a stranger gets for a forged
//! report is a check of a hundred bytes, one per session and second; a route it does not get.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::receive::{Arrival, SILENCE_BEFORE_NEW};
use super::routes::{Route, Via};
use super::{DropReason, Endpoint, SessionId};
use crate::base::SeedRng;
use crate::gather::Leg;
use crate::wire::{BindingResponse, Check, Envelope, ReportMark};

/// Between two questions of one session.
const QUESTION_INTERVAL: Duration = Duration::from_secs(1);
/// An answer that takes longer is none.
const ANSWER_WAIT: Duration = Duration::from_secs(3);

/// What reports look like, and who was asked where it is. An entry per session at most.
#[derive(Debug, Default)]
pub(super) struct Follower {
    /// The last report of each session on its own path.
    marks: BTreeMap<SessionId, ReportMark>,
    /// The last question of each session.
    questions: BTreeMap<SessionId, Question>,
    /// Sessions whose question has not left yet.
    due: VecDeque<SessionId>,
}

/// A check to where a viewer may be.
#[derive(Debug, Clone, Copy)]
struct Question {
    /// The transaction id; `None` once the viewer has answered.
    id: Option<u128>,
    at: Instant,
    via: Via,
    local: SocketAddr,
    alias: Option<SocketAddr>,
    remote: SocketAddr,
}

impl Follower {
    /// Notes a datagram on a session's own path, if it is a report.
    pub(super) fn note(&mut self, session: SessionId, payload: &[u8]) {
        if let Some(mark) = ReportMark::parse(payload) {
            self.marks.insert(session, mark);
        }
    }

    /// Forgets a session.
    pub(super) fn remove_session(&mut self, session: SessionId) {
        self.marks.remove(&session);
        self.questions.remove(&session);
        self.due.retain(|due| *due != session);
    }

    /// The sessions whose row of reports this one may continue and that may ask now, the likeliest
    /// first. More than one: all Chromium viewers have the same SSRC.
    fn candidates(&self, now: Instant, mark: &ReportMark) -> Vec<SessionId> {
        let may_ask = |id: &SessionId| {
            self.questions.get(id).is_none_or(|question| question.at + QUESTION_INTERVAL <= now)
        };
        let near = self.marks.iter().filter_map(|(id, known)| {
            Some((mark.distance_from(known)?, *id)).filter(|(_, id)| may_ask(id))
        });
        let mut near: Vec<_> = near.collect();
        near.sort();
        near.into_iter().map(|(_, id)| id).collect()
    }

    fn ask(&mut self, now: Instant, rng: &mut SeedRng, session: SessionId, arrival: &Arrival<'_>) {
        let Arrival { via, local, alias, remote, .. } = *arrival;
        let id = u128::from(rng.u64()) << 32 | u128::from(rng.u32());
        let id = Some(id);
        self.questions.insert(session, Question { id, at: now, via, local, alias, remote });
        if !self.due.contains(&session) {
            self.due.push_back(session);
        }
    }

    /// Whose question this answers.
    fn asked(
        &self,
        now: Instant,
        arrival: &Arrival<'_>,
        answer: &BindingResponse<'_>,
    ) -> Option<SessionId> {
        let is_asked = |question: &Question| {
            (question.via, question.remote) == (arrival.via, arrival.remote)
                && question.id == Some(answer.id())
                && now <= question.at + ANSWER_WAIT
        };
        self.questions.iter().find(|(_, question)| is_asked(question)).map(|(id, _)| *id)
    }
}

impl Endpoint {
    /// Media from an address that nobody is known at: perhaps a viewer that is not where it was.
    pub(super) fn on_stray_media(&mut self, now: Instant, arrival: &Arrival<'_>) {
        if matches!(arrival.via, Via::Stream(_)) {
            return;
        }
        let Some(mark) = ReportMark::parse(arrival.payload) else { return };
        let mut candidates = self.follower.candidates(now, &mark).into_iter();
        let is_lost = |session: &SessionId| {
            let route = Route { session: *session, alias: arrival.alias, told: None };
            self.roams_from(now, arrival, route, SILENCE_BEFORE_NEW).is_some()
        };
        if let Some(session) = candidates.find(is_lost) {
            tracing::debug!(id = ?session, at = %arrival.remote, "a viewer may have moved");
            self.follower.ask(now, &mut self.rng, session, arrival);
        }
    }

    /// Whether this answers a question of ours, and not of str0m's.
    pub(super) fn is_asked(
        &self,
        now: Instant,
        arrival: &Arrival<'_>,
        answer: &BindingResponse<'_>,
    ) -> bool {
        self.follower.asked(now, arrival, answer).is_some()
    }

    /// Somebody answers from where a viewer may be: if it is the viewer, its session goes there.
    pub(super) fn on_proof(
        &mut self,
        now: Instant,
        arrival: &Arrival<'_>,
        answer: &BindingResponse<'_>,
    ) -> Result<(), DropReason> {
        let session = self.follower.asked(now, arrival, answer).ok_or(DropReason::NoRoute)?;
        let viewer = self.sessions.get(&session).ok_or(DropReason::NoSession)?;
        let (_, password) = viewer.their_credentials();
        if !answer.is_authentic(password) {
            return Err(DropReason::BadIntegrity);
        }
        if let Some(question) = self.follower.questions.get_mut(&session) {
            question.id = None;
        }
        let route = Route { session, alias: arrival.alias, told: None };
        if self.roams_from(now, arrival, route, SILENCE_BEFORE_NEW).is_some() {
            self.routes.add_remote(now, arrival.via, arrival.remote, route);
            self.roam(now, arrival, route, SILENCE_BEFORE_NEW);
        }
        Ok(())
    }

    /// The next question that is due.
    pub(super) fn poll_question(
        &mut self,
        now: Instant,
        buffer: &mut [u8],
    ) -> Option<(Leg, usize)> {
        while let Some(id) = self.follower.due.pop_front() {
            let sent = self.write_question(now, id, buffer);
            if sent.is_some() {
                return sent;
            }
        }
        None
    }

    fn write_question(
        &mut self,
        now: Instant,
        id: SessionId,
        buffer: &mut [u8],
    ) -> Option<(Leg, usize)> {
        let question = *self.follower.questions.get(&id)?;
        let transaction = question.id?;
        let session = self.sessions.get(&id)?;
        let (their_ufrag, their_password) = session.their_credentials();
        let our_ufrag = session.ufrag();
        let check = Check { id: transaction, their_ufrag, our_ufrag, their_password };
        let bytes = check.write()?;
        let (envelope, leg) = match question.via {
            Via::Socket => {
                let local = question.alias.unwrap_or(question.local);
                (Envelope::NONE, Leg::Datagram { local, remote: question.remote })
            }
            Via::Relay(relayed) => {
                self.gatherer.wrap(now, relayed, question.remote, bytes.len())?
            }
            Via::Stream(_) => return None,
        };
        Some((leg, envelope.write(&bytes, buffer)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Seed;

    /// A report of a Chromium that only receives, as AEAD leaves it.
    fn report(index: u32) -> Vec<u8> {
        let mut bytes = vec![0x8F, 205, 0, 5, 0, 0, 0, 1];
        bytes.extend([0x55; 28]);
        bytes.extend((index | 1 << 31).to_be_bytes());
        bytes
    }

    fn arrival(payload: &[u8]) -> Arrival<'_> {
        let [local, remote] = [5_000, 6_000].map(|port| SocketAddr::from(([192, 0, 2, 1], port)));
        Arrival { via: Via::Socket, local, alias: None, remote, payload }
    }

    #[test]
    fn among_viewers_with_one_ssrc_the_one_whose_row_goes_on_is_asked_first() {
        let mut follower = Follower::default();
        let now = crate::test_clock();
        for (id, index) in [(1, 900), (2, 500), (3, 520), (4, 60_000)] {
            follower.note(SessionId(id), &report(index));
        }
        let ids = |follower: &Follower, now: Instant, index: u32| -> Vec<u64> {
            let mark = ReportMark::parse(&report(index)).unwrap();
            follower.candidates(now, &mark).into_iter().map(|id| id.0).collect()
        };

        assert_eq!(ids(&follower, now, 530), [3, 2], "the first is ahead, the fourth too far");
        let bytes = report(530);
        let mut rng = Seed::new([1; 32]).rng();
        follower.ask(now, &mut rng, SessionId(3), &arrival(&bytes));
        assert_eq!(ids(&follower, now, 531), [2], "the third has just asked");
        assert_eq!(ids(&follower, now + QUESTION_INTERVAL, 532), [3, 2]);
        follower.remove_session(SessionId(2));
        assert_eq!(ids(&follower, now + QUESTION_INTERVAL, 533), [3]);
    }
}
