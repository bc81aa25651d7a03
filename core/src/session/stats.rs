//! A session seen from outside.

use std::net::SocketAddr;
use std::time::Duration;

use super::state::{SessionId, SessionState};

/// One session, seen from outside.
#[derive(Debug, Clone, PartialEq)]
pub struct SessionStats {
    /// Which.
    pub id: SessionId,
    /// State.
    pub state: SessionState,
    /// Where its packets go now.
    pub remote: Option<SocketAddr>,
    /// Round trip.
    pub rtt: Option<Duration>,
    /// Fraction of packets that the viewer reports lost, 0..=1.
    pub loss: Option<f32>,
    /// Frames sent to it.
    pub frames: u64,
    /// Frames it lost whole.
    pub frames_skipped: u64,
}
