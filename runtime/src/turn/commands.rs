//! What each command of a handle does.
use pinhole_core::OfferError;

use super::Turn;
use super::ending::Life;
use crate::command::{Command, Reply};
use crate::shards::SharedStats;
use crate::{HandleError, RtpClock, RuntimeStats, Snapshot, Viewer};

impl Turn {
    pub(super) fn run(&mut self, command: Command) {
        let now = self.now;
        match command {
            Command::ShutDown { reply } => self.begin_ending(Some(reply)),
            // Dropped with its reply, which says that the loop is gone.
            _ if !matches!(self.life, Life::Running) => {}
            Command::AcceptOffer { sdp, reply } => self.accept_offer(&sdp, reply),
            Command::Renegotiate { id, sdp, reply } => {
                answer(reply, self.endpoint.renegotiate(now, id, &sdp));
            }
            Command::HandleFragment { id, fragment, reply } => {
                answer(reply, self.endpoint.handle_fragment(now, id, &fragment));
            }
            Command::AddCandidate { id, candidate, reply } => {
                answer(reply, self.endpoint.add_candidate(now, id, &candidate));
            }
            Command::AddLocalCandidate { candidate, reply } => {
                self.endpoint.add_local_candidate(now, candidate);
                answer(reply, Ok(()));
            }
            Command::AdoptStream { stream, first_bytes, only_known, reply } => {
                answer(reply, Ok(self.adopt_stream(stream, first_bytes, only_known)));
            }
            Command::SetSignalledFrom { id, from, reply } => {
                self.endpoint.set_signalled_from(now, id, from);
                answer(reply, Ok(()));
            }
            Command::ReportBrowser { id, report, reply } => {
                answer(reply, Ok(self.endpoint.report_browser(now, id, *report)));
            }
            Command::SetFindings { findings, reply } => {
                self.endpoint.set_findings(now, *findings);
                answer(reply, Ok(()));
            }
            Command::ExpectProbes { tokens, reply } => {
                self.endpoint.expect_probes(now, tokens);
                answer(reply, Ok(()));
            }
            Command::Surroundings { reply } => answer(reply, Ok(self.endpoint.surroundings(now))),
            Command::Close { id, reply } => answer(reply, Ok(self.endpoint.close(now, id))),
            Command::Snapshot { reply } => answer(reply, Ok(self.snapshot())),
            Command::RtpClock { reply } => {
                let (rtp_time, stages) =
                    (self.endpoint.rtp_time(now), self.endpoint.ledger().recent());
                answer(reply, Ok(RtpClock { rtp_time, at: now, stages }));
            }
        }
    }

    fn accept_offer(&mut self, sdp: &str, reply: Reply<Viewer, OfferError>) {
        let accepted = match self.endpoint.accept_offer(self.now, sdp) {
            Ok(accepted) => accepted,
            Err(error) => return answer(reply, Err(error)),
        };
        self.count_living();
        let viewer = self.observers.watch(accepted.session, accepted.answer);
        if reply.send(Ok(viewer)).is_err() {
            tracing::debug!(id = ?accepted.session, "the offer was given up while it was answered");
            self.endpoint.close(self.now, accepted.session);
        }
    }

    fn snapshot(&self) -> Snapshot {
        let mut endpoint = self.endpoint.stats();
        if let Some(SharedStats { frames, keyframes, bitrate }) = self.feed.shared_stats() {
            // Those of the one stream: a loop without viewers is given no frames.
            (endpoint.frames_total, endpoint.keyframes_total) = (frames, keyframes);
            endpoint.bitrate_target = bitrate;
        }
        Snapshot {
            endpoint,
            ledger: self.endpoint.ledger().clone(),
            runtime: RuntimeStats {
                streams: self.streams.len(),
                lookups_failed: self.network.names.failures(),
                ..self.stats
            },
            sessions: self.endpoint.sessions(),
            candidates: self.endpoint.candidates().to_vec(),
        }
    }
}

/// Answers, unless the asker has gone.
fn answer<T, E>(reply: Reply<T, E>, result: Result<T, E>) {
    let _ = reply.send(result.map_err(HandleError::Refused));
}
