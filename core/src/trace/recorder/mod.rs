//! Watches an endpoint and tells what happened: packets here, commands in [`commands`], decisions in
//! [`decisions`].

mod commands;
mod decisions;
mod streams;

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

pub(in crate::trace) use self::streams::Framing;
use self::streams::StreamTexts;
use super::addresses::{AddressPolicy, Addresses};
use super::entry::{Entry, What, micros};
use super::header::Header;
use super::names::Names;
use super::packet::{Direction, Leg};
use super::scrub_sdp::Scrub;
use super::sight::{Seen, sight};
use super::tally::{Key, Tallies};
use crate::endpoint::{
    Datagram, DropReason, EndpointConfig, Frame, FrameReport, Path, SessionId, Transmit, Transport,
};

/// How often calls of `handle_timeout` are told.
const TIMEOUTS_SPAN: Duration = Duration::from_secs(1);

/// Watches an endpoint: it is told each input and output, after the endpoint, and gives entries.
///
/// Takes no decision of the endpoint's and changes none. Secrets go no further than this.
pub struct Recorder {
    began: Instant,
    scrub: Scrub,
    sdp_bytes_max: usize,
    tallies: Tallies,
    streams: StreamTexts,
    timeouts: Option<Timeouts>,
    dropped: BTreeMap<DropReason, u64>,
    paths: BTreeMap<SessionId, Path>,
    losses: BTreeMap<SessionId, u8>,
    sessions_due: Option<Instant>,
    entries: VecDeque<Entry>,
}

/// Calls of `handle_timeout` that are not told yet.
struct Timeouts {
    since: Instant,
    count: u64,
    late_max: Duration,
}

impl Recorder {
    /// Begins to watch an endpoint that was made from `config` at `now`.
    pub fn new(
        now: Instant,
        config: &EndpointConfig,
        addresses: AddressPolicy,
    ) -> (Recorder, Header) {
        let mut addresses = Addresses::new(addresses);
        let header = Header::new(now, config, &mut addresses);
        let recorder = Recorder {
            began: now,
            scrub: Scrub { names: Names::default(), addresses },
            sdp_bytes_max: config.limits.sdp_bytes,
            tallies: Tallies::default(),
            streams: StreamTexts::default(),
            timeouts: None,
            dropped: BTreeMap::new(),
            paths: BTreeMap::new(),
            losses: BTreeMap::new(),
            sessions_due: None,
            entries: VecDeque::new(),
        };
        (recorder, header)
    }

    /// The next entry. Call until `None` after each call of another method: nothing here bounds
    /// them but that.
    pub fn next_entry(&mut self) -> Option<Entry> {
        self.entries.pop_front()
    }

    /// Tells a datagram that the endpoint was handed.
    pub fn on_datagram(&mut self, now: Instant, datagram: &Datagram<'_>) {
        let local = self.scrub.addresses.socket(datagram.local);
        let remote = self.scrub.addresses.socket(datagram.remote);
        self.on_packet(now, Direction::In, Leg::Udp { local, remote }, datagram.payload);
    }

    /// Tells a run that the endpoint wants sent; `bytes` begin with it.
    pub fn on_transmit(&mut self, now: Instant, transmit: &Transmit, bytes: &[u8]) {
        let bytes = bytes.get(..transmit.len).unwrap_or(bytes);
        match transmit.transport {
            Transport::Stream(id) => self.on_stream_out(now, id, bytes),
            Transport::Udp => {
                let local = self.scrub.addresses.socket(transmit.local);
                let remote = self.scrub.addresses.socket(transmit.remote);
                for packet in bytes.chunks(transmit.segment_size.max(1)) {
                    self.on_packet(now, Direction::Out, Leg::Udp { local, remote }, packet);
                }
            }
        }
    }

    /// Tells a call of `handle_timeout`, and when it was due.
    pub fn on_timeout(&mut self, now: Instant, due: Instant) {
        let late = now.saturating_duration_since(due);
        let new = Timeouts { since: now, count: 0, late_max: Duration::ZERO };
        let timeouts = self.timeouts.get_or_insert(new);
        timeouts.count += 1;
        timeouts.late_max = timeouts.late_max.max(late);
        self.tell_due(now);
    }

    /// Tells a frame, and what became of it.
    pub fn on_frame(&mut self, now: Instant, frame: &Frame<'_>, report: &FrameReport) {
        self.tell(
            now,
            What::Frame {
                bytes: frame.data.len(),
                keyframe: report.keyframe,
                captured_before_us: micros(now.saturating_duration_since(frame.captured)),
                packets: report.packets,
                viewers: report.viewers,
                skipped: report.skipped,
            },
        );
    }

    /// Tells what was summed up: at the end.
    pub fn finish(&mut self, now: Instant) {
        for tally in self.tallies.take_all(now) {
            self.push(now, What::Media(tally));
        }
        self.tell_timeouts(now);
        self.push(now, What::End { reason: "stopped".to_owned() });
    }

    fn on_packet(&mut self, now: Instant, direction: Direction, leg: Leg, bytes: &[u8]) {
        self.tell_due(now);
        let sight = sight(&mut self.scrub, bytes);
        let (via, len) = (sight.via, sight.len);
        let key = Key { direction, leg, via };
        match sight.what {
            Seen::Rtp(ssrc, sequence) => self.tallies.rtp(now, key, ssrc, sequence, len),
            Seen::Rtcp => self.tallies.rtcp(now, key, len),
            Seen::Packet(packet) => self.push(
                now,
                match direction {
                    Direction::In => What::PacketIn { leg, via, len, packet },
                    Direction::Out => What::PacketOut { leg, via, len, packet },
                },
            ),
        }
    }

    /// Tells something, after all that is due before it.
    fn tell(&mut self, now: Instant, what: What) {
        self.tell_due(now);
        self.push(now, what);
    }

    fn tell_due(&mut self, now: Instant) {
        // Told at the moment of the call: times in a file only grow.
        for tally in self.tallies.take_due(now) {
            self.push(now, What::Media(tally));
        }
        let since = self.timeouts.as_ref().map(|timeouts| timeouts.since);
        if since.is_some_and(|since| now.saturating_duration_since(since) >= TIMEOUTS_SPAN) {
            self.tell_timeouts(now);
        }
    }

    fn tell_timeouts(&mut self, now: Instant) {
        if let Some(Timeouts { count, late_max, .. }) = self.timeouts.take() {
            self.push(now, What::Timeouts { count, late_us_max: micros(late_max) });
        }
    }

    fn push(&mut self, now: Instant, what: What) {
        let at_us = micros(now.saturating_duration_since(self.began));
        self.entries.push_back(Entry { at_us, what });
    }
}
