//! Frames in, datagrams out.

use std::net::SocketAddr;
use std::time::Instant;

use super::{
    Endpoint, Event, Frame, FrameReport, Key, SessionId, SessionState, Transmit, Transport,
};

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
        if unit.keyframe {
            self.stats.keyframes_total += 1;
            self.keyframes.on_keyframe(now);
            self.deadlines.set(Key::Keyframe, None);
        }
        let mut needed = false;
        for (id, session) in &mut self.sessions {
            if session.state() != SessionState::Connected {
                continue;
            }
            let was_drained = session.is_drained();
            let sent =
                session.send_frame(now, frame.captured, rtp_time, unit.packets, unit.keyframe);
            if sent {
                report.viewers += 1;
            } else {
                report.skipped += 1;
                needed |= session.needs_keyframe(now);
            }
            // Also where it failed: then it has its end to tell.
            if was_drained && !session.is_drained() {
                self.ready.push_back(*id);
            }
        }
        self.stats.frames_skipped_total += report.skipped as u64;
        if needed {
            self.need_keyframe(now);
        }
        report
    }

    /// The next datagrams to send: a run, written into `buffer`, which needs
    /// [`Self::TRANSMIT_BYTES_MAX`] bytes. Call until `None` after each input. When sending would
    /// block, keep what was returned and call again only once it is sent: the order of datagrams
    /// to one viewer matters.
    pub fn poll_transmit(&mut self, now: Instant, buffer: &mut [u8]) -> Option<Transmit> {
        let mut signals = Vec::new();
        loop {
            let id = *self.ready.front()?;
            let Some(session) = self.sessions.get_mut(&id) else {
                self.ready.pop_front();
                continue;
            };
            let run = session.poll_run(now, buffer, &mut |signal| signals.push(signal));
            let (wake, patience) = (session.wake_at(), session.patience_ends_at());
            let (drained, finished) = (session.is_drained(), session.is_finished());
            // One run each in turn: a large frame to one viewer holds up no other.
            self.ready.pop_front();
            if !drained {
                self.ready.push_back(id);
            }
            self.deadlines.set(Key::Session(id), wake);
            self.deadlines.set(Key::Patience(id), patience);
            for signal in signals.drain(..) {
                self.on_signal(now, id, signal);
            }
            if finished {
                self.remove_session(id);
            }
            if let Some(run) = run {
                self.stats.datagrams_sent_total += run.segments as u64;
                self.stats.bytes_sent_total += run.len as u64;
                return Some(Transmit {
                    local: self.alias(run.source, run.destination),
                    remote: run.destination,
                    transport: Transport::Udp,
                    segment_size: run.segment_size,
                    len: run.len,
                });
            }
        }
    }

    /// Where a reply leaves from: the address that the viewer's datagrams hit.
    fn alias(&self, source: SocketAddr, destination: SocketAddr) -> SocketAddr {
        self.routes.by_remote(destination).and_then(|route| route.alias).unwrap_or(source)
    }

    fn remove_session(&mut self, id: SessionId) {
        let Some(session) = self.sessions.remove(&id) else { return };
        self.routes.remove_session(id, session.ufrag());
        self.deadlines.set(Key::Session(id), None);
        self.deadlines.set(Key::Patience(id), None);
    }

    /// Tells all viewers about an address of ours that became known late.
    pub(super) fn announce(&mut self, candidate: &str) {
        let living = self.sessions.iter().filter(|(_, session)| super::is_alive(session));
        let events = living.map(|(id, session)| Event::Candidate {
            id: *id,
            candidate: candidate.to_owned(),
            mid: session.mid().unwrap_or_default().to_owned(),
        });
        self.events.extend(events);
    }
}
