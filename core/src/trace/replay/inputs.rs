//! What the recorded endpoint was told, told to the one of the re-run.

use std::net::SocketAddr;
use std::time::Duration;

use super::run::{Run, Streams, Viewer};
use super::{media, sdp, told};
use crate::endpoint::{Frame, SessionId};
use crate::trace::entry::{Entry, What};
use crate::trace::packet::Packet;
use crate::trace::recorder::Framing;

/// Credentials that are remembered; more are not.
const CREDENTIALS_MAX: usize = 65_536;
/// A token of a probe has ten letters at least.
const TOKEN_LENGTH: usize = 10;

impl Run<'_> {
    /// Takes one entry, at its time.
    pub(super) fn take(&mut self, index: usize, entry: &Entry) {
        match &entry.what {
            What::PacketIn { leg, via, len, packet } => {
                self.packet_in(index, *leg, *via, *len, packet);
            }
            What::PacketOut { leg, via, packet, .. } => {
                self.channels.0.learn_from(*leg, packet);
                if let Packet::Stun(message) = packet {
                    let way = self.channels.0.way(*leg, *via);
                    self.asked.on_recorded(entry.at_us, way, message);
                }
            }
            What::Answer { session, sdp } | What::FragmentAnswer { session, sdp } => {
                self.pair_answers(*session, sdp);
            }
            What::Connect { stream, remote, .. } => {
                self.streams.wanted_there.push((*remote, *stream));
                self.pair_streams();
            }
            // Decisions are compared, not taken; what is left tells of the recording.
            other => {
                let _ = self.command(other) || self.stream(other) || self.network(other);
            }
        }
    }

    /// What viewers and the program ask for.
    fn command(&mut self, what: &What) -> bool {
        let now = self.now;
        match what {
            What::Offer { sdp } => {
                let sdp = self.offered(sdp);
                let result = self.endpoint.accept_offer(now, &sdp);
                self.recorder.on_offer(now, &sdp, &result);
                self.last_answer = result.ok().map(|it| (it.session, it.answer));
            }
            What::Renegotiate { session, sdp } => {
                let (id, sdp) = (self.session(*session), self.offered(sdp));
                let result = self.endpoint.renegotiate(now, id, &sdp);
                self.recorder.on_renegotiation(now, id, &sdp, &result);
                self.last_answer = result.ok().map(|answer| (id, answer));
            }
            What::Fragment { session, sdp } => {
                let (id, sdp) = (self.session(*session), self.offered(sdp));
                let result = self.endpoint.handle_fragment(now, id, &sdp);
                self.recorder.on_fragment(now, id, &sdp, &result);
                self.last_answer = result.ok().flatten().map(|answer| (id, answer));
            }
            What::Candidate { session, candidate } => {
                let id = self.session(*session);
                let result = self.endpoint.add_candidate(now, id, candidate);
                self.recorder.on_candidate(now, id, candidate, &result);
            }
            What::Close { session, .. } => {
                let id = self.session(*session);
                let known = self.endpoint.close(now, id);
                self.recorder.on_close(now, id, known);
            }
            What::Leave => {
                self.endpoint.leave(now);
                self.recorder.on_leave(now);
            }
            What::Frame { bytes, keyframe, captured_before_us, .. } => {
                let data = media::picture(*bytes, *keyframe);
                let before = Duration::from_micros(*captured_before_us);
                let captured = now.checked_sub(before).unwrap_or(now).max(self.start);
                let frame = Frame { data: &data, captured };
                let report = self.endpoint.send_frame(now, frame);
                self.recorder.on_frame(now, &frame, &report);
            }
            _ => return false,
        }
        true
    }

    /// What connections do.
    fn stream(&mut self, what: &What) -> bool {
        let now = self.now;
        match what {
            What::StreamAccepted { local, remote, stream } => {
                let id = self.endpoint.accept_stream(now, *local, *remote);
                self.recorder.on_stream_accepted(now, *local, *remote, id);
                if let (Some(there), Some(id)) = (*stream, id) {
                    self.streams.here.insert(there, (id, Framing::Length));
                    self.streams.there.insert(id, there);
                }
                return true;
            }
            What::StreamConnected { stream } => {
                let Some(id) = self.stream_here(*stream) else { return true };
                self.endpoint.handle_stream_connected(now, id);
                self.recorder.on_stream_connected(now, id);
            }
            What::StreamBlocked { stream, blocked } => {
                let Some(id) = self.stream_here(*stream) else { return true };
                self.endpoint.set_stream_blocked(now, id, *blocked);
                self.recorder.on_stream_blocked(now, id, *blocked);
            }
            What::StreamClosed { stream } => {
                let Some(id) = self.stream_here(*stream) else { return true };
                self.endpoint.handle_stream_closed(now, id);
                self.recorder.on_stream_closed(now, id);
            }
            What::StreamBroken { stream } => {
                let Some(id) = self.stream_here(*stream) else { return true };
                // Neither RFC 4571 nor TURN: a message that is longer than any, and no more of it.
                let bytes = [0xff; 8];
                self.endpoint.handle_stream_data(now, id, &bytes);
                self.recorder.on_stream_data(now, id, &bytes);
            }
            _ => return false,
        }
        true
    }

    /// What the program knows of the network.
    fn network(&mut self, what: &What) -> bool {
        let now = self.now;
        match what {
            What::LocalCandidate { base, candidate } => {
                match told::local_candidate(*base, candidate) {
                    Some(candidate) => {
                        self.endpoint.add_local_candidate(now, candidate);
                        self.recorder.on_local_candidate(now, &candidate);
                    }
                    None => self.counts.no_counterpart += 1,
                }
            }
            What::ServerAddresses { server, addresses } => {
                self.endpoint.set_server_addresses(now, *server, addresses.clone());
                self.recorder.on_server_addresses(now, *server, addresses);
            }
            What::Bases { udp, tcp } => {
                self.endpoint.set_bases(now, udp.clone(), tcp.clone());
                self.recorder.on_bases(now, udp, tcp);
            }
            What::SignalledFrom { session, from } => {
                let id = self.session(*session);
                self.endpoint.set_signalled_from(id, *from);
                self.recorder.on_signalled_from(now, id, *from);
            }
            What::Browser { session, report, .. } => {
                let id = self.session(*session);
                let known = |print: &str| {
                    self.fingerprints.get(print).cloned().unwrap_or_else(|| print.to_owned())
                };
                let report = told::browser(report, known);
                let known = self.endpoint.report_browser(now, id, report.clone());
                self.recorder.on_browser_report(now, id, &report, known);
            }
            What::Findings { findings } => {
                let findings = told::findings(findings);
                self.recorder.on_findings(now, &findings);
                self.endpoint.set_findings(findings);
            }
            What::ExpectProbes { tokens } => {
                let tokens: Vec<String> = tokens.iter().map(|token| token_of(token)).collect();
                self.tokens = tokens.iter().cloned().collect();
                self.recorder.on_expect_probes(now, &tokens);
                self.endpoint.expect_probes(tokens);
            }
            _ => return false,
        }
        true
    }

    /// SDP of a viewer's, as it is offered now: with the stand-in's certificate.
    fn offered(&mut self, text: &str) -> String {
        for (ufrag, password) in sdp::credentials(text) {
            if self.theirs.len() < CREDENTIALS_MAX {
                self.theirs.insert(ufrag, password);
            }
        }
        self.learn_fingerprints(text);
        sdp::with_fingerprint(text, &self.fingerprint)
    }

    fn learn_fingerprints(&mut self, text: &str) {
        for print in sdp::fingerprints(text) {
            if self.fingerprints.len() < CREDENTIALS_MAX {
                self.fingerprints.insert(print.to_owned(), self.fingerprint.clone());
            }
        }
    }

    /// Learns from the recorded answer what stands for what in the one of now.
    fn pair_answers(&mut self, session: u64, recorded: &str) {
        self.learn_fingerprints(recorded);
        let Some((id, answer)) = self.last_answer.take() else {
            self.counts.no_counterpart += 1;
            return;
        };
        let pairs = sdp::credentials(recorded).into_iter().zip(sdp::credentials(&answer));
        for ((there, _), here) in pairs {
            if self.ours.len() < CREDENTIALS_MAX {
                self.ours.insert(there, here);
            }
        }
        let is_client = sdp::viewer_is_client(&answer);
        let viewer = self.viewers.entry(session).or_insert(Viewer {
            id,
            is_client,
            ssrc: None,
            sequence: None,
            reports: 0,
            guest: None,
            is_over: false,
        });
        viewer.ssrc = sdp::ssrc(&answer).or(viewer.ssrc);
    }

    /// The session that has this number in the recording.
    fn session(&self, number: u64) -> SessionId {
        // One that nobody has is refused as an unknown one was.
        self.viewers.get(&number).map_or(SessionId(number), |viewer| viewer.id)
    }

    /// The connection that has this number in the recording.
    pub(super) fn stream_here(&mut self, number: u64) -> Option<crate::base::StreamId> {
        let id = self.streams.here.get(&number).map(|(id, _)| *id);
        if id.is_none() {
            self.counts.no_counterpart += 1;
        }
        id
    }

    /// Pairs connections that both runs asked for: the first to an address with the first.
    pub(super) fn pair_streams(&mut self) {
        let Streams { here, there, wanted_there, wanted_here } = &mut self.streams;
        wanted_there.retain(|(remote, number)| {
            let is_same = |(other, _): &(SocketAddr, _)| other == remote;
            let Some(at) = wanted_here.iter().position(is_same) else { return true };
            let (_, id) = wanted_here.remove(at);
            here.insert(*number, (id, Framing::Turn));
            there.insert(id, *number);
            false
        });
    }
}

/// A stand-in as long as a token must be.
pub(super) fn token_of(stand_in: &str) -> String {
    let letters = stand_in.chars().filter(char::is_ascii_alphanumeric).take(TOKEN_LENGTH);
    let letters: String = letters.collect();
    format!("{letters:x<TOKEN_LENGTH$}")
}
