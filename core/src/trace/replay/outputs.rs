//! What the endpoint of the re-run says: packets go to the stand-ins, decisions are kept.

use std::net::SocketAddr;

use super::dtls::Guest;
use super::packets::messages;
use super::run::Run;
use super::ways::Way;
use crate::Endpoint;
use crate::endpoint::{Event, SessionId, SessionState, Transmit, Transport};
use crate::trace::entry::{Entry, What};
use crate::trace::packet::Leg;
use crate::trace::recorder::Framing;
use crate::trace::scrub_stun::{channel_binding, cut};
use crate::trace::sight::unwrap;
use crate::wire::{Kind, demux};

/// Runs of one turn; an endpoint that has more is broken, and the next turn goes on.
const RUNS_MAX: usize = 100_000;
/// Diagnoses that are kept in full.
const DIAGNOSES_MAX: usize = 10_000;

impl Run<'_> {
    /// Takes all output, and hands over what waited for it.
    pub(super) fn drain(&mut self) {
        self.drain_endpoint();
        self.pay_owed();
    }

    pub(super) fn drain_endpoint(&mut self) {
        let mut buffer = vec![0; Endpoint::TRANSMIT_BYTES_MAX];
        for _ in 0..RUNS_MAX {
            let Some(transmit) = self.endpoint.poll_transmit(self.now, &mut buffer) else { break };
            self.step();
            self.recorder.on_transmit(self.now, &transmit, &buffer);
            self.on_transmit(&transmit, buffer.get(..transmit.len).unwrap_or_default());
        }
        while let Some(event) = self.endpoint.poll_event() {
            self.recorder.on_event(self.now, &event);
            match event {
                Event::Connect { stream, remote, .. } => {
                    self.streams.wanted_here.push((remote, stream));
                    self.pair_streams();
                }
                Event::Diagnosed { id, diagnosis: Some(diagnosis) }
                    if self.diagnoses.len() < DIAGNOSES_MAX =>
                {
                    self.diagnoses.push((self.number_of(id), *diagnosis));
                }
                Event::Session { id, state: SessionState::Closed(_) } => {
                    let viewer = self.viewers.values_mut().find(|viewer| viewer.id == id);
                    if let Some(viewer) = viewer {
                        (viewer.guest, viewer.is_over) = (None, true);
                    }
                }
                _ => {}
            }
        }
        self.recorder.on_dropped(self.now, self.endpoint.dropped_total());
        if self.recorder.wants_sessions(self.now) {
            self.recorder.on_sessions(self.now, &self.endpoint.sessions());
        }
        while let Some(entry) = self.recorder.next_entry() {
            if is_decision(&entry.what) {
                let entry = self.renumbered(entry);
                self.decide(entry);
            }
        }
    }

    fn on_transmit(&mut self, transmit: &Transmit, bytes: &[u8]) {
        match transmit.transport {
            Transport::Udp => {
                let leg = Leg::Udp { local: plain(transmit.local), remote: plain(transmit.remote) };
                for packet in bytes.chunks(transmit.segment_size.max(1)) {
                    self.on_packet(leg, packet);
                }
            }
            Transport::Stream(id) => {
                let Some(there) = self.streams.there.get(&id).copied() else { return };
                let framing = self.streams.here.get(&there).map_or(Framing::Turn, |it| it.1);
                for message in messages(framing, bytes) {
                    self.on_packet(Leg::Stream(there), message);
                }
            }
        }
    }

    fn on_packet(&mut self, leg: Leg, packet: &[u8]) {
        if let Some((number, peer)) = channel_binding(packet) {
            self.channels.1.learn(leg, number, peer);
        }
        let (via, inner) = unwrap(&mut self.scrub, packet);
        let way = self.channels.1.way(leg, via);
        match demux(inner) {
            Some(Kind::Stun) => self.on_stun(way, inner),
            Some(Kind::Dtls) => self.on_dtls(way, inner),
            Some(Kind::Media) => self.on_media(way, inner),
            None => {}
        }
    }

    fn on_stun(&mut self, way: Way, bytes: &[u8]) {
        let Some(message) = self.scrub.stun(bytes) else { return };
        let Some(fields) = cut(bytes) else { return };
        let text = |number| {
            let value = fields.value(number)?;
            Some(String::from_utf8_lossy(value).into_owned())
        };
        let raw = (text(0x0006), text(0x0014));
        self.asked.on_sent(self.now_us(), way, &message, fields.id, raw);
    }

    /// Notes how far the stream to a viewer is: its reports tell that they have it all.
    fn on_media(&mut self, way: Way, bytes: &[u8]) {
        let session = self.whose.of_way(self.now_us(), way);
        let viewer = session.and_then(|session| self.viewers.get_mut(&session));
        let (Some(viewer), Some(&[a, b]), Some(&[c, d, e, f])) =
            (viewer, bytes.get(2..4), bytes.get(8..12))
        else {
            return;
        };
        if viewer.ssrc == Some(u32::from_be_bytes([c, d, e, f])) {
            let new = u32::from(u16::from_be_bytes([a, b]));
            let last = viewer.sequence.unwrap_or(new);
            let forward = (new.wrapping_sub(last) & 0xffff) < 0x8000;
            let ahead = last.wrapping_add(new.wrapping_sub(last) & 0xffff);
            viewer.sequence = Some(if forward { ahead } else { last });
        }
    }

    fn on_dtls(&mut self, way: Way, bytes: &[u8]) {
        let (now, certificate) = (self.now, self.certificate);
        let session = self.whose.of_way(self.now_us(), way);
        let Some(viewer) = session.and_then(|session| self.viewers.get_mut(&session)) else {
            return;
        };
        if viewer.guest.is_none() && !viewer.is_over {
            viewer.guest = Guest::new(now, certificate, viewer.is_client);
        }
        if let Some(guest) = &mut viewer.guest {
            guest.receive(bytes);
        }
    }

    /// The number that a session has in the recording.
    fn number_of(&self, id: SessionId) -> u64 {
        let known = self.viewers.iter().find(|(_, viewer)| viewer.id == id);
        known.map_or(id.0, |(there, _)| *there)
    }

    /// With the numbers that sessions and connections have in the recording.
    fn renumbered(&self, mut entry: Entry) -> Entry {
        let there = |number: &mut u64| *number = self.number_of(SessionId(*number));
        match &mut entry.what {
            What::Answer { session, .. }
            | What::FragmentAnswer { session, .. }
            | What::Session { session, .. }
            | What::Path { session, .. }
            | What::Diagnosis { session, .. }
            | What::CandidateOut { session, .. }
            | What::RestartWanted { session } => there(session),
            What::Connect { stream, .. } | What::Disconnect { stream } => {
                let id = crate::base::StreamId(*stream);
                *stream = self.streams.there.get(&id).copied().unwrap_or(*stream);
            }
            _ => {}
        }
        entry
    }
}

/// Whether an entry tells what an endpoint decided. Key frames hang on what viewers ask for in
/// packets that are not recorded.
pub(super) fn is_decision(what: &What) -> bool {
    matches!(
        what,
        What::Answer { .. }
            | What::Refused { .. }
            | What::FragmentAnswer { .. }
            | What::Session { .. }
            | What::Path { .. }
            | What::Probed { .. }
            | What::Diagnosis { .. }
            | What::CandidateOut { .. }
            | What::RestartWanted { .. }
            | What::Connect { .. }
            | What::Disconnect { .. }
            | What::ResolveWanted { .. }
            | What::Server { .. }
            | What::Dropped { .. }
    )
}

/// As a recording has it: without scope and flow.
fn plain(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip(), address.port())
}
