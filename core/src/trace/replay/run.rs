//! The re-run: entries and timers in the order of their times.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::asked::Asked;
use super::config::endpoint_config;
use super::dtls::Guest;
use super::media::{Arrival, Losses, arrivals};
use super::packets::Owed;
use super::ways::{Channels, Whose};
use super::{Caveat, ReplayError, Replayed, sdp};
use crate::base::StreamId;
use crate::diagnose::Diagnosis;
use crate::endpoint::SessionId;
use crate::session::Certificate;
use crate::trace::addresses::{AddressPolicy, Addresses};
use crate::trace::entry::{Entry, What};
use crate::trace::names::Names;
use crate::trace::packet::Direction;
use crate::trace::read::Recording;
use crate::trace::recorder::{Framing, Recorder};
use crate::trace::scrub_sdp::Scrub;
use crate::{Endpoint, EndpointConfig};

/// The longest time between two entries.
const PAUSE_MAX: Duration = Duration::from_secs(31 * 24 * 60 * 60);
/// Decisions that are kept.
const DECISIONS_MAX: usize = 1_000_000;

/// A recording that is run again.
pub(super) struct Run<'a> {
    pub(super) recording: &'a Recording,
    pub(super) certificate: &'a Certificate,
    pub(super) fingerprint: String,
    pub(super) start: Instant,
    pub(super) now: Instant,
    pub(super) endpoint: Endpoint,
    /// Watches the re-run as the recorded one was watched.
    pub(super) recorder: Recorder,
    pub(super) scrub: Scrub,
    pub(super) asked: Asked,
    /// Channels of the recording, and of the re-run.
    pub(super) channels: (Channels, Channels),
    pub(super) whose: Whose,
    pub(super) viewers: BTreeMap<u64, Viewer>,
    pub(super) streams: Streams,
    /// Ufrag of the recorded server's to ufrag and password of now, and passwords of viewers.
    pub(super) ours: BTreeMap<String, (String, String)>,
    pub(super) theirs: BTreeMap<String, String>,
    pub(super) fingerprints: BTreeMap<String, String>,
    pub(super) tokens: BTreeSet<String>,
    /// What the last command was answered: session and SDP.
    pub(super) last_answer: Option<(SessionId, String)>,
    pub(super) owed: Vec<Owed>,
    pub(super) decisions: Vec<Entry>,
    pub(super) diagnoses: Vec<(u64, Diagnosis)>,
    pub(super) counts: Counts,
    pub(super) losses: Losses,
    arrivals: VecDeque<Arrival>,
    steps_left: u64,
}

/// What does not fit, and how often.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) unasked: u64,
    pub(super) handshake: u64,
    pub(super) no_counterpart: u64,
    pub(super) media: u64,
    pub(super) dtls13: bool,
}

/// One viewer of the re-run.
pub(super) struct Viewer {
    pub(super) id: SessionId,
    pub(super) is_client: bool,
    pub(super) ssrc: Option<u32>,
    /// The extended number of the last packet that was sent to it (RFC 3550 §6.4.1).
    pub(super) sequence: Option<u32>,
    pub(super) reports: u32,
    pub(super) guest: Option<Guest>,
    pub(super) is_over: bool,
}

/// Connections: their numbers there and here.
#[derive(Debug, Default)]
pub(super) struct Streams {
    pub(super) here: BTreeMap<u64, (StreamId, Framing)>,
    pub(super) there: BTreeMap<StreamId, u64>,
    /// Asked for in the recording, and not paired yet.
    pub(super) wanted_there: Vec<(SocketAddr, u64)>,
    /// The same here.
    pub(super) wanted_here: Vec<(SocketAddr, StreamId)>,
}

impl<'a> Run<'a> {
    pub(super) fn new(
        start: Instant,
        recording: &'a Recording,
        certificate: &'a Certificate,
        steps_max: u64,
    ) -> Result<Run<'a>, ReplayError> {
        let config: EndpointConfig = endpoint_config(start, &recording.header, certificate)?;
        let (recorder, _) = Recorder::new(start, &config, AddressPolicy::Keep);
        let addresses = Addresses::new(AddressPolicy::Keep);
        Ok(Run {
            recording,
            certificate,
            fingerprint: sdp::fingerprint(certificate),
            start,
            now: start,
            endpoint: Endpoint::new(start, config)?,
            recorder,
            scrub: Scrub { names: Names::default(), addresses },
            asked: Asked::default(),
            channels: (Channels::default(), Channels::default()),
            whose: Whose::of(recording),
            viewers: BTreeMap::new(),
            streams: Streams::default(),
            ours: BTreeMap::new(),
            theirs: BTreeMap::new(),
            fingerprints: BTreeMap::new(),
            tokens: BTreeSet::new(),
            last_answer: None,
            owed: Vec::new(),
            decisions: Vec::new(),
            diagnoses: Vec::new(),
            counts: Counts::default(),
            losses: Losses::of(recording),
            arrivals: arrivals(&recording.entries).into(),
            steps_left: steps_max,
        })
    }

    /// Runs it to its end.
    pub(super) fn finish(mut self) -> Replayed {
        let mut caveats = Vec::new();
        let mut used = 0;
        self.drain();
        for (index, entry) in self.recording.entries.iter().enumerate() {
            if let Some(caveat) = ends_at(entry) {
                caveats.extend(caveat);
                break;
            }
            if let Err(caveat) = self.advance(entry.at_us) {
                caveats.push(caveat);
                break;
            }
            self.take(index, entry);
            used = index + 1;
            if self.ends_turn(index, entry) {
                self.drain();
            }
        }
        let until_us = self.now_us();
        self.say_what_is_left_out(&mut caveats, used);
        let (decisions, diagnoses) = (self.decisions, self.diagnoses);
        Replayed { decisions, diagnoses, entries: used, until_us, caveats }
    }

    /// Whether output was taken after this entry: a shell reads the clock once a turn, and takes
    /// all that came and all commands before it asks for what is to be sent.
    fn ends_turn(&self, index: usize, entry: &Entry) -> bool {
        let next = self.recording.entries.get(index + 1);
        next.is_none_or(|next| {
            next.at_us != entry.at_us || matches!(next.what, What::PacketOut { .. })
        })
    }

    fn say_what_is_left_out(&self, caveats: &mut Vec<Caveat>, used: usize) {
        let entries = &self.recording.entries;
        if !entries.iter().any(|entry| matches!(entry.what, What::End { .. })) {
            caveats.push(Caveat::NoEnd);
        }
        let counted = [
            (self.counts.media, Caveat::Media(self.counts.media)),
            (self.counts.unasked, Caveat::Unasked(self.counts.unasked)),
            (self.counts.handshake, Caveat::Handshake(self.counts.handshake)),
            (self.counts.no_counterpart, Caveat::NoCounterpart(self.counts.no_counterpart)),
            (self.recording.skipped as u64, Caveat::Skipped(self.recording.skipped)),
            (u64::from(self.counts.dtls13), Caveat::Dtls13),
            (u64::from(self.recording.header.addresses_hidden), Caveat::Hidden),
        ];
        caveats.extend(counted.into_iter().filter(|(count, _)| *count > 0).map(|(_, it)| it));
        let is_media = |entry: &Entry| match &entry.what {
            What::Media(tally) => tally.direction == Direction::Out,
            _ => false,
        };
        if self.recording.header.estimator.is_some() && entries[..used].iter().any(is_media) {
            caveats.push(Caveat::Estimator);
        }
    }

    /// Lets time pass up to an entry: timers fire and media comes.
    fn advance(&mut self, at_us: u64) -> Result<(), Caveat> {
        let time = Caveat::Time(self.now_us());
        let until = self.start.checked_add(Duration::from_micros(at_us)).ok_or(time)?;
        if until.saturating_duration_since(self.now) > PAUSE_MAX {
            return Err(time);
        }
        loop {
            let steps = Caveat::Steps(self.now_us());
            self.steps_left = self.steps_left.checked_sub(1).ok_or(steps)?;
            let media = self.arrivals.front().map(|it| self.start + micros(it.at_us));
            let guest = self.viewers.values().filter_map(|viewer| viewer.guest.as_ref()?.wake());
            let timer = self.endpoint.poll_timeout().map(|(at, _)| at);
            let Some(next) = [media, guest.min(), timer].into_iter().flatten().min() else { break };
            if next > until {
                break;
            }
            self.now = self.now.max(next);
            if timer == Some(next) {
                self.fire(next);
            } else if media == Some(next) {
                if let Some(arrival) = self.arrivals.pop_front() {
                    self.media(&arrival);
                }
            } else {
                self.wake_guests();
            }
        }
        self.now = self.now.max(until);
        Ok(())
    }

    fn fire(&mut self, due: Instant) {
        self.endpoint.handle_timeout(self.now);
        self.recorder.on_timeout(self.now, due);
        self.drain();
    }

    fn wake_guests(&mut self) {
        let now = self.now;
        for guest in self.viewers.values_mut().filter_map(|viewer| viewer.guest.as_mut()) {
            if guest.wake().is_some_and(|at| at <= now) {
                guest.handle_timeout(now);
            }
        }
        self.pay_owed();
    }

    /// Counts work that is done besides waiting.
    pub(super) fn step(&mut self) {
        self.steps_left = self.steps_left.saturating_sub(1);
    }

    /// Keeps a decision.
    pub(super) fn decide(&mut self, entry: Entry) {
        if self.decisions.len() < DECISIONS_MAX {
            self.decisions.push(entry);
        }
    }

    pub(super) fn now_us(&self) -> u64 {
        let since = self.now.saturating_duration_since(self.start);
        u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
    }
}

/// Whether a recording cannot be run on from here, and what is to be said of it.
fn ends_at(entry: &Entry) -> Option<Option<Caveat>> {
    match &entry.what {
        What::Lost { entries } => Some(Some(Caveat::Lost(entry.at_us, *entries))),
        What::Thinned { .. } => Some(Some(Caveat::Thinned(entry.at_us))),
        What::End { reason } if reason == "full" => Some(Some(Caveat::Full(entry.at_us))),
        What::End { .. } => Some(None),
        _ => None,
    }
}

fn micros(us: u64) -> Duration {
    // Arrivals lie before the entry that tells of them.
    Duration::from_micros(us)
}
