//! What the kernel of a path is told, and what it says.

use std::time::Instant;

use super::arrivals::Arrival;

/// What is known of a path at a moment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct PathReport {
    /// str0m's estimate, bits per second without RTP headers.
    pub(crate) estimate: u64,
    /// Of the last packet that feedback came for.
    pub(crate) arrival: Option<Arrival>,
    /// What part of the packets of the last second was lost, 0..=1.
    pub(crate) loss: f32,
    /// When the viewer's last report came.
    pub(crate) heard: Instant,
}

/// What is to be done about a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Advice {
    Nothing,
    /// Much was lost at a queue that is full; better a keyframe than all of it again.
    GiveUp,
    /// It was cut off, or had nothing to carry, and is back: let str0m begin anew from this estimate, bits per second.
    BeginFrom(u64),
}
