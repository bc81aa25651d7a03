//! What a program asks of an endpoint. Each command either does all it says, or changes nothing
//! and says why.

use std::time::Instant;

use super::{Accepted, CandidateError, CloseCause, Endpoint, OfferError, SessionId, is_alive};
use crate::sdp::{parse_fragment, parse_offer};
use crate::session::{Input, Session};

/// Addresses that may be added late; more are ignored.
pub(super) const LATE_CANDIDATES_MAX: usize = 64;

impl Endpoint {
    /// Answers an SDP offer with a new session.
    pub fn accept_offer(&mut self, now: Instant, sdp: &str) -> Result<Accepted, OfferError> {
        self.check_length(sdp)?;
        let offer = parse_offer(sdp, self.setup.format)?;
        // One that only has its farewell left to send takes no place.
        if self.sessions.living() >= self.limits.sessions {
            return Err(OfferError::TooManyViewers(self.limits.sessions));
        }
        let id = SessionId(self.next_id);
        let rng = self.rng.child();
        let mut session = Session::accept(id, now, &self.setup, rng, offer)?;
        let answer = session.answer(&self.setup, self.session_number(now), &self.answer_lines());
        self.next_id += self.id_step;
        self.routes.add_ufrag(session.ufrag(), id);
        self.sessions.insert(id, session);
        self.ready.push_back(id);
        self.with_session(id, |_| ());
        self.stats.sessions_total += 1;
        self.begin_waiting(now, id);
        self.begin_judging(now, id);
        self.admit(now, id);
        Ok(Accepted { session: id, answer })
    }

    /// Answers a further offer of a session: the same again, or an ICE restart. The answer is SDP.
    pub fn renegotiate(
        &mut self,
        now: Instant,
        id: SessionId,
        sdp: &str,
    ) -> Result<String, OfferError> {
        self.check_length(sdp)?;
        let offer = parse_offer(sdp, self.setup.format)?;
        let (setup, lines) = (self.setup.clone(), self.answer_lines());
        let number = self.session_number(now);
        let answer = self.restart(id, |session| {
            session.renegotiate(now, offer)?;
            Ok(session.answer(&setup, number, &lines))
        })?;
        self.admit(now, id);
        Ok(answer)
    }

    /// Takes an SDP fragment (RFC 8840 §9): new candidates, or, with new credentials, an ICE
    /// restart, for which the fragment with our new credentials and candidates is returned.
    pub fn handle_fragment(
        &mut self,
        now: Instant,
        id: SessionId,
        fragment: &str,
    ) -> Result<Option<String>, OfferError> {
        self.check_length(fragment)?;
        let fragment = parse_fragment(fragment).map_err(OfferError::NotSdp)?;
        let lines = self.answer_lines();
        let answer = self.restart(id, |session| session.handle_fragment(now, &fragment, &lines))?;
        self.admit(now, id);
        Ok(answer)
    }

    /// Takes one trickled candidate: `candidate:…`. An empty one (the end of candidates) and mDNS
    /// names are accepted and ignored.
    pub fn add_candidate(
        &mut self,
        now: Instant,
        id: SessionId,
        candidate: &str,
    ) -> Result<(), CandidateError> {
        let alive = self.sessions.get(&id).is_some_and(is_alive);
        if !alive {
            return Err(CandidateError::NoSession);
        }
        let added = self.with_session(id, |session| session.add_candidate(candidate));
        added.unwrap_or(Err(CandidateError::NoSession))?;
        self.admit(now, id);
        Ok(())
    }

    /// Ends a session, telling the viewer (RTCP BYE, DTLS close_notify). False: there was none.
    pub fn close(&mut self, now: Instant, id: SessionId) -> bool {
        self.on_session_input(now, id, Input::Close(CloseCause::Local))
    }

    /// Lets the addresses that a viewer told through our relays, before anything is sent there.
    fn admit(&mut self, now: Instant, id: SessionId) {
        let told = self.sessions.get(&id).map(|session| session.told().to_vec());
        for peer in told.unwrap_or_default() {
            self.gatherer.add_peer(now, peer);
        }
        self.after_gathering(now);
    }

    /// Does something that may give the session another ufrag, and keeps the routes in step.
    fn restart<T>(
        &mut self,
        id: SessionId,
        action: impl FnOnce(&mut Session) -> Result<T, OfferError>,
    ) -> Result<T, OfferError> {
        let session = self.sessions.get(&id).filter(|session| is_alive(session));
        let before = session.ok_or(OfferError::NoSession)?.ufrag().to_owned();
        let result = self.with_session(id, action).unwrap_or(Err(OfferError::NoSession));
        if let Some(session) = self.sessions.get(&id)
            && session.ufrag() != before
        {
            self.routes.remove_ufrag(&before);
            self.routes.add_ufrag(session.ufrag(), id);
        }
        result
    }

    fn check_length(&self, sdp: &str) -> Result<(), OfferError> {
        let most = self.limits.sdp_bytes;
        if sdp.len() > most { Err(OfferError::TooLong(sdp.len(), most)) } else { Ok(()) }
    }

    /// RFC 8866 §5.2 wants a number that does not repeat: the microseconds since 1970.
    fn session_number(&self, now: Instant) -> u64 {
        self.wall_clock.unix_at(now).as_micros() as u64
    }
}
