//! One line after the first: when, and what.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::packet::{Leg, MediaTally, Packet, Via};
use super::told::{BrowserTold, FindingsTold};

/// One line of a recording.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Microseconds since the recording began.
    pub at_us: u64,
    /// What was.
    #[serde(flatten)]
    pub what: What,
}

/// What an entry is worth where room is short, the first to go first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// Sums of packets, frames and timeouts: they describe what works.
    Bulk,
    /// Packets one by one, most of them the same again: consent, refreshes.
    Routine,
    /// Commands and decisions.
    Story,
}

/// What happened. Sessions, streams and servers have the numbers of the endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[expect(missing_docs, reason = "fields are named after what the endpoint's own methods call them")]
pub enum What {
    // Inputs, in the order of the endpoint's methods.
    /// A packet came.
    PacketIn {
        leg: Leg,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        via: Option<Via>,
        len: usize,
        packet: Packet,
    },
    /// An offer, its secrets replaced.
    Offer { sdp: String },
    /// A further offer.
    Renegotiate { session: u64, sdp: String },
    /// An SDP fragment of WHEP.
    Fragment { session: u64, sdp: String },
    /// A trickled candidate.
    Candidate { session: u64, candidate: String },
    /// An address that the program learned late, as a candidate line; `base` is the socket.
    LocalCandidate { base: SocketAddr, candidate: String },
    /// The program ends a session.
    Close { session: u64, known: bool },
    /// The program ends all of them.
    Leave,
    /// Where a session's signalling comes from.
    SignalledFrom { session: u64, from: IpAddr },
    /// What a viewer's browser saw.
    Browser { session: u64, known: bool, report: Box<BrowserTold> },
    /// Probes from outside that may come: stand-ins of their tokens.
    ExpectProbes { tokens: Vec<String> },
    /// What the program found out about the network.
    Findings { findings: Box<FindingsTold> },
    /// The addresses of a server's name.
    ServerAddresses { server: usize, addresses: Vec<SocketAddr> },
    /// The addresses of our sockets.
    Bases { udp: Vec<SocketAddr>, tcp: Vec<SocketAddr> },
    /// A viewer made a connection; without a number it was refused.
    StreamAccepted { local: SocketAddr, remote: SocketAddr, stream: Option<u64> },
    /// A connection that was asked for is up.
    StreamConnected { stream: u64 },
    /// It takes no more, or does again.
    StreamBlocked { stream: u64, blocked: bool },
    /// It ended.
    StreamClosed { stream: u64 },
    /// A connection carries what is neither RFC 4571 nor TURN; of its bytes nothing more is told.
    StreamBroken { stream: u64 },
    /// A frame to send, and what became of it.
    Frame {
        bytes: usize,
        keyframe: bool,
        captured_before_us: u64,
        packets: usize,
        viewers: usize,
        skipped: usize,
    },
    /// Calls of `handle_timeout` since the last such entry, and by how much the latest came late.
    Timeouts { count: u64, late_us_max: u64 },
    // Both ways.
    /// Media packets, summed up.
    Media(MediaTally),
    // Outputs.
    /// A packet to send.
    PacketOut {
        leg: Leg,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        via: Option<Via>,
        len: usize,
        packet: Packet,
    },
    // Decisions.
    /// An offer was taken; the answer.
    Answer { session: u64, sdp: String },
    /// What came before was refused: a stable word, and a text where that has one of its own.
    Refused {
        reason: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        detail: Option<String>,
    },
    /// The fragment that answers a restart.
    FragmentAnswer { session: u64, sdp: String },
    /// A session's new state; closed ones have a cause.
    Session {
        session: u64,
        state: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cause: Option<String>,
    },
    /// What a viewer reports lost of what was sent to it, of 255, and how long before the entry that was
    /// known. An input, told when it has changed; reports themselves are among the sums. Since minor 1.
    Heard { session: u64, lost: u8, before_us: u64 },
    /// The way that a session's packets go from now on.
    Path { session: u64, path: String, local: SocketAddr, remote: SocketAddr },
    /// One of the expected probes came.
    Probed { local: SocketAddr, remote: SocketAddr, token: String, sequence: u16 },
    /// What is wrong with a session, by the code of its verdict; without one what was said is over.
    Diagnosis {
        session: u64,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        verdict: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        severity: Option<String>,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        evidence: Vec<String>,
    },
    /// A candidate for the viewer.
    CandidateOut { session: u64, candidate: String, mid: String },
    /// The viewer should restart ICE.
    RestartWanted { session: u64 },
    /// A connection is asked for.
    Connect {
        stream: u64,
        remote: SocketAddr,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        tls: Option<String>,
    },
    /// One is to be closed.
    Disconnect { stream: u64 },
    /// A server's name is to be resolved anew.
    ResolveWanted { server: usize },
    /// What a server says: `mapped`, `relayed`, `lost`, `silent`, `refused`.
    Server {
        server: usize,
        report: String,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        addresses: Vec<SocketAddr>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        code: Option<u16>,
    },
    /// The next frame should be an IDR.
    KeyframeWanted,
    /// The encoder should make this much.
    BitrateTarget {
        /// Bits of access units per second.
        bits_per_second: u64,
    },
    /// What came before was dropped.
    Dropped { reason: String, count: u64 },
    // Of the recording itself.
    /// Entries that the writer could not take in time.
    Lost { entries: u64 },
    /// From here on only entries of this class and above are kept; so many bytes are left.
    Thinned { keeps: String, bytes_left: u64 },
    /// The last entry: `stopped`, or `full`.
    End { reason: String },
    /// A kind of a later minor version. Never written.
    #[serde(other)]
    Unknown,
}

/// A span as the file has it.
pub(super) fn micros(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
}

/// A coarser one.
pub(super) fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

impl What {
    /// What it is worth where room is short.
    pub fn class(&self) -> Class {
        match self {
            What::Media(_)
            | What::Timeouts { .. }
            | What::KeyframeWanted
            | What::BitrateTarget { .. } => Class::Bulk,
            What::Frame { .. } => Class::Bulk,
            What::PacketIn { .. } | What::PacketOut { .. } | What::Dropped { .. } => Class::Routine,
            What::StreamBlocked { .. } | What::Unknown => Class::Routine,
            What::Offer { .. } | What::Renegotiate { .. } | What::Fragment { .. } => Class::Story,
            What::Candidate { .. } | What::LocalCandidate { .. } | What::Close { .. } => {
                Class::Story
            }
            What::SignalledFrom { .. } | What::Findings { .. } => Class::Story,
            What::Diagnosis { .. } | What::ExpectProbes { .. } => Class::Story,
            What::Probed { .. } => Class::Story,
            What::Heard { .. } => Class::Routine,
            // Each viewer's comes every few seconds, much the same.
            What::Browser { .. } => Class::Routine,
            What::Leave | What::ServerAddresses { .. } | What::Bases { .. } => Class::Story,
            What::StreamAccepted { .. } | What::StreamConnected { .. } => Class::Story,
            What::StreamClosed { .. } | What::StreamBroken { .. } => Class::Story,
            What::Answer { .. } | What::Refused { .. } | What::FragmentAnswer { .. } => {
                Class::Story
            }
            What::Session { .. } | What::Path { .. } | What::CandidateOut { .. } => Class::Story,
            What::RestartWanted { .. } | What::Connect { .. } | What::Disconnect { .. } => {
                Class::Story
            }
            What::ResolveWanted { .. } | What::Server { .. } => Class::Story,
            What::Lost { .. } | What::Thinned { .. } | What::End { .. } => Class::Story,
        }
    }

    /// The session that a decision is about; `None` if it is none, or about no session.
    pub fn decided_for(&self) -> Option<u64> {
        match self {
            What::Answer { session, .. }
            | What::FragmentAnswer { session, .. }
            | What::Session { session, .. }
            | What::Path { session, .. }
            | What::Diagnosis { session, .. }
            | What::CandidateOut { session, .. }
            | What::RestartWanted { session } => Some(*session),
            _ => None,
        }
    }

    /// Whether a viewer's attempt to connect begins with it.
    pub(super) fn begins_attempt(&self) -> bool {
        matches!(self, What::Offer { .. } | What::Renegotiate { .. } | What::Fragment { .. })
    }
}
