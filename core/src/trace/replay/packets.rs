//! Packets of the recording, made anew and handed to the endpoint on the way that they came.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use sha1::Sha1;

use super::asked::Sent;
use super::config::{PASSWORD, USER};
use super::dtls::Guest;
use super::inputs::token_of;
use super::media::{self, Arrival, Kind};
use super::report::About;
use super::run::Run;
use super::stun::{self, Anew};
use super::ways::{Way, username};
use crate::endpoint::{Datagram, Transport};
use crate::stun::{PROOF_BYTES_MAX, write_proof};
use crate::trace::entry::What;
use crate::trace::packet::{DtlsRecord, Integrity, Leg, Packet, StunAttribute, StunMessage, Via};
use crate::trace::recorder::Framing;
use crate::turn;

/// A packet that came before what it belongs to: an answer before its question, a record before the
/// stand-in has it. Entries have microseconds, and the two runs differ by some.
#[derive(Debug, Clone)]
pub(super) struct Owed {
    until_us: u64,
    leg: Leg,
    via: Option<Via>,
    packet: Packet,
}

/// How long such a packet waits.
const OWED_FOR_US: u64 = 250_000;
/// Entries within which the pieces of a message follow each other.
const PIECES_WITHIN: usize = 16;
/// How many wait; further ones are given up at once.
const OWED_MAX: usize = 256;
/// Bytes of a packet that nobody speaks.
const OTHER_BYTES_MAX: usize = 1_500;
/// What no password is: an integrity that failed.
const WRONG: &[u8] = b"not the password";

impl Run<'_> {
    /// A packet of the recording comes.
    pub(super) fn packet_in(
        &mut self,
        index: usize,
        leg: Leg,
        via: Option<Via>,
        len: usize,
        packet: &Packet,
    ) {
        let way = self.channels.0.way(leg, via);
        let bytes = match packet {
            Packet::Other(byte) => {
                let len = len.min(OTHER_BYTES_MAX);
                Some(byte.map_or_else(Vec::new, |byte| vec![byte; len.max(1)]))
            }
            Packet::Stun(message) if matches!(message.class.as_str(), "success" | "error") => {
                self.answer(index, way, message)
            }
            Packet::Stun(message) => Some(self.request(index, message)),
            Packet::Dtls(records) if self.goes_on(index, leg, via, records) => Some(Vec::new()),
            Packet::Dtls(records) => self.records(way, records),
        };
        match bytes {
            Some(bytes) => self.deliver(way, via, &bytes),
            None if self.owed.len() < OWED_MAX => {
                let until_us = self.now_us() + OWED_FOR_US;
                self.owed.push(Owed { until_us, leg, via, packet: packet.clone() });
            }
            None => self.give_up(packet),
        }
    }

    /// Hands over what can be made by now.
    pub(super) fn pay_owed(&mut self) {
        if self.owed.is_empty() {
            return;
        }
        let now_us = self.now_us();
        for owed in std::mem::take(&mut self.owed) {
            let way = self.channels.0.way(owed.leg, owed.via);
            let bytes = match &owed.packet {
                Packet::Stun(message) => self.answer(usize::MAX, way, message),
                Packet::Dtls(records) => self.records(way, records),
                Packet::Other(_) => None,
            };
            match bytes {
                Some(bytes) => {
                    self.deliver(way, owed.via, &bytes);
                    self.drain_endpoint();
                }
                None if now_us < owed.until_us => self.owed.push(owed),
                None => self.give_up(&owed.packet),
            }
        }
    }

    fn give_up(&mut self, packet: &Packet) {
        match packet {
            Packet::Dtls(_) => self.counts.handshake += 1,
            Packet::Stun(_) | Packet::Other(_) => self.counts.unasked += 1,
        }
    }

    /// Media that came, one packet of a sum.
    pub(super) fn media(&mut self, arrival: &Arrival) {
        let way = self.channels.0.way(arrival.leg, arrival.via);
        let bytes = match arrival.kind {
            Kind::Media(ssrc, sequence, bytes) => media::stray_media(ssrc, sequence, bytes),
            Kind::Report => self.report(way),
        };
        self.counts.media += 1;
        // What becomes of it hangs on bytes that are not recorded, and is not compared.
        let before = self.decisions.len();
        self.deliver(way, arrival.via, &bytes);
        self.drain();
        let after = self.decisions.split_off(before);
        let told = after.into_iter().filter(|it| !matches!(it.what, What::Dropped { .. }));
        self.decisions.extend(told);
    }

    /// A report of the viewer's who is behind a way.
    fn report(&mut self, way: Way) -> Vec<u8> {
        let now_us = self.now_us();
        let session = self.whose.of_way(now_us, way);
        let lost = session.and_then(|session| self.losses.at(session, now_us));
        let viewer = session.and_then(|session| self.viewers.get_mut(&session));
        let Some(viewer) = viewer else { return media::stray_report(0) };
        viewer.reports += 1;
        let about = match (viewer.ssrc, viewer.sequence, lost) {
            (Some(ssrc), Some(sequence), Some(lost)) => Some(About { ssrc, lost, sequence }),
            _ => None,
        };
        let reporter = viewer.guest.as_mut().and_then(Guest::reporter);
        let report = reporter.and_then(|reporter| reporter.write(about));
        report.unwrap_or_else(|| media::stray_report(viewer.reports))
    }

    /// A check, an indication or a probe.
    fn request(&mut self, index: usize, message: &StunMessage) -> Vec<u8> {
        let named = username(message).map(str::to_owned);
        if let Some(probe) = named.as_deref().and_then(|name| self.probe(index, name)) {
            return probe;
        }
        let (ours, rest) = match named.as_deref().map(|name| name.split_once(':')) {
            Some(Some((ours, rest))) => (Some(ours), rest),
            _ => (None, ""),
        };
        let known = ours.and_then(|ours| self.ours.get(ours));
        let username = known.map(|(ufrag, _)| format!("{ufrag}:{rest}"));
        let password = known.map_or(WRONG, |(_, password)| password.as_bytes());
        let key = match message.integrity {
            Integrity::Failed => WRONG.to_vec(),
            _ => password.to_vec(),
        };
        stun::write(message, &Anew { id: id(message.transaction), username, key })
    }

    /// A datagram that proves a port, if a token that is expected stands in its name.
    fn probe(&self, index: usize, name: &str) -> Option<Vec<u8>> {
        let token = token_of(name.split(':').next()?);
        if !self.tokens.contains(&token) {
            return None;
        }
        let mut after = self.recording.entries.get(index + 1..)?.iter();
        let sequence = after.next().and_then(|entry| match &entry.what {
            What::Probed { sequence, .. } => Some(*sequence),
            _ => None,
        });
        let mut buffer = [0; PROOF_BYTES_MAX];
        let len = write_proof(&mut buffer, &token, sequence.unwrap_or(0))?;
        Some(buffer.get(..len)?.to_vec())
    }

    /// An answer to what we asked. `None`: we did not ask it yet.
    fn answer(&mut self, index: usize, way: Way, message: &StunMessage) -> Option<Vec<u8>> {
        let sent = self.asked.answered(way, message)?;
        let key = match message.integrity {
            Integrity::Failed => WRONG.to_vec(),
            Integrity::Unchecked if self.was_forged(index) => WRONG.to_vec(),
            _ => self.key_of(&sent),
        };
        Some(stun::write(message, &Anew { id: sent.id, username: None, key }))
    }

    /// The key that an answer to this request is signed with.
    fn key_of(&self, sent: &Sent) -> Vec<u8> {
        let Some(username) = &sent.username else { return WRONG.to_vec() };
        if let Some(realm) = &sent.realm {
            return stun::long_term_key(username, realm, &turn_password(username));
        }
        let theirs = username.split(':').next().unwrap_or_default();
        self.theirs.get(theirs).map_or(WRONG.to_vec(), |password| password.clone().into_bytes())
    }

    /// Whether the entry at `index` was dropped for its integrity.
    fn was_forged(&self, index: usize) -> bool {
        let after = index.checked_add(1).and_then(|at| self.recording.entries.get(at));
        matches!(after.map(|entry| &entry.what),
            Some(What::Dropped { reason, .. }) if reason == "bad_integrity")
    }

    /// Whether the last message of this datagram goes on in the next that came: a stand-in's is not
    /// cut at the same place, and leaves when all of the recorded one was there.
    fn goes_on(&self, index: usize, leg: Leg, via: Option<Via>, records: &[DtlsRecord]) -> bool {
        let after = self.recording.entries.get(index + 1..).unwrap_or_default();
        let next = after.iter().take(PIECES_WITHIN).find_map(|entry| match &entry.what {
            What::PacketIn { leg: its, via: wrapped, packet: Packet::Dtls(next), .. }
                if (*its, *wrapped) == (leg, via) =>
            {
                Some(next.first())
            }
            What::PacketOut { leg: its, packet: Packet::Dtls(_), .. } if *its == leg => Some(None),
            _ => None,
        });
        let last = records.last().filter(|last| last.handshake.is_some());
        match (last, next.flatten()) {
            (Some(last), Some(next)) => {
                (last.handshake, last.epoch) == (next.handshake, next.epoch)
            }
            _ => false,
        }
    }

    /// Records of the viewer's handshake. `None`: its stand-in has not got that far.
    fn records(&mut self, way: Way, records: &[DtlsRecord]) -> Option<Vec<u8>> {
        if records.iter().any(|record| record.content >= 32) {
            self.counts.dtls13 = true;
            return Some(Vec::new());
        }
        let (now, certificate) = (self.now, self.certificate);
        let session = self.whose.of_way(self.now_us(), way);
        let viewer = session.and_then(|session| self.viewers.get_mut(&session));
        let Some(viewer) = viewer.filter(|viewer| !viewer.is_over) else {
            return Some(media::stray_records(records));
        };
        if viewer.guest.is_none() && viewer.is_client {
            viewer.guest = Guest::new(now, certificate, true);
        }
        let bytes = viewer.guest.as_mut()?.take(records);
        (!bytes.is_empty()).then_some(bytes)
    }

    /// Hands a packet to the endpoint, wrapped as it came.
    pub(super) fn deliver(&mut self, way: Way, via: Option<Via>, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        self.step();
        let (now, wrapped) = (self.now, self.wrap(way, via, bytes));
        match way.leg {
            Leg::Udp { local, remote } => {
                let payload = wrapped.as_slice();
                let datagram = Datagram { local, remote, transport: Transport::Udp, payload };
                self.endpoint.handle_datagram(now, datagram);
                self.recorder.on_datagram(now, &datagram);
            }
            Leg::Stream(number) => {
                let Some((id, framing)) = self.streams.here.get(&number).copied() else {
                    self.counts.no_counterpart += 1;
                    return;
                };
                let mut framed = match framing {
                    Framing::Length => (wrapped.len() as u16).to_be_bytes().to_vec(),
                    Framing::Turn => Vec::new(),
                };
                framed.extend(&wrapped);
                if framing == Framing::Turn {
                    framed.resize(framed.len().next_multiple_of(4), 0);
                }
                self.endpoint.handle_stream_data(now, id, &framed);
                self.recorder.on_stream_data(now, id, &framed);
            }
        }
    }

    fn wrap(&self, way: Way, via: Option<Via>, bytes: &[u8]) -> Vec<u8> {
        match (via, way.peer) {
            (Some(Via::Channel(there)), _) => {
                let number = self.channels.1.number(way).unwrap_or(there);
                let mut wrapped = number.to_be_bytes().to_vec();
                wrapped.extend((bytes.len() as u16).to_be_bytes());
                wrapped.extend(bytes);
                wrapped
            }
            (Some(Via::Peer(_)), Some(peer)) => {
                let id = id(u64::MAX);
                let mut wrapped = stun::write(
                    &StunMessage {
                        class: "indication".to_owned(),
                        method: "data".to_owned(),
                        transaction: 0,
                        integrity: Integrity::Absent,
                        attributes: vec![StunAttribute::XorPeerAddress(peer)],
                        whole: true,
                    },
                    &Anew { id, username: None, key: Vec::new() },
                );
                stun::push_data(&mut wrapped, bytes);
                wrapped
            }
            _ => bytes.to_vec(),
        }
    }
}

/// The id that stands for a recorded transaction of somebody else's.
fn id(transaction: u64) -> [u8; 12] {
    let mut id = *b"seen........";
    id[4..].copy_from_slice(&transaction.to_be_bytes());
    id
}

/// The password that belongs to a user name of ours: minted ones have one each.
fn turn_password(username: &str) -> String {
    if username == USER {
        return PASSWORD.to_owned();
    }
    let mut hmac = Hmac::<Sha1>::new_from_slice(PASSWORD.as_bytes()).expect("any length is a key");
    hmac.update(username.as_bytes());
    STANDARD.encode(hmac.finalize().into_bytes())
}

/// Whether a connection's bytes could be cut into messages.
pub(super) fn messages(framing: Framing, mut bytes: &[u8]) -> Vec<&[u8]> {
    let mut all = Vec::new();
    loop {
        let (header, len) = match framing {
            Framing::Length => match bytes.first_chunk::<2>() {
                Some(len) => (2, usize::from(u16::from_be_bytes(*len))),
                None => return all,
            },
            Framing::Turn => match turn::next_message(bytes) {
                Ok(Some(len)) => (0, len),
                Ok(None) | Err(_) => return all,
            },
        };
        let Some((message, rest)) = bytes.split_at_checked(header + len) else { return all };
        all.push(message.get(header..).unwrap_or_default());
        bytes = rest;
    }
}
