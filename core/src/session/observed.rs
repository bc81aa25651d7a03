//! What a diagnosis wants to know of a session: counted as it passes, at no cost worth naming.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use str0m::error::RtcError;

use super::lifecycle::Input;
use super::told::{BrowserReport, Checks, Dtls, ViewerCandidate};
use super::{Session, SessionState};
use crate::wire::{Kind, check_id};

/// Candidates kept for a diagnosis.
const CANDIDATES_MAX: usize = 64;

/// By which way a check came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CheckWay {
    Udp,
    Relay,
    Tcp,
}

/// What was seen of one session.
#[derive(Debug, Clone, Default)]
pub(crate) struct Observed {
    pub(crate) checks: Checks,
    pub(crate) dtls: Dtls,
    /// When the last datagram of the handshake left, until one comes back.
    dtls_sent_at: Option<Instant>,
    /// The shortest time in which one came back: the round trip, with what the viewer has to reckon.
    pub(super) dtls_answered_in: Option<Duration>,
    pub(crate) viewer: Vec<ViewerCandidate>,
    pub(crate) signalled_from: Option<IpAddr>,
    pub(crate) browser: Option<BrowserReport>,
    pub(crate) browser_at: Option<Instant>,
    /// When the browser's count of pictures was seen to rise last.
    pub(crate) picture_at: Option<Instant>,
    pub(crate) roams: u64,
    pub(crate) reports: u64,
    /// When the last of them came.
    pub(crate) report_at: Option<Instant>,
    /// When the last came that begins with a report on what was received: feedback may stand alone (RFC 5506).
    pub(crate) receiver_report_at: Option<Instant>,
    pub(crate) keyframe_requests: u64,
    pub(crate) heard_at: Option<Instant>,
    pub(crate) connected_at: Option<Instant>,
    /// When it was connected last: it is still, or was interrupted then.
    pub(crate) parted_at: Option<Instant>,
}

impl Observed {
    /// Counts a datagram of the viewer's.
    pub(crate) fn on_received(&mut self, now: Instant, kind: Kind, payload: &[u8]) {
        self.heard_at = Some(now);
        match kind {
            Kind::Stun => {}
            Kind::Dtls if refuses_our_certificate(payload) => self.dtls = Dtls::WrongCertificate,
            Kind::Dtls => {
                let took = self.dtls_sent_at.take().map(|at| now.saturating_duration_since(at));
                self.dtls_answered_in = self.dtls_answered_in.into_iter().chain(took).min();
                self.count_dtls(|received, _, _| *received += 1);
            }
            // RTCP, RFC 5761 §4.
            Kind::Media if payload.get(1).is_some_and(|kind| (192..224).contains(kind)) => {
                self.reports += 1;
                self.report_at = Some(now);
                if matches!(payload, [_, 200 | 201, ..]) {
                    self.receiver_report_at = Some(now);
                }
            }
            Kind::Media => {}
        }
    }

    /// Counts a check of the viewer's whose integrity holds.
    pub(crate) fn count_check(&mut self, way: CheckWay) {
        *match way {
            CheckWay::Udp => &mut self.checks.over_udp,
            CheckWay::Relay => &mut self.checks.over_relay,
            CheckWay::Tcp => &mut self.checks.over_tcp,
        } += 1;
    }

    /// Counts a datagram of ours.
    pub(super) fn on_sent(&mut self, now: Instant, kind: Option<Kind>, bytes: &[u8]) {
        match kind {
            Some(Kind::Stun) if check_id(bytes).is_some() => self.checks.sent += 1,
            Some(Kind::Dtls) => {
                self.dtls_sent_at = Some(now);
                self.count_dtls(|_, sent, largest| {
                    *sent += 1;
                    *largest = (*largest).max(bytes.len());
                });
            }
            _ => {}
        }
    }

    fn count_dtls(&mut self, count: impl FnOnce(&mut u64, &mut u64, &mut usize)) {
        if self.dtls == Dtls::NotBegun {
            self.dtls = Dtls::Begun { received: 0, sent: 0, largest_sent: 0 };
        }
        if let Dtls::Begun { received, sent, largest_sent } = &mut self.dtls {
            count(received, sent, largest_sent);
        }
    }

    /// Notes a turn of the session's life.
    pub(super) fn on_life(
        &mut self,
        now: Instant,
        input: Input,
        before: SessionState,
        after: Option<SessionState>,
    ) {
        match input {
            Input::Established => {
                self.dtls = Dtls::Done;
                self.connected_at.get_or_insert(now);
            }
            Input::Restarted => self.checks = Checks::default(),
            _ => {}
        }
        if before == SessionState::Connected && after.is_some() {
            self.parted_at = Some(now);
        }
    }

    /// Notes an error of str0m's that ends the session.
    pub(super) fn on_error(&mut self, error: &RtcError) {
        // Once a session runs, this is what it says of a certificate that the SDP does not name.
        if matches!(error, RtcError::RemoteSdp(_)) && self.dtls != Dtls::Done {
            self.dtls = Dtls::WrongCertificate;
        }
    }

    /// Takes what the viewer's browser saw.
    pub(crate) fn take_report(&mut self, now: Instant, report: BrowserReport) {
        let before = self.browser.as_ref().map_or(0, |before| before.frames_decoded);
        if report.frames_decoded > before {
            self.picture_at = Some(now);
        }
        self.browser = Some(report);
        self.browser_at = Some(now);
    }

    pub(super) fn add_candidate(&mut self, candidate: ViewerCandidate) {
        if self.viewer.len() < CANDIDATES_MAX && !self.viewer.contains(&candidate) {
            self.viewer.push(candidate);
        }
    }
}

/// Whether this is an alert in the clear that says so: RFC 5246 §7.2, in a record of RFC 6347 §4.1.
fn refuses_our_certificate(record: &[u8]) -> bool {
    let [21, _, _, 0, 0, _, _, _, _, _, _, _, _, 2, what, ..] = record else { return false };
    // bad_certificate … certificate_unknown, unknown_ca
    matches!(what, 42..=46 | 48)
}

impl Session {
    /// Whether the browser holds other fingerprints than the SDP had that left here or came here.
    pub(crate) fn is_sdp_altered(&self) -> bool {
        let Some(report) = &self.observed.browser else { return false };
        let differs = |held: &Option<String>, named: &str| {
            held.as_ref().is_some_and(|held| !same_fingerprint(held, named))
        };
        differs(&report.our_fingerprint, &self.fingerprint)
            || differs(&report.its_fingerprint, &self.offer.video.fingerprint)
    }
}

/// `sha-256 AB:CD…`, whose case is free (RFC 8122 §5).
fn same_fingerprint(one: &str, other: &str) -> bool {
    let mut words = one.split_ascii_whitespace().zip(other.split_ascii_whitespace());
    words.all(|(one, other)| one.eq_ignore_ascii_case(other))
}
