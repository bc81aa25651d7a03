//! Frames in, datagrams out.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Instant;

use str0m::net::Protocol;

use super::keyframes::KeyframeCause;
use super::patience::{self, Status};
use super::routes::{Routes, Via};
use super::streams::Streams;
use super::{
    Endpoint, Event, Frame, FrameReport, Key, SessionId, SessionState, Transmit, Transport,
};
use crate::gather::{Gatherer, Leg};
use crate::session::{Pair, Signal};
use crate::wire::{Envelope, check_id};

/// Addresses counted for the prediction of ports; a NAT that gave more has forgotten the first.
const DESTINATIONS_MAX: usize = 1_024;
/// What a run on a connection says of addresses.
const UNSPECIFIED: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);

impl Endpoint {
    /// Sends an access unit to every connected viewer. Packetized once; a viewer whose earlier
    /// packets still wait, or that has no reference for it, loses it whole.
    pub fn send_frame(&mut self, now: Instant, frame: Frame<'_>) -> FrameReport {
        let rtp_time = self.rtp_time(frame.captured);
        let unit = self.packetizer.packetize(frame.data);
        let mut report = FrameReport {
            packets: unit.packets.len(),
            keyframe: unit.keyframe,
            ..FrameReport::default()
        };
        self.stats.frames_total += 1;
        self.frame_at = Some(now);
        if unit.keyframe {
            self.stats.keyframes_total += 1;
            self.keyframes.on_keyframe(now);
            self.deadlines.set(Key::Keyframe, None);
        }
        self.recent.on_picture(now, (frame.captured, rtp_time), unit.packets, unit.keyframe);
        let (mut needed, mut rtt_max) = (false, None);
        let Endpoint { sessions, deadlines, ready, .. } = self;
        sessions.for_each_connected(deadlines, |id, session| {
            let was_drained = session.is_drained();
            let sent =
                session.send_frame(now, frame.captured, rtp_time, unit.packets, unit.keyframe);
            if sent {
                report.viewers += 1;
                rtt_max = rtt_max.max(session.rtt());
            } else {
                report.skipped += 1;
                needed |= session.needs_keyframe(now);
            }
            // Also where it failed: then it has its end to tell.
            if was_drained && !session.is_drained() {
                ready.push_back(id);
            }
        });
        self.ledger.on_frame(rtp_time, report.viewers, rtt_max);
        self.stats.frames_skipped_total += report.skipped as u64;
        if needed {
            self.need_keyframe(now, KeyframeCause::Skipped);
        }
        report
    }

    /// The next datagrams to send: a run, written into `buffer`, which needs
    /// [`Self::TRANSMIT_BYTES_MAX`] bytes. Call until `None` after each input. When sending would
    /// block, keep what was returned and call again only once it is sent: the order of datagrams
    /// to one viewer matters.
    pub fn poll_transmit(&mut self, now: Instant, buffer: &mut [u8]) -> Option<Transmit> {
        if let Some((leg, len)) = self.poll_control(now, buffer) {
            return Some(transmit(leg, len, len));
        }
        while let Some(id) = self.ready.pop_front() {
            if self.waits_for_stream(id) {
                continue;
            }
            if let Some(sent) = self.poll_session(now, id, buffer) {
                return Some(sent);
            }
        }
        let more = self.give_relays_back(now);
        let (leg, len) = more.then(|| self.poll_control(now, buffer))??;
        Some(transmit(leg, len, len))
    }

    /// The next message that is no session's: to a server, or to where a viewer may be.
    fn poll_control(&mut self, now: Instant, buffer: &mut [u8]) -> Option<(Leg, usize)> {
        let sent = match self.gatherer.poll_transmit(now, buffer) {
            Some(sent) => {
                self.deadlines.set(Key::Gather, self.gatherer.poll_timeout());
                sent
            }
            None => {
                let question = self.poll_question(now, buffer)?;
                self.count_destination(question.0);
                question
            }
        };
        self.stats.datagrams_sent_total += 1;
        Some(sent)
    }

    /// The next run of one session, which is out of the row of those that are ready and comes back
    /// at its end if it has more: a large frame to one viewer holds up no other.
    fn poll_session(&mut self, now: Instant, id: SessionId, buffer: &mut [u8]) -> Option<Transmit> {
        let Endpoint { sessions, gatherer, streams, routes, checks, ledger, signals, .. } = self;
        let session = sessions.get_mut(&id)?;
        let before = Status::of(session);
        // Lent for the call, which borrows the session.
        let relays = session.lend_told_relays();
        let mut signals = std::mem::take(signals);
        let (mut leg, mut last) = (None, None);
        let mut envelope = |pair: Pair, bytes: &[u8]| {
            // As it is for each packet of a frame but the first.
            if let Some((_, way)) = last.filter(|(between, _)| *between == pair) {
                leg.get_or_insert(way);
                return Some(Envelope::NONE);
            }
            if let Some((check, via, remote)) = first_check(id, pair, bytes, gatherer, routes) {
                let is_detour = via != Via::Socket || relays.contains(&pair.destination);
                if is_detour && patience::detours_wait(now, id, &before, gatherer, routes) {
                    return None;
                }
                checks.on_sent(check, id, via, remote);
            }
            let (envelope, way) = way(now, id, pair, bytes.len(), gatherer, streams, routes)?;
            last = is_plain(way, &envelope).then_some((pair, way));
            leg.get_or_insert(way);
            Some(envelope)
        };
        let mut leaving = |ssrc, datagram: &[u8]| ledger.on_leaving(ssrc, datagram);
        let run = session.poll_run(now, buffer, &mut envelope, &mut leaving, &mut |signal| {
            signals.push(signal);
        });
        session.return_told_relays(relays);
        let (drained, finished) = (session.is_drained(), session.is_finished());
        if !drained {
            self.ready.push_back(id);
        }
        self.sessions.note(id, &mut self.deadlines);
        for signal in signals.drain(..) {
            // A path that changes while the old one works loses nothing.
            if signal != Signal::PathChanged || self.was_path_silent(now, id, &before) {
                self.on_signal(now, id, signal);
            }
        }
        self.signals = signals;
        if finished {
            self.remove_session(now, id);
        }
        let (run, leg) = run.zip(leg)?;
        self.stats.datagrams_sent_total += run.segments as u64;
        self.stats.bytes_sent_total += run.len as u64;
        self.count_destination(leg);
        Some(transmit(leg, run.segment_size, run.len))
    }

    fn count_destination(&mut self, leg: Leg) {
        if let Leg::Datagram { remote, .. } = leg
            && self.gatherer.predicts()
            && self.destinations.len() < DESTINATIONS_MAX
        {
            self.destinations.insert(remote);
        }
    }

    /// Whether a session's packets go to a connection that takes no more; it then waits for it.
    fn waits_for_stream(&mut self, id: SessionId) -> bool {
        let Some(session) = self.sessions.get(&id) else { return false };
        let (SessionState::Connected, Some(pair)) = (session.state(), session.pair()) else {
            return false;
        };
        let stream = match pair.protocol {
            Protocol::Udp => self.gatherer.stream_of(pair.source),
            _ => self.streams.of_viewer(self.routes.whereabouts(id, pair.destination)),
        };
        stream.is_some_and(|stream| self.streams.park(stream, id))
    }

    fn remove_session(&mut self, now: Instant, id: SessionId) {
        let Some(session) = self.sessions.remove(id) else { return };
        self.routes.remove_session(id, session.ufrag());
        self.follower.remove_session(id);
        self.watched.set(id, None);
        self.deadlines.set(Key::Session(id), None);
        self.deadlines.set(Key::Patience(id), None);
        self.deadlines.set(Key::Diagnosis(id), None);
        self.judged.remove(&id);
        self.close_streams_of(now, id);
        self.forget_waiting(id);
    }

    /// Tells all viewers about an address of ours that became known late.
    pub(super) fn announce(&mut self, candidate: &str) {
        let living = self.sessions.iter().filter(|(_, session)| super::is_alive(session));
        let events = living.map(|(id, session)| Event::Candidate {
            id,
            candidate: candidate.to_owned(),
            mid: session.mid().unwrap_or_default().to_owned(),
        });
        self.events.extend(events);
    }
}

/// A check of ours to where nothing came from yet: its transaction, and by which way it goes where.
fn first_check(
    id: SessionId,
    pair: Pair,
    bytes: &[u8],
    gatherer: &Gatherer,
    routes: &Routes,
) -> Option<(u128, Via, SocketAddr)> {
    let check = check_id(bytes).filter(|_| pair.protocol == Protocol::Udp)?;
    let is_ours = gatherer.bases().contains(&pair.source);
    let via = if is_ours { Via::Socket } else { Via::Relay(pair.source) };
    let remote = routes.whereabouts(id, pair.destination);
    routes.by_remote(via, remote).is_none().then_some((check, via, remote))
}

/// Whether what leaves by this way, in this envelope, is neither framed nor wrapped: then so is every
/// datagram between the same addresses, until the endpoint hears something.
fn is_plain(way: Leg, envelope: &Envelope) -> bool {
    matches!(way, Leg::Datagram { .. }) && *envelope == Envelope::NONE
}

/// What stands around a datagram between two of str0m's addresses, and by which way it leaves.
fn way(
    now: Instant,
    id: SessionId,
    pair: Pair,
    len: usize,
    gatherer: &mut Gatherer,
    streams: &Streams,
    routes: &Routes,
) -> Option<(Envelope, Leg)> {
    let remote = routes.whereabouts(id, pair.destination);
    if pair.protocol != Protocol::Udp {
        let stream = streams.of_viewer(remote)?;
        return Some((Envelope::rfc4571(len)?, Leg::Stream(stream)));
    }
    if !gatherer.bases().contains(&pair.source) {
        return gatherer.wrap(now, pair.source, remote, len);
    }
    // A reply leaves from the address that the viewer's datagrams hit.
    let alias = routes.by_remote(Via::Socket, remote).and_then(|route| route.alias);
    let mismatch = pair.source.ip().is_loopback() && !remote.ip().is_loopback();
    let has_other = || {
        let bases = gatherer.bases().iter();
        let family = |base: &&SocketAddr| base.is_ipv4() == remote.is_ipv4();
        bases.filter(family).any(|base| !base.ip().is_loopback())
    };
    if alias.is_none() && mismatch && has_other() {
        // str0m pairs all with all. From loopback only this machine's own addresses are reached, and
        // where we have another socket address that one serves.
        return None;
    }
    let local = alias.unwrap_or(pair.source);
    Some((Envelope::NONE, Leg::Datagram { local, remote }))
}

fn transmit(leg: Leg, segment_size: usize, len: usize) -> Transmit {
    match leg {
        Leg::Datagram { local, remote } => {
            Transmit { local, remote, transport: Transport::Udp, segment_size, len }
        }
        // The shell knows where its connections lead.
        Leg::Stream(stream) => Transmit {
            local: UNSPECIFIED,
            remote: UNSPECIFIED,
            transport: Transport::Stream(stream),
            segment_size: len,
            len,
        },
    }
}
