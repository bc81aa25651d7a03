//! Counters.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counters of a stream, readable from any thread.
#[derive(Debug, Default)]
pub struct StreamStats {
    /// Pictures the source produced.
    pub frames_captured: AtomicU64,
    /// Pictures encoded.
    pub frames_encoded: AtomicU64,
    /// Pictures dropped before the encoder because it was busy.
    pub frames_dropped: AtomicU64,
    /// Pictures left out so that the bitrate is kept to.
    pub frames_thinned: AtomicU64,
    /// Encoded pictures thrown away because the event loop did not take them; an IDR follows.
    pub access_units_dropped: AtomicU64,
    /// Keyframes encoded.
    pub keyframes: AtomicU64,
    /// Those that nobody had asked for: the first of a size and of a back end.
    pub keyframes_unasked: AtomicU64,
    /// Bytes encoded.
    pub bytes: AtomicU64,
    /// Microseconds spent in the encoder, all frames together.
    pub encode_micros: AtomicU64,
}

/// Adds to a counter. Nothing else is ordered by it.
pub(crate) fn add(counter: &AtomicU64, n: u64) {
    counter.fetch_add(n, Ordering::Relaxed);
}
