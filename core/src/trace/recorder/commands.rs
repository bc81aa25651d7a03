//! What the program asked of the endpoint, and what it was answered.

use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use super::Recorder;
use crate::diagnose::BrowserReport;
use crate::endpoint::{Accepted, CandidateError, Findings, OfferError, SessionId};
use crate::gather::{LocalCandidate, candidate_line};
use crate::trace::entry::What;

impl Recorder {
    /// Tells an offer and its answer.
    pub fn on_offer(&mut self, now: Instant, sdp: &str, result: &Result<Accepted, OfferError>) {
        let sdp = self.sdp(sdp);
        self.tell(now, What::Offer { sdp });
        match result {
            Ok(accepted) => {
                let sdp = self.scrub.sdp(&accepted.answer);
                self.tell(now, What::Answer { session: accepted.session.0, sdp });
            }
            Err(error) => self.refused_offer(now, error),
        }
    }

    /// Tells a further offer of a session and its answer.
    pub fn on_renegotiation(
        &mut self,
        now: Instant,
        id: SessionId,
        sdp: &str,
        result: &Result<String, OfferError>,
    ) {
        let sdp = self.sdp(sdp);
        self.tell(now, What::Renegotiate { session: id.0, sdp });
        match result {
            Ok(answer) => {
                let sdp = self.scrub.sdp(answer);
                self.tell(now, What::Answer { session: id.0, sdp });
            }
            Err(error) => self.refused_offer(now, error),
        }
    }

    /// Tells an SDP fragment and the one that answers it.
    pub fn on_fragment(
        &mut self,
        now: Instant,
        id: SessionId,
        fragment: &str,
        result: &Result<Option<String>, OfferError>,
    ) {
        let sdp = self.sdp(fragment);
        self.tell(now, What::Fragment { session: id.0, sdp });
        match result {
            Ok(Some(answer)) => {
                let sdp = self.scrub.sdp(answer);
                self.tell(now, What::FragmentAnswer { session: id.0, sdp });
            }
            Ok(None) => {}
            Err(error) => self.refused_offer(now, error),
        }
    }

    /// Tells a trickled candidate.
    pub fn on_candidate(
        &mut self,
        now: Instant,
        id: SessionId,
        candidate: &str,
        result: &Result<(), CandidateError>,
    ) {
        let candidate = match candidate.len() <= self.sdp_bytes_max {
            true => self.scrub.candidate(candidate),
            false => too_long(candidate),
        };
        self.tell(now, What::Candidate { session: id.0, candidate });
        let reason = match result {
            Ok(()) => return,
            Err(CandidateError::NoSession) => "no_session",
            Err(CandidateError::NotACandidate(_)) => "not_a_candidate",
            Err(CandidateError::TooMany(_)) => "too_many",
        };
        self.tell(now, What::Refused { reason: reason.to_owned(), detail: None });
    }

    /// Tells an address that the program learned late.
    pub fn on_local_candidate(&mut self, now: Instant, candidate: &LocalCandidate) {
        let base = self.scrub.addresses.socket(candidate.base);
        let candidate = self.scrub.candidate(&candidate_line(candidate, 0));
        self.tell(now, What::LocalCandidate { base, candidate });
    }

    /// Tells the addresses of a server's name.
    pub fn on_server_addresses(&mut self, now: Instant, server: usize, addresses: &[SocketAddr]) {
        let addresses = self.scrub.addresses.sockets(addresses);
        self.tell(now, What::ServerAddresses { server, addresses });
    }

    /// Tells the addresses of our sockets.
    pub fn on_bases(&mut self, now: Instant, udp: &[SocketAddr], tcp: &[SocketAddr]) {
        let udp = self.scrub.addresses.sockets(udp);
        let tcp = self.scrub.addresses.sockets(tcp);
        self.tell(now, What::Bases { udp, tcp });
    }

    /// Tells that the program ends a session, and whether there was one.
    pub fn on_close(&mut self, now: Instant, id: SessionId, known: bool) {
        self.tell(now, What::Close { session: id.0, known });
    }

    /// Tells where a session's signalling comes from.
    pub fn on_signalled_from(&mut self, now: Instant, id: SessionId, from: IpAddr) {
        let from = self.scrub.addresses.socket(SocketAddr::new(from, 0)).ip();
        self.tell(now, What::SignalledFrom { session: id.0, from });
    }

    /// Tells what a viewer's browser saw, and whether its session was known.
    pub fn on_browser_report(
        &mut self,
        now: Instant,
        id: SessionId,
        report: &BrowserReport,
        known: bool,
    ) {
        let report = Box::new(self.scrub.browser(report));
        self.tell(now, What::Browser { session: id.0, known, report });
    }

    /// Tells what the program found out about the network.
    pub fn on_findings(&mut self, now: Instant, findings: &Findings) {
        let findings = Box::new(self.scrub.findings(findings));
        self.tell(now, What::Findings { findings });
    }

    /// Tells which probes from outside are expected.
    pub fn on_expect_probes(&mut self, now: Instant, tokens: &[String]) {
        let tokens = tokens.iter().map(|token| self.scrub.names.ufrag(token)).collect();
        self.tell(now, What::ExpectProbes { tokens });
    }

    /// Tells that the program ends all sessions.
    pub fn on_leave(&mut self, now: Instant) {
        self.tell(now, What::Leave);
    }

    /// The text of an offer that may be anything.
    fn sdp(&mut self, sdp: &str) -> String {
        match sdp.len() <= self.sdp_bytes_max {
            true => self.scrub.sdp(sdp),
            false => too_long(sdp),
        }
    }

    /// Texts that may hold a piece of what was refused are not told.
    fn refused_offer(&mut self, now: Instant, error: &OfferError) {
        let (reason, detail) = match error {
            OfferError::TooManyViewers(_) => ("too_many_viewers", Some(error.to_string())),
            OfferError::NoSession => ("no_session", None),
            OfferError::NotSdp(_) => ("not_sdp", None),
            OfferError::TooLong(..) => ("too_long", Some(error.to_string())),
            OfferError::NoMedia => ("no_media", None),
            OfferError::NoVideo => ("no_video", None),
            OfferError::NoH264(_) => ("no_h264", None),
            OfferError::Missing(what) => ("missing", Some((*what).to_owned())),
            OfferError::Refused(_) => ("refused", None),
        };
        self.tell(now, What::Refused { reason: reason.to_owned(), detail });
    }
}

fn too_long(text: &str) -> String {
    format!("x=removed {} bytes", text.len())
}
