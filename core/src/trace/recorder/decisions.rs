//! What the endpoint decided: its events, its reasons for dropping, the paths of its sessions.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::Recorder;
use super::streams::Framing;
use crate::diagnose::{Diagnosis, Severity};
use crate::endpoint::{DropReason, Event, PathKind, SessionId, SessionState, SessionStats};
use crate::gather::ServerReport;
use crate::trace::entry::{What, micros};
use crate::trace::header::turn;

/// How often sessions are looked at for another path.
const SESSIONS_INTERVAL: Duration = Duration::from_secs(1);

impl Recorder {
    /// Tells an event of the endpoint's.
    pub fn on_event(&mut self, now: Instant, event: &Event) {
        let what = match event {
            Event::Session { id, state } => {
                self.sessions_due = Some(now);
                session(*id, *state)
            }
            Event::Candidate { id, candidate, mid } => What::CandidateOut {
                session: id.0,
                candidate: self.scrub.candidate(candidate),
                mid: mid.clone(),
            },
            Event::RestartWanted { id } => What::RestartWanted { session: id.0 },
            Event::Connect { stream, remote, tls } => {
                self.streams.open(*stream, Framing::Turn);
                let remote = self.scrub.addresses.socket(*remote);
                let tls = tls.as_ref().map(|host| self.scrub.addresses.host(host));
                What::Connect { stream: stream.0, remote, tls }
            }
            Event::Disconnect { stream } => {
                self.streams.close(*stream);
                What::Disconnect { stream: stream.0 }
            }
            Event::ResolveWanted { server } => What::ResolveWanted { server: *server },
            Event::Server { server, report } => self.server(*server, report),
            Event::Diagnosed { id, diagnosis } => self.diagnosis(*id, diagnosis.as_deref()),
            Event::Probed { local, remote, token, sequence } => What::Probed {
                local: self.scrub.addresses.socket(*local),
                remote: self.scrub.addresses.socket(*remote),
                // It stands in the USERNAME of the datagram, where a ufrag would.
                token: self.scrub.names.ufrag(token),
                sequence: *sequence,
            },
            Event::KeyframeWanted => What::KeyframeWanted,
            Event::BitrateTarget { bits_per_second } => {
                What::BitrateTarget { bits_per_second: *bits_per_second }
            }
        };
        self.tell(now, what);
    }

    /// Tells what was dropped since this was last told, from the endpoint's counters.
    pub fn on_dropped(&mut self, now: Instant, dropped_total: &BTreeMap<DropReason, u64>) {
        if *dropped_total == self.dropped {
            return;
        }
        for (reason, total) in dropped_total {
            let count = total - self.dropped.insert(*reason, *total).unwrap_or(0);
            if count > 0 {
                let reason = reason.code().to_owned();
                self.tell(now, What::Dropped { reason, count });
            }
        }
    }

    /// Whether [`Recorder::on_sessions`] should be told: after a session's state has changed, and
    /// every second while there are any.
    pub fn wants_sessions(&self, now: Instant) -> bool {
        self.sessions_due.is_some_and(|due| due <= now)
    }

    /// Tells the paths of sessions, where they are others than before.
    pub fn on_sessions(&mut self, now: Instant, sessions: &[SessionStats]) {
        self.sessions_due = (!sessions.is_empty()).then(|| now + SESSIONS_INTERVAL);
        self.paths.retain(|id, _| sessions.iter().any(|session| session.id == *id));
        self.losses.retain(|id, _| sessions.iter().any(|session| session.id == *id));
        for session in sessions {
            if let Some(loss) = session.loss {
                let lost = (loss * 255.0).round().clamp(0.0, 255.0) as u8;
                if self.losses.insert(session.id, lost) != Some(lost) {
                    let before = session.loss_at.map(|at| now.saturating_duration_since(at));
                    let before_us = before.map_or(0, micros);
                    self.tell(now, What::Heard { session: session.id.0, lost, before_us });
                }
            }
            let Some(path) = session.path else { continue };
            if self.paths.insert(session.id, path) != Some(path) {
                let (local, remote) = (path.local, path.remote);
                let what = What::Path {
                    session: session.id.0,
                    path: path_kind(path.kind).to_owned(),
                    local: self.scrub.addresses.socket(local),
                    remote: self.scrub.addresses.socket(remote),
                };
                self.tell(now, what);
            }
        }
    }

    /// The sentences belong to the code; the evidence is this session's own.
    fn diagnosis(&mut self, id: SessionId, diagnosis: Option<&Diagnosis>) -> What {
        let evidence = diagnosis.map(|diagnosis| diagnosis.evidence.as_slice());
        let evidence = evidence.unwrap_or_default().iter();
        let severity = diagnosis.map(|diagnosis| match diagnosis.severity {
            Severity::Degraded => "degraded".to_owned(),
            Severity::Failed => "failed".to_owned(),
        });
        What::Diagnosis {
            session: id.0,
            verdict: diagnosis.map(|diagnosis| diagnosis.verdict.code().to_owned()),
            severity,
            evidence: evidence.map(|line| self.scrub.prose(line)).collect(),
        }
    }

    fn server(&mut self, server: usize, report: &ServerReport) -> What {
        let addresses = &mut self.scrub.addresses;
        let (report, addresses, code): (_, Vec<SocketAddr>, _) = match report {
            ServerReport::Mapped { base, address } => {
                ("mapped", addresses.sockets(&[*base, *address]), None)
            }
            ServerReport::Relayed { addresses: at } => ("relayed", addresses.sockets(at), None),
            ServerReport::Lost => ("lost", Vec::new(), None),
            ServerReport::Silent => ("silent", Vec::new(), None),
            ServerReport::Refused(code) => ("refused", Vec::new(), Some(*code)),
        };
        What::Server { server, report: report.to_owned(), addresses, code }
    }
}

fn session(id: SessionId, state: SessionState) -> What {
    let (state, cause) = match state {
        SessionState::Connecting => ("connecting", None),
        SessionState::Connected => ("connected", None),
        SessionState::Interrupted => ("interrupted", None),
        SessionState::Closed(cause) => ("closed", Some(cause.code().to_owned())),
    };
    What::Session { session: id.0, state: state.to_owned(), cause }
}

fn path_kind(kind: PathKind) -> &'static str {
    match kind {
        PathKind::Direct => "direct",
        PathKind::Tunnel => "tunnel",
        PathKind::Relay(transport) => turn(transport),
        PathKind::Tcp => "tcp",
    }
}
