//! Counters and gauges.

use std::collections::BTreeMap;

use crate::session::CloseCause;
use crate::wire::DropReason;

/// Counters of an endpoint since its start, and gauges of now.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EndpointStats {
    /// Sessions by state: connecting, connected, interrupted.
    pub connecting: usize,
    /// Connected sessions.
    pub connected: usize,
    /// Interrupted sessions.
    pub interrupted: usize,
    /// Offers accepted.
    pub sessions_total: u64,
    /// Sessions ended, by cause.
    pub closed_total: BTreeMap<CloseCause, u64>,
    /// Datagrams dropped, by reason.
    pub dropped_total: BTreeMap<DropReason, u64>,
    /// Datagrams received.
    pub datagrams_received_total: u64,
    /// Datagrams handed out for sending.
    pub datagrams_sent_total: u64,
    /// Their bytes.
    pub bytes_sent_total: u64,
    /// Frames handed in.
    pub frames_total: u64,
    /// Keyframes handed in.
    pub keyframes_total: u64,
    /// Frames that a viewer lost whole, over all viewers.
    pub frames_skipped_total: u64,
    /// PLI and FIR received from viewers.
    pub keyframe_requests_total: u64,
    /// NACKed packets sent again.
    pub nacks_total: u64,
}
