//! What a client in the lab says.

use super::pair::Pair;

/// What a client says.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// An SDP offer with the candidates gathered so far.
    Offer(String),
    /// ICE is connected, milliseconds after the answer; the pair may be known a little later only.
    Connected {
        /// Since the answer.
        ms: f64,
        /// If known.
        pair: Option<Pair>,
    },
    /// The first picture is decoded, milliseconds after the answer.
    FirstFrame(f64),
    /// How playing goes.
    Frames(Frames),
    /// A state of the connection changed.
    State(String),
    /// A candidate of its own that is found after a restart.
    Candidate(String),
    /// Gaps are counted from here on.
    Marked,
}

/// How playing goes.
#[derive(Debug, Clone, PartialEq)]
pub struct Frames {
    /// Decoded so far.
    pub total: u64,
    /// Since the last one.
    pub since_ms: f64,
    /// Between two pictures since the mark, or since the last one.
    pub longest_gap_ms: f64,
    /// The nominated pair now.
    pub pair: Option<Pair>,
}
