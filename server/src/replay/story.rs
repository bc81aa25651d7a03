//! What of a recording is told: commands and decisions, and of packets the first of each kind.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use pinhole_core::trace::{
    Direction, Entry, Integrity, Leg, Packet, Recording, StunAttribute, StunMessage, Via, What,
    Whose,
};
use serde::Serialize;

use super::Again;
use super::words;

/// Kinds of packets that are told apart; more are not told.
const KINDS_MAX: usize = 10_000;

/// One line of the story.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Row {
    pub(super) at_us: u64,
    /// `viewer 0`, `server 1`, `program`, `pinhole`.
    pub(super) who: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) session: Option<u64>,
    pub(super) text: String,
    /// Lines below it: the facts of a diagnosis.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) below: Vec<String>,
    /// Whether it is a decision of ours.
    pub(super) is_decision: bool,
}

/// The sessions that a recording has.
pub(super) fn sessions(recording: &Recording) -> BTreeSet<u64> {
    let answers = recording.entries.iter().filter_map(|entry| match &entry.what {
        What::Answer { session, .. } => Some(*session),
        _ => None,
    });
    answers.collect()
}

/// The story, or that of one session.
pub(super) fn rows(
    recording: &Recording,
    again: &Again,
    session: Option<u64>,
    verbose: bool,
) -> Vec<Row> {
    let mut teller = Teller {
        recording,
        again,
        whose: Whose::of(recording),
        verbose,
        seen: BTreeSet::new(),
        diagnoses: 0,
        last_browser: String::new(),
        last_lost: 0,
        paths: BTreeMap::new(),
        rows: Vec::new(),
    };
    for line in words::header(&recording.header) {
        teller.push(0, "program", None, line);
    }
    for index in 0..recording.entries.len() {
        teller.tell(index);
    }
    let mut rows = teller.rows;
    rows.retain(|row| session.is_none() || row.session.is_none() || row.session == session);
    rows
}

struct Teller<'a> {
    recording: &'a Recording,
    again: &'a Again,
    whose: Whose,
    verbose: bool,
    /// Kinds of packets that were told.
    seen: BTreeSet<String>,
    diagnoses: usize,
    last_browser: String,
    last_lost: u8,
    /// Our end and the viewer's of each session.
    paths: BTreeMap<u64, (SocketAddr, SocketAddr)>,
    rows: Vec<Row>,
}

impl Teller<'_> {
    fn push(&mut self, at_us: u64, who: &str, session: Option<u64>, text: String) {
        let (who, below) = (who.to_owned(), Vec::new());
        self.rows.push(Row { at_us, who, session, text, below, is_decision: false });
    }

    fn viewer(&mut self, at_us: u64, session: u64, text: String) {
        self.push(at_us, &format!("viewer {session}"), Some(session), text);
    }

    /// Whether something of this kind is told now: the first time, or always.
    fn is_new(&mut self, kind: String) -> bool {
        self.verbose || (self.seen.len() < KINDS_MAX && self.seen.insert(kind))
    }

    fn tell(&mut self, index: usize) {
        let Some(Entry { at_us, what }) = self.recording.entries.get(index) else { return };
        let at = *at_us;
        if self.tell_decision(at, what) || self.tell_viewer(index, at, what) {
            return;
        }
        match what {
            What::PacketIn { leg, via, packet, .. } => {
                self.tell_packet(at, *leg, *via, packet, Direction::In);
            }
            What::PacketOut { leg, via, packet, .. } => {
                self.tell_packet(at, *leg, *via, packet, Direction::Out);
            }
            What::Media(tally) if self.verbose => {
                let packets: u64 = tally.rtp.iter().map(|rtp| rtp.packets).sum();
                let way = if tally.direction == Direction::In { "from" } else { "to" };
                let reports = tally.rtcp_packets;
                let remote = words::remote(tally.leg);
                let text = format!("media {way} {remote}: {packets} packets, {reports} reports");
                let session = self.whose.session(at, tally.leg, tally.via);
                self.push(at, "media", session, text);
            }
            What::Frame { bytes, viewers, keyframe, .. }
                if *viewers > 0 && self.is_new("picture".to_owned()) =>
            {
                let kind = if *keyframe { "whole picture" } else { "picture" };
                let text = format!("a {kind} of {bytes} bytes leaves for {viewers} viewers");
                self.push(at, "program", None, text);
            }
            What::Heard { session, lost, .. }
                if self.verbose || self.last_lost.abs_diff(*lost) > 4 =>
            {
                self.last_lost = *lost;
                let percent = u32::from(*lost) * 100 / 255;
                self.viewer(at, *session, format!("reports {percent} % of its packets lost"));
            }
            other => self.tell_program(at, other),
        }
    }

    fn tell_decision(&mut self, at: u64, what: &What) -> bool {
        let Some(mut text) = words::decision(what) else { return false };
        if let What::Path { session, local, remote, .. } = what
            && let Some((ours, theirs)) = self.paths.insert(*session, (*local, *remote))
            && ours == *local
        {
            text = words::moved(theirs, *remote);
        }
        if let What::Dropped { reason, .. } = what
            && !self.is_new(format!("dropped {reason}"))
        {
            return true;
        }
        let session = what.decided_for();
        let who = match what {
            What::Server { server, .. } => format!("server {server}"),
            _ => "pinhole".to_owned(),
        };
        let below = self.reasons(what);
        self.rows.push(Row { at_us: at, who, session, text, below, is_decision: true });
        true
    }

    /// The sentences of a diagnosis, where the re-run came to the same, and its facts.
    fn reasons(&mut self, what: &What) -> Vec<String> {
        let What::Diagnosis { session, verdict: Some(verdict), evidence, .. } = what else {
            return Vec::new();
        };
        let mut mine = self.again.replayed.diagnoses.iter().enumerate().skip(self.diagnoses);
        let same = mine.find(|(_, (number, diagnosis))| {
            number == session && diagnosis.verdict.code() == verdict
        });
        let mut lines = Vec::new();
        if let Some((at, (_, diagnosis))) = same {
            self.diagnoses = at + 1;
            lines.push(diagnosis.sentence.clone());
            lines.push(format!("To do: {}", diagnosis.fix));
        }
        lines.extend(evidence.iter().map(|line| format!("because {line}")));
        lines
    }

    fn tell_viewer(&mut self, index: usize, at: u64, what: &What) -> bool {
        match what {
            What::Offer { sdp } => {
                let next = self.recording.entries.get(index + 1).map(|entry| &entry.what);
                let session = match next {
                    Some(What::Answer { session, .. }) => Some(*session),
                    _ => None,
                };
                let who =
                    session.map_or("viewer".to_owned(), |session| format!("viewer {session}"));
                let (codecs, candidates) = (words::codecs_of(sdp), words::sdp_of(sdp));
                self.push(at, &who, session, format!("offers {codecs}; {candidates}"));
            }
            What::Renegotiate { session, sdp } => {
                self.viewer(at, *session, format!("offers again; {}", words::sdp_of(sdp)));
            }
            What::Fragment { session, sdp } => {
                self.viewer(at, *session, format!("sends a fragment: {}", words::sdp_of(sdp)));
            }
            What::Candidate { session, candidate } => {
                let text = format!("tells {}", words::candidate_of(candidate));
                self.viewer(at, *session, text);
            }
            What::SignalledFrom { session, from } => {
                self.viewer(at, *session, format!("signals from {from}"));
            }
            What::Browser { session, report, .. } => {
                let state = format!("{session} {} {}", report.ice, report.connection);
                let is_new = std::mem::replace(&mut self.last_browser, state.clone()) != state;
                if is_new || self.verbose {
                    self.viewer(at, *session, words::browser(report));
                }
            }
            _ => return false,
        }
        true
    }

    fn tell_program(&mut self, at: u64, what: &What) {
        let text = match what {
            What::Close { session, known } => match known {
                true => format!("ends session {session}"),
                false => format!("ends session {session}, which there is not any more"),
            },
            What::Leave => "ends".to_owned(),
            What::LocalCandidate { candidate, .. } => {
                format!("learned an address: {}", words::candidate_of(candidate))
            }
            What::Findings { findings } => words::findings(findings),
            What::ServerAddresses { server, addresses } => {
                format!("server {server} resolved: {}", words::list(addresses))
            }
            What::Bases { udp, tcp } => {
                format!("sockets are now UDP {}, TCP {}", words::list(udp), words::list(tcp))
            }
            What::ExpectProbes { tokens } => format!("expects {} probes", tokens.len()),
            What::StreamAccepted { local, remote, stream } => match stream {
                Some(number) => format!("connection {number} came from {remote} to {local}"),
                None => format!("a connection from {remote} was one too many"),
            },
            What::StreamConnected { stream } => format!("connection {stream} is up"),
            What::StreamClosed { stream } => format!("connection {stream} ended"),
            What::StreamBroken { stream } => {
                format!("connection {stream} carries what is not spoken here")
            }
            What::StreamBlocked { stream, blocked } if self.verbose => match blocked {
                true => format!("connection {stream} takes no more"),
                false => format!("connection {stream} takes more again"),
            },
            What::Lost { entries } => format!("{entries} entries were lost: the disk was too slow"),
            What::Thinned { keeps, .. } => format!("from here on only {keeps} is recorded"),
            What::End { reason } => format!("the recording ends ({reason})"),
            _ => return,
        };
        self.push(at, "program", None, text);
    }

    fn tell_packet(
        &mut self,
        at: u64,
        leg: Leg,
        via: Option<Via>,
        packet: &Packet,
        direction: Direction,
    ) {
        let session = self.whose.session(at, leg, via);
        let from = match self.whose.peer(leg, via) {
            Some(peer) => format!("{peer} through {}", words::remote(leg)),
            None => words::remote(leg),
        };
        let (kind, text) = match (packet, direction) {
            (Packet::Stun(message), _) => stun_row(message, direction, &from),
            (Packet::Dtls(records), Direction::In) => {
                let closes = records.iter().any(|record| record.content == 21);
                let kind = format!("dtls {closes} {session:?}");
                let text = match closes {
                    true => format!("a DTLS alert came from {from}: it ends, or refuses"),
                    false => format!("the DTLS handshake begins: records come from {from}"),
                };
                (kind, text)
            }
            (Packet::Dtls(_), Direction::Out) if !self.verbose => return,
            (Packet::Dtls(records), Direction::Out) => {
                ("dtls out".to_owned(), format!("{} DTLS records leave for {from}", records.len()))
            }
            (Packet::Other(byte), _) => {
                let byte = byte.map_or("nothing".to_owned(), |byte| format!("{byte:#04x}"));
                (format!("other {from}"), format!("a packet that begins with {byte}, {from}"))
            }
        };
        let kind = format!("{kind} {direction:?} {session:?} {from}");
        if !self.is_new(kind) {
            return;
        }
        let who = match (direction, session) {
            (Direction::Out, _) => "pinhole".to_owned(),
            (Direction::In, Some(session)) => format!("viewer {session}"),
            (Direction::In, None) => "network".to_owned(),
        };
        self.push(at, &who, session, text);
    }
}

fn stun_row(message: &StunMessage, direction: Direction, from: &str) -> (String, String) {
    let is_ice = message.attributes.iter().any(|it| matches!(it, StunAttribute::Priority(_)));
    let chosen = message.attributes.contains(&StunAttribute::UseCandidate);
    let (class, method) = (message.class.as_str(), message.method.as_str());
    let password = match message.integrity {
        Integrity::Held => "its password is right",
        Integrity::Failed => "its password is WRONG",
        Integrity::Absent => "without a password",
        Integrity::Unchecked => "for a user that nobody told of",
    };
    let text = match (direction, is_ice, class) {
        (Direction::In, true, "request") => {
            let chosen = if chosen { ", and it chooses this pair" } else { "" };
            format!("checks the pair from {from}; {password}{chosen}")
        }
        (Direction::Out, true, "request") => format!("checks the pair to {from}"),
        (Direction::In, _, "success") if message.integrity == Integrity::Held => {
            format!("answers our check from {from}")
        }
        (Direction::Out, _, "success") => format!("answers {from}"),
        (Direction::In, ..) => format!("{from} {}", words::stun(message)),
        (Direction::Out, ..) => format!("{} at {from}", words::stun(message)),
    };
    (format!("{class} {method} {password} {chosen} {}", message.whole), text)
}
