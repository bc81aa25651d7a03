//! Encoded pictures.

use std::time::Instant;

/// One encoded picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessUnit {
    /// Annex B, SPS and PPS before each IDR.
    pub data: Vec<u8>,
    /// Whether it holds an IDR picture.
    pub keyframe: bool,
    /// When the picture was captured. For paced sources the moment it was due, so that RTP times are
    /// even. Always later than that of the one before.
    pub captured: Instant,
    /// When encoding ended.
    pub encoded: Instant,
    /// Counts the source's pictures, from 0; gaps are pictures that were dropped before the encoder.
    pub sequence: u64,
}
