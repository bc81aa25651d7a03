//! Sessions judged while they live and when they end: facts gathered, verdicts told.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use super::receive::Arrival;
use super::routes::Via;
use super::{DropReason, Endpoint, Event, Key, SessionId, SessionState, is_alive};
use crate::diagnose::{
    BrowserReport, ClockOffset, Judgement, Media, PortFacts, Proof, SessionFacts, Stage,
    Surroundings, Verdict, Witness, judge,
};
use crate::gather::{CandidateKind, is_public};
use crate::portmap::Protocol;
use crate::session::Observed;
use crate::stun::{NatReport, read_proof};

/// When a session is looked at first. The first word comes with the second look: two thirds of the
/// checks that a path gets have failed by then.
const FIRST_LOOK: Duration = Duration::from_secs(3);
/// How often a session is looked at.
const INTERVAL: Duration = Duration::from_secs(3);

/// What the program knows of the network that an endpoint cannot see.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Findings {
    /// How the NAT in front of us behaves.
    pub nat: Option<NatReport>,
    /// What came of proving mapped ports.
    pub ports: Vec<PortFacts>,
    /// How far our clock is off.
    pub clock: Option<ClockOffset>,
    /// How long the encoder has not answered, while it does not.
    pub encoder_stalled: Option<Duration>,
    /// Servers, by their place in the configuration, that are silent over UDP and whether they take
    /// a TCP connection.
    pub opens_tcp: Vec<(usize, bool)>,
}

/// What was said of a session.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Judged {
    pub(super) verdict: Option<Verdict>,
    /// A verdict that must hold once more before it is said.
    suspected: Option<Verdict>,
}

impl Endpoint {
    /// Takes what the program found out about the network, in place of what it said before.
    pub fn set_findings(&mut self, findings: Findings) {
        self.findings = findings;
    }

    /// What the program told last.
    pub fn findings(&self) -> &Findings {
        &self.findings
    }

    /// Probes with these tokens are told by [`Event::Probed`] when they come; all others are dropped.
    /// In place of the tokens of before.
    pub fn expect_probes(&mut self, tokens: Vec<String>) {
        self.probes_expected = tokens;
    }

    /// Takes a check for no session of ours, which may be a probe.
    pub(super) fn take_probe(&mut self, arrival: &Arrival<'_>) -> Result<(), DropReason> {
        if self.probes_expected.is_empty() {
            return Err(DropReason::NoSession);
        }
        let (token, sequence) = read_proof(arrival.payload).ok_or(DropReason::NoSession)?;
        if !self.probes_expected.iter().any(|expected| expected == token) {
            return Err(DropReason::NoSession);
        }
        let (local, remote) = (arrival.alias.unwrap_or(arrival.local), arrival.remote);
        let token = token.to_owned();
        self.events.push_back(Event::Probed { local, remote, token, sequence });
        Ok(())
    }

    /// Tells where a session's signalling comes from.
    pub fn set_signalled_from(&mut self, id: SessionId, from: IpAddr) {
        self.observe(id, |seen| seen.signalled_from = Some(from));
    }

    /// Takes what a viewer's browser saw. False: there is no such session.
    pub fn report_browser(&mut self, now: Instant, id: SessionId, report: BrowserReport) -> bool {
        let Some(session) = self.sessions.get_mut(&id) else { return false };
        let has_given_up = report.has_given_up();
        session.observed.take_report(now, report);
        if has_given_up && is_alive(session) {
            // It gives up now, and should hear why.
            self.judge(now, id);
        }
        true
    }

    /// The network around us, as far as it is known.
    pub fn surroundings(&self, now: Instant) -> Surroundings {
        let config = self.gatherer.config();
        let mut servers = self.gatherer.server_facts();
        for (server, opens) in &self.findings.opens_tcp {
            if let Some(facts) = servers.get_mut(*server) {
                facts.opens_tcp = Some(*opens);
            }
        }
        Surroundings {
            audience: config.audience,
            paths: config.paths,
            map: config.map.clone(),
            candidates: self.gatherer.candidates().to_vec(),
            servers,
            nat: self.findings.nat.clone(),
            ports: self.ports(),
            unix_seconds: Some(self.wall_clock.unix_at(now).as_secs()),
            clock: self.findings.clock.clone(),
            encoder_stalled: self.findings.encoder_stalled,
        }
    }

    /// Each mapped port: what the program found out, or what a viewer proved by coming through it.
    fn ports(&self) -> Vec<PortFacts> {
        let mapped = self.gatherer.candidates().iter().filter(|candidate| {
            candidate.kind == CandidateKind::ServerReflexive && candidate.protocol == Protocol::Udp
        });
        let forwarded = mapped.filter(|candidate| {
            self.gatherer.config().map.external(candidate.base).contains(&candidate.address)
        });
        forwarded
            .map(|candidate| {
                let (external, internal) = (candidate.address, candidate.base);
                let found = |facts: &&PortFacts| facts.external == external;
                let found = self.findings.ports.iter().find(found).cloned();
                let proved = self.proved.get(&internal);
                let is_proof = |found: &PortFacts| matches!(found.proof, Proof::Proved { .. });
                match (found, proved) {
                    (Some(found), _) if is_proof(&found) => found,
                    // Whoever comes unasked is there, whatever a witness says.
                    (_, Some(&seen_from)) => PortFacts {
                        external,
                        internal,
                        proof: Proof::Proved { seen_from },
                        witness: Witness::Viewer,
                        sent_from: None,
                    },
                    (Some(found), None) => found,
                    (None, None) => PortFacts {
                        external,
                        internal,
                        proof: Proof::Untried,
                        witness: Witness::None,
                        sent_from: None,
                    },
                }
            })
            .collect()
    }

    /// A viewer outside that comes to a socket unasked proves that something leads there. One that
    /// was sent to may have come through what that opened in a NAT.
    pub(super) fn prove_port(&mut self, id: SessionId, arrival: &Arrival<'_>) {
        let Arrival { via, local, remote, .. } = *arrival;
        let unasked = self.sessions.get(&id).is_some_and(|it| it.observed.checks.sent == 0);
        if via == Via::Socket && is_public(remote.ip()) && unasked {
            self.proved.insert(local, remote);
        }
    }

    pub(super) fn observe(&mut self, id: SessionId, note: impl FnOnce(&mut Observed)) {
        if let Some(session) = self.sessions.get_mut(&id) {
            note(&mut session.observed);
        }
    }

    /// What is known of a session, for a diagnosis. `None`: there is none.
    pub fn facts(&self, now: Instant, id: SessionId) -> Option<SessionFacts> {
        let session = self.sessions.get(&id)?;
        let seen = &session.observed;
        let since = |at: Instant| now.saturating_duration_since(at);
        let state = session.state();
        let ended = seen.parted_at.filter(|_| state != SessionState::Connected).unwrap_or(now);
        Some(SessionFacts {
            stage: match state {
                SessionState::Connecting => Stage::Connecting,
                SessionState::Connected => Stage::Connected,
                SessionState::Interrupted => Stage::Interrupted,
                SessionState::Closed(cause) => Stage::Ended(cause),
            },
            age: since(session.offered_at()),
            signalled_from: seen.signalled_from,
            viewer: seen.viewer.clone(),
            checks: seen.checks,
            dtls: seen.dtls,
            media: Media {
                frames_sent: session.frames(),
                encoder_silent_for: self.frame_at.map(since),
                reports: seen.reports,
                loss: session.loss(),
                keyframe_requests: seen.keyframe_requests,
            },
            path: self.path(id, session),
            connected_for: seen.connected_at.map(|at| ended.saturating_duration_since(at)),
            silent_for: seen.heard_at.map(since),
            roams: seen.roams,
            sdp_altered: session.is_sdp_altered(),
            browser: seen.browser.clone(),
            frozen_for: seen.picture_at.map(since),
            browser_silent_for: seen.browser_at.map(since),
        })
    }

    /// Begins to judge a session.
    pub(super) fn begin_judging(&mut self, now: Instant, id: SessionId) {
        self.deadlines.set(Key::Diagnosis(id), Some(now + FIRST_LOOK));
    }

    /// Judges a session, and comes back to it while it lives.
    pub(super) fn judge_again(&mut self, now: Instant, id: SessionId) {
        let facts =
            self.sessions.get(&id).map(|session| (session.state(), session.observed.checks));
        if let Some((SessionState::Connecting, checks)) = facts
            && checks.came() == 0
        {
            // What we tell viewers may lead nowhere by now: a server that restarted, a router too.
            self.gatherer.suspect_relays(now);
            self.gatherer.suspect(now);
            self.after_gathering(now);
        }
        self.judge(now, id);
        let alive = self.sessions.get(&id).is_some_and(is_alive);
        self.deadlines.set(Key::Diagnosis(id), alive.then(|| now + INTERVAL));
    }

    /// Judges a session, and tells if that is another verdict than before. What a session that
    /// plays suffers from is told once it has been seen twice.
    pub(super) fn judge(&mut self, now: Instant, id: SessionId) {
        let Some(facts) = self.facts(now, id) else { return };
        let surroundings = self.surroundings(now);
        let judgement = judge(&surroundings, &facts);
        let verdict = judgement.map(|judgement| judgement.verdict());
        let given_up = facts.browser.as_ref().is_some_and(BrowserReport::has_given_up);
        let is_settled = facts.stage != Stage::Connected || given_up;
        let judged = self.judged.entry(id).or_default();
        let is_new = judged.verdict != verdict;
        let is_sure = is_settled || verdict.is_none() || judged.suspected == verdict;
        judged.suspected = verdict;
        if !is_new || !is_sure {
            return;
        }
        judged.verdict = verdict;
        if let Some(verdict) = verdict {
            *self.stats.verdicts_total.entry(verdict).or_default() += 1;
        }
        let put = |judgement: Judgement| Box::new(judgement.put(&surroundings, &facts));
        self.events.push_back(Event::Diagnosed { id, diagnosis: judgement.map(put) });
    }
}
