//! Runs a recording again: a new endpoint is told what the recorded one was told, at the same
//! times, and what it decides is laid beside what was decided then.
//!
//! [`replay`] makes the endpoint from the header and goes through the entries. Randomness and keys
//! are the re-run's own, so packets are made anew from what the recording tells of them: STUN with
//! the ids, ufrags and passwords of now ([`stun`], [`asked`]), DTLS by a stand-in for each viewer
//! whose records leave when records of their kind came ([`dtls`]), reports of viewers from the sums
//! ([`media`], [`report`]). Time is that of the recording; nothing here waits.
//!
//! [`compare`] says where the decisions are others, up to names that hang on randomness alone. What
//! cannot be run again is told ([`Caveat`]), and never guessed.

mod asked;
mod compare;
mod config;
mod dtls;
mod inputs;
mod media;
mod normal;
mod outputs;
mod packets;
mod report;
mod run;
mod sdp;
mod stun;
mod told;
mod ways;

#[cfg(test)]
mod tests;

use std::time::Instant;

use super::entry::Entry;
use super::read::Recording;
use crate::diagnose::Diagnosis;
use crate::endpoint::ConfigError;
use crate::session::Certificate;

pub use compare::{Comparison, Difference, compare};
pub use ways::Whose;

/// Steps of a re-run that nobody bounds otherwise: calls of the endpoint and runs of packets.
pub const STEPS_MAX: u64 = 50_000_000;

/// What came of running a recording again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replayed {
    /// What the re-run decided, with the numbers of sessions and connections of the recording.
    pub decisions: Vec<Entry>,
    /// What it said of sessions in full, with their numbers in the recording.
    pub diagnoses: Vec<(u64, Diagnosis)>,
    /// Entries of the recording that were run.
    pub entries: usize,
    /// The time of the last of them, microseconds since the start.
    pub until_us: u64,
    /// What of the recording cannot be run again, or was not.
    pub caveats: Vec<Caveat>,
}

/// Why a recording cannot be run at all.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The header names what this version does not know, or what cannot be.
    #[error(
        "line 1 is damaged: its field \"{0}\" holds what no endpoint has; take the line from the \
         recording as it was written"
    )]
    Header(&'static str),
    /// The endpoint refuses it.
    #[error("line 1 is damaged: no endpoint can be made from it: {0}")]
    Config(#[from] ConfigError),
}

/// What a re-run leaves out, or does otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum Caveat {
    /// The recording ends without saying so.
    #[error("the recording has no end: the program was killed, or the file was cut")]
    NoEnd,
    /// The recording was full.
    #[error("the recording was full from {0} µs on; --record-max sets its size")]
    Full(u64),
    /// Entries were lost while recording.
    #[error(
        "{1} entries were lost at {0} µs, because the disk was too slow; it is run up to there"
    )]
    Lost(u64, u64),
    /// Entries were left out for want of room.
    #[error(
        "from {0} µs on only a part was recorded, for want of room; it is run up to there, and \
         --record-max sets the size"
    )]
    Thinned(u64),
    /// More steps than allowed.
    #[error("the re-run was ended at {0} µs: it took more steps than a recording is worth")]
    Steps(u64),
    /// Times that no clock has.
    #[error("the re-run was ended at {0} µs: the next entry is more than a month later")]
    Time(u64),
    /// Lines of a later version.
    #[error("{0} lines are of a later version and were left out")]
    Skipped(usize),
    /// Addresses are others.
    #[error("addresses were hidden when this was recorded: those shown stand for others")]
    Hidden,
    /// Media is told as sums.
    #[error(
        "media of viewers is recorded as sums: {0} of their packets were made anew at even \
         distances, with the losses that were recorded and nothing else in them"
    )]
    Media(u64),
    /// The path's bandwidth was estimated.
    #[error(
        "bandwidth was estimated from feedback that is not recorded: frames may be skipped that were \
         not then"
    )]
    Estimator,
    /// Answers to what the re-run did not ask.
    #[error("{0} recorded answers are to questions that the re-run did not ask")]
    Unasked(u64),
    /// Records of a handshake that the stand-in had not.
    #[error("{0} recorded DTLS datagrams have no counterpart in the re-run's handshake")]
    Handshake(u64),
    /// DTLS 1.3.
    #[error(
        "a viewer spoke DTLS 1.3, whose handshake cannot be told from data; its datagrams were left \
         out"
    )]
    Dtls13,
    /// Inputs for what is not there.
    #[error("{0} inputs are for sessions or connections that the re-run does not have")]
    NoCounterpart(u64),
}

/// Runs a recording again. `start` is any moment, which stands for time 0; `certificate` is shown
/// by both sides; `steps_max` bounds the work ([`STEPS_MAX`] where nothing smaller is meant).
///
/// # Errors
/// The header is damaged.
pub fn replay(
    start: Instant,
    recording: &Recording,
    certificate: &Certificate,
    steps_max: u64,
) -> Result<Replayed, ReplayError> {
    Ok(run::Run::new(start, recording, certificate, steps_max)?.finish())
}
