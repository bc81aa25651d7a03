//! Counters and clocks that a runtime tells.
use std::time::Instant;

use pinhole_core::gather::LocalCandidate;
use pinhole_core::{EndpointStats, Ledger, SessionStats, StageTimes};

/// A snapshot for metrics.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// The endpoint's counters.
    pub endpoint: EndpointStats,
    /// Where the time of frames went.
    pub ledger: Ledger,
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
    /// Runs that the system refused as one GSO send, and that left by `sendmmsg` or one by one. Those that
    /// follow on the same path are not tried as one for a while, and not counted.
    pub runs_split: u64,
    /// Receive system calls that returned something.
    pub receives: u64,
    /// Receive system calls that failed otherwise than by having nothing.
    pub receive_errors: u64,
    /// Sockets that the system had made useless, and that were bound anew.
    pub rebinds: u64,
    /// TCP connections open now, those on their way included.
    pub streams: usize,
    /// TCP connections that could not be made: refused, silent, or not trusted.
    pub streams_failed: u64,
    /// Bytes written to TCP connections, TLS included.
    pub stream_bytes_sent: u64,
    /// Bytes read from TCP connections, TLS included.
    pub stream_bytes_received: u64,
    /// Transmits to TCP connections that were dropped whole: no room, or no connection any more.
    pub stream_drops: u64,
    /// Lookups of host names that failed.
    pub lookups_failed: u64,
}

impl RuntimeStats {
    /// Counts what another loop has counted.
    pub(crate) fn add(&mut self, other: &RuntimeStats) {
        // Each field is named, so that none is forgotten.
        let RuntimeStats {
            turns,
            sends,
            sends_blocked,
            send_errors,
            runs_split,
            receives,
            receive_errors,
            rebinds,
            streams,
            streams_failed,
            stream_bytes_sent,
            stream_bytes_received,
            stream_drops,
            lookups_failed,
        } = other;
        self.turns += turns;
        self.sends += sends;
        self.sends_blocked += sends_blocked;
        self.send_errors += send_errors;
        self.runs_split += runs_split;
        self.receives += receives;
        self.receive_errors += receive_errors;
        self.rebinds += rebinds;
        self.streams += streams;
        self.streams_failed += streams_failed;
        self.stream_bytes_sent += stream_bytes_sent;
        self.stream_bytes_received += stream_bytes_received;
        self.stream_drops += stream_drops;
        self.lookups_failed += lookups_failed;
    }
}

/// Maps RTP timestamps to moments: `rtp_time` was captured at `at`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RtpClock {
    /// 90 kHz.
    pub rtp_time: u32,
    /// The moment.
    pub at: Instant,
    /// How long each stage of a frame took of late.
    pub stages: StageTimes,
}
