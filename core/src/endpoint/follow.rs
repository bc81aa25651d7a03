//! Following a viewer that is heard from another address, by its checks and by its reports, which
//! come oftener.
//!
//! Whoever overheard a packet can send it again from where he is, a check with its integrity as
//! well as a report, whose mark is in clear. So neither moves a session: it is a reason to ask. A
//! session whose path has fallen silent sends a check of its own there; who answers with the
//! viewer's password (RFC 8445 §7.3) is the viewer, and there the session goes. str0m never hears
//! of it: to it the viewer has not moved. What a stranger gets for a repeated packet is a check of a
//! hundred bytes, one per address and second; a route he does not get.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::receive::{Arrival, SILENCE_BEFORE_NEW};
use super::routes::Via;
use super::{DropReason, Endpoint, SessionId};
use crate::base::SeedRng;
use crate::gather::Leg;
use crate::wire::{BindingResponse, Check, Envelope, ReportMark, Row};

/// Between two questions of one session to one address.
const QUESTION_INTERVAL: Duration = Duration::from_secs(1);
/// An answer that takes longer is none.
const ANSWER_WAIT: Duration = Duration::from_secs(3);
/// Questions of one session that may be open; no more are asked. A stranger who repeats packets
/// from that many addresses keeps a viewer that moves from being followed for [`ANSWER_WAIT`].
const QUESTIONS_MAX: usize = 4;

/// Viewers that one stray report may be of, the nearest in their rows: no more are looked at, so that
/// strays cost the same however many watch. A viewer that moves while more than that many others stand
/// before it, within a minute's reports, is followed by its checks instead, which come every few seconds.
const CANDIDATES_MAX: usize = 128;

/// What reports look like, and who was asked where it is.
#[derive(Debug, Default)]
pub(super) struct Follower {
    /// The last report of each session on its own path, and where it stands: after one report, under
    /// either cipher.
    marks: BTreeMap<SessionId, (ReportMark, [Option<Row>; 2])>,
    /// The sessions by where their reports stand.
    rows: BTreeSet<(Row, SessionId)>,
    /// The latest questions of each session.
    questions: BTreeMap<SessionId, Vec<Question>>,
    /// Whose question each transaction is.
    asked: BTreeMap<u128, SessionId>,
    /// Questions that have not left yet, by session and transaction.
    due: VecDeque<(SessionId, u128)>,
}

/// A check to where a viewer may be.
#[derive(Debug, Clone, Copy)]
struct Question {
    /// The transaction id.
    id: u128,
    answered: bool,
    at: Instant,
    via: Via,
    local: SocketAddr,
    alias: Option<SocketAddr>,
    remote: SocketAddr,
}

impl Follower {
    /// Notes a datagram on a session's own path, if it is a report.
    pub(super) fn note(&mut self, session: SessionId, payload: &[u8]) {
        let Some(mark) = ReportMark::parse(payload) else { return };
        let Some((before, rows)) = self.marks.get_mut(&session) else {
            let rows = mark.rows();
            self.marks.insert(session, (mark, rows));
            self.rows.extend(rows.into_iter().flatten().map(|row| (row, session)));
            return;
        };
        let row = mark.row_after(before);
        *before = mark;
        let after = [row, None];
        // Mostly it is the same for a while.
        if row.is_some() && after != *rows {
            let before = std::mem::replace(rows, after);
            before.into_iter().flatten().for_each(|row| _ = self.rows.remove(&(row, session)));
            self.rows.extend(row.map(|row| (row, session)));
        }
    }

    /// Forgets a session.
    pub(super) fn remove_session(&mut self, session: SessionId) {
        let rows = self.marks.remove(&session).map(|(_, rows)| rows);
        for row in rows.into_iter().flatten().flatten() {
            self.rows.remove(&(row, session));
        }
        for question in self.questions.remove(&session).into_iter().flatten() {
            self.asked.remove(&question.id);
        }
    }

    /// The sessions whose row of reports this one may continue and that may ask there, the likeliest
    /// first. More than one: all Chromium viewers have the same SSRC.
    fn candidates(&self, now: Instant, mark: &ReportMark, arrival: &Arrival<'_>) -> Vec<SessionId> {
        let mut near = BTreeSet::new();
        for rows in mark.rows_before() {
            let known =
                self.rows.range((*rows.start(), SessionId(0))..=(*rows.end(), SessionId(u64::MAX)));
            near.extend(known.rev().take(CANDIDATES_MAX).filter_map(|(_, id)| {
                let (known, _) = self.marks.get(id)?;
                let distance = mark.distance_from(known)?;
                Some((distance, *id)).filter(|(_, id)| self.may_ask(now, *id, arrival))
            }));
        }
        near.into_iter().map(|(_, id)| id).collect()
    }

    fn may_ask(&self, now: Instant, session: SessionId, arrival: &Arrival<'_>) -> bool {
        let mut open = 0;
        for question in self.questions.get(&session).into_iter().flatten() {
            let is_there = (question.via, question.remote) == (arrival.via, arrival.remote);
            if is_there && now < question.at + QUESTION_INTERVAL {
                return false;
            }
            open += usize::from(now <= question.at + ANSWER_WAIT);
        }
        open < QUESTIONS_MAX
    }

    fn ask(&mut self, now: Instant, rng: &mut SeedRng, session: SessionId, arrival: &Arrival<'_>) {
        let Arrival { via, local, alias, remote, .. } = *arrival;
        let id = u128::from(rng.u64()) << 32 | u128::from(rng.u32());
        let Follower { questions, asked, .. } = self;
        let questions = questions.entry(session).or_default();
        questions.retain(|question| {
            let is_open = now <= question.at + ANSWER_WAIT;
            if !is_open {
                asked.remove(&question.id);
            }
            is_open
        });
        asked.insert(id, session);
        let answered = false;
        questions.push(Question { id, answered, at: now, via, local, alias, remote });
        self.due.push_back((session, id));
    }

    /// Whose question this answers.
    fn asked(
        &mut self,
        now: Instant,
        arrival: &Arrival<'_>,
        answer: &BindingResponse<'_>,
    ) -> Option<(SessionId, &mut Question)> {
        let is_asked = |question: &Question| {
            (question.via, question.remote) == (arrival.via, arrival.remote)
                && question.id == answer.id()
                && !question.answered
                && now <= question.at + ANSWER_WAIT
        };
        let session = *self.asked.get(&answer.id())?;
        let questions = self.questions.get_mut(&session)?;
        Some((session, questions.iter_mut().find(|question| is_asked(question))?))
    }
}

impl Endpoint {
    /// Media from an address that nobody is known at: perhaps a viewer that is not where it was.
    pub(super) fn on_stray_media(&mut self, now: Instant, arrival: &Arrival<'_>) {
        if matches!(arrival.via, Via::Stream(_)) {
            return;
        }
        let Some(mark) = ReportMark::parse(arrival.payload) else { return };
        let mut candidates = self.follower.candidates(now, &mark, arrival).into_iter();
        let is_lost = |session: &SessionId| {
            self.roams_from(now, arrival, *session, SILENCE_BEFORE_NEW).is_some()
        };
        if let Some(session) = candidates.find(is_lost) {
            self.ask_where(now, session, arrival);
        }
    }

    /// Something of a session came from where its viewer was not, or not of late: asks whether it is
    /// there now, if it is lost. True: it may have moved.
    pub(super) fn may_have_moved(
        &mut self,
        now: Instant,
        arrival: &Arrival<'_>,
        session: SessionId,
        silence: Duration,
    ) -> bool {
        let is_lost = self.roams_from(now, arrival, session, silence).is_some();
        if is_lost {
            self.ask_where(now, session, arrival);
        }
        is_lost
    }

    /// Asks whether a lost viewer is there, unless it was asked so a moment ago.
    pub(super) fn ask_where(&mut self, now: Instant, session: SessionId, arrival: &Arrival<'_>) {
        if self.follower.may_ask(now, session, arrival) {
            tracing::debug!(id = ?session, at = %arrival.remote, "a viewer may have moved");
            self.follower.ask(now, &mut self.rng, session, arrival);
        }
    }

    /// Whether this answers a question of ours, and not of str0m's.
    pub(super) fn is_asked(
        &mut self,
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
        let asked = self.follower.asked(now, arrival, answer);
        let (session, question) = asked.ok_or(DropReason::NoRoute)?;
        let viewer = self.sessions.get(&session).ok_or(DropReason::NoSession)?;
        let (_, password) = viewer.their_credentials();
        if !answer.is_authentic(password) {
            return Err(DropReason::BadIntegrity);
        }
        question.answered = true;
        if let Some(told) = self.roams_from(now, arrival, session, SILENCE_BEFORE_NEW) {
            self.roam(now, arrival, session, told);
        }
        Ok(())
    }

    /// The next question that is due.
    pub(super) fn poll_question(
        &mut self,
        now: Instant,
        buffer: &mut [u8],
    ) -> Option<(Leg, usize)> {
        while let Some((session, id)) = self.follower.due.pop_front() {
            let sent = self.write_question(now, session, id, buffer);
            if sent.is_some() {
                return sent;
            }
        }
        None
    }

    fn write_question(
        &mut self,
        now: Instant,
        session: SessionId,
        id: u128,
        buffer: &mut [u8],
    ) -> Option<(Leg, usize)> {
        let questions = self.follower.questions.get(&session)?;
        let question = *questions.iter().find(|question| question.id == id)?;
        let session = self.sessions.get(&session)?;
        let (their_ufrag, their_password) = session.their_credentials();
        let our_ufrag = session.ufrag();
        let check = Check { id, their_ufrag, our_ufrag, their_password };
        let bytes = check.write()?;
        let (envelope, leg) = match question.via {
            Via::Socket => {
                let local = question.alias.unwrap_or(question.local);
                (Envelope::NONE, Leg::Datagram { local, remote: question.remote })
            }
            Via::Relay(relayed) => {
                self.gatherer.wrap(now, relayed, question.remote, bytes.len())?
            }
            Via::Stream(stream) => (Envelope::rfc4571(bytes.len())?, Leg::Stream(stream)),
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
            let arrival = arrival(&[]);
            follower.candidates(now, &mark, &arrival).into_iter().map(|id| id.0).collect()
        };

        assert_eq!(ids(&follower, now, 530), [3, 2], "the first is ahead, the fourth too far");
        let bytes = report(530);
        let mut rng = Seed::new([1; 32]).rng();
        follower.ask(now, &mut rng, SessionId(3), &arrival(&bytes));
        assert_eq!(ids(&follower, now, 531), [2], "the third has just asked");
        assert_eq!(ids(&follower, now + QUESTION_INTERVAL, 532), [3, 2]);
        follower.remove_session(SessionId(2));
        assert_eq!(ids(&follower, now + QUESTION_INTERVAL, 533), [3]);
        for index in 521..=2_000 {
            follower.note(SessionId(3), &report(index));
        }
        assert_eq!(ids(&follower, now + QUESTION_INTERVAL, 534), [0; 0], "it went on elsewhere");
        assert_eq!(ids(&follower, now + QUESTION_INTERVAL, 2_001), [3]);
    }

    #[test]
    fn no_more_than_the_nearest_are_looked_at() {
        let mut follower = Follower::default();
        for id in 0..1_000 {
            follower.note(SessionId(id), &report(id as u32));
            follower.note(SessionId(id), &report(id as u32 + 1));
        }
        let mark = ReportMark::parse(&report(1_001)).unwrap();
        let found = follower.candidates(crate::test_clock(), &mark, &arrival(&[]));
        let nearest = (1_000 - CANDIDATES_MAX as u64..1_000).rev().map(SessionId);
        assert_eq!(found, nearest.collect::<Vec<_>>());
    }
}
