//! Counters and clocks that a runtime tells.
use std::time::Instant;

use pinhole_core::gather::LocalCandidate;
use pinhole_core::{EndpointStats, SessionStats};

/// A snapshot for metrics.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// The endpoint's counters.
    pub endpoint: EndpointStats,
    /// The runtime's own.
    pub runtime: RuntimeStats,
    /// Each session.
    pub sessions: Vec<SessionStats>,
    /// What viewers are told.
    pub candidates: Vec<LocalCandidate>,
}

/// Counters of the loop and its sockets, since its start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RuntimeStats {
    /// Turns of the loop. An idle loop makes a few a second; thousands mean that something spins.
    pub turns: u64,
    /// Send system calls that sent something.
    pub sends: u64,
    /// Sends that would have blocked, and were kept.
    pub sends_blocked: u64,
    /// Sends that failed and were dropped.
    pub send_errors: u64,
    /// Runs that the system refused as one GSO send, and that left datagram by datagram.
    pub runs_split: u64,
    /// Receive system calls that returned something.
    pub receives: u64,
    /// Receive system calls that failed otherwise than by having nothing.
    pub receive_errors: u64,
    /// Sockets that the system had made useless, and that were bound anew.
    pub rebinds: u64,
}

/// Maps RTP timestamps to moments: `rtp_time` was captured at `at`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RtpClock {
    /// 90 kHz.
    pub rtp_time: u32,
    /// The moment.
    pub at: Instant,
}
