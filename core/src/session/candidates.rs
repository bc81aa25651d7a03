//! The candidates of both sides: the viewer's as it tells them, ours as they come and go.

use str0m::{Candidate, CandidateKind};

use super::{Local, Session, ViewerCandidate};
use crate::gather::{self, TurnTransport};
use crate::portmap;
use crate::sdp::{CandidateError, RemoteCandidate, parse_candidate};

/// Candidates that a viewer may send in all; more are refused.
const REMOTE_CANDIDATES_MAX: usize = 64;

impl Session {
    /// Takes a candidate; whether it is of use. mDNS names and the like are accepted and ignored.
    pub(crate) fn add_candidate(&mut self, text: &str) -> Result<bool, CandidateError> {
        let line = match parse_candidate(text).map_err(CandidateError::NotACandidate)? {
            RemoteCandidate::Usable(line) => line,
            RemoteCandidate::Hidden => {
                self.observed.add_candidate(ViewerCandidate::Hidden);
                return Ok(false);
            }
            RemoteCandidate::Ignored(why) => {
                tracing::debug!(id = ?self.id, why, "candidate ignored");
                return Ok(false);
            }
        };
        if self.told.len() >= REMOTE_CANDIDATES_MAX {
            return Err(CandidateError::TooMany(REMOTE_CANDIDATES_MAX));
        }
        let candidate = Candidate::from_sdp_string(&line);
        let candidate =
            candidate.map_err(|error| CandidateError::NotACandidate(error.to_string()))?;
        self.told.push(candidate.addr());
        self.observed.add_candidate(ViewerCandidate::At {
            address: candidate.addr(),
            kind: match candidate.kind() {
                CandidateKind::Host => gather::CandidateKind::Host,
                CandidateKind::Relayed => gather::CandidateKind::Relayed(TurnTransport::Udp),
                _ => gather::CandidateKind::ServerReflexive,
            },
            protocol: portmap::Protocol::Udp,
        });
        if candidate.kind() == CandidateKind::Relayed {
            self.told_relays.push(candidate.addr());
        }
        self.drained = false;
        self.call(|rtc| rtc.add_remote_candidate(candidate));
        Ok(true)
    }

    /// From now on str0m may know our relays. True: it did not until now.
    pub(crate) fn end_relays_wait(&mut self) -> bool {
        std::mem::take(&mut self.relays_wait)
    }

    /// Adds one of our own addresses that became known late; relays wait with those that do.
    pub(crate) fn add_local(&mut self, local: Local) {
        if self.relays_wait && matches!(local, Local::Relayed { .. }) {
            return;
        }
        if let Some(candidate) = local.candidate() {
            self.drained = false;
            self.call(|rtc| rtc.add_local_candidate(candidate).is_some());
        }
    }

    /// Takes back one of our own addresses that is gone. True: the viewer's packets went there.
    pub(crate) fn remove_local(&mut self, local: Local) -> bool {
        if let Some(candidate) = local.candidate() {
            self.drained = false;
            self.call(|rtc| rtc.direct_api().invalidate_candidate(&candidate));
        }
        self.pair.is_some_and(|pair| pair.source == local.address())
    }
}
