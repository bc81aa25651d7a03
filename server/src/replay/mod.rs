//! `pinhole replay FILE`: what happened in a recorded session, told so that a person can follow it,
//! and whether it would be decided the same by this version.
//!
//! The file is read here; running it again is the core's ([`pinhole_core::trace::replay`]), and so
//! is comparing. [`story`] chooses what is told, [`words`] says it, [`table`] sets it.

mod json;
mod story;
mod table;
mod words;

use std::fs::File;
use std::io::BufReader;
use std::path::PathBuf;
use std::time::Instant;

use pinhole_core::trace::{
    Comparison, RecordError, Recording, ReplayError, Replayed, STEPS_MAX, compare, replay,
};
use pinhole_core::{Certificate, CertificateError};

use crate::settings::ReplaySettings;

/// What is printed, and what the exit code says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// The table, or JSON.
    pub text: String,
    /// Whether both runs decided the same.
    pub is_same: bool,
}

/// Why a recording is not told. The text says what is wrong and what to do.
#[derive(Debug, thiserror::Error)]
pub enum ReplayCommandError {
    /// No such file, or none that may be read.
    #[error("cannot open {0}: {1}")]
    Open(PathBuf, std::io::Error),
    /// It is no recording, or a damaged one.
    #[error("{0}: {1}")]
    Read(PathBuf, RecordError),
    /// No endpoint can be made from it.
    #[error("{0}: {1}")]
    Replay(PathBuf, ReplayError),
    /// The session is not in it.
    #[error("{0}: there is no session {1}; it has {2}")]
    NoSession(PathBuf, u64, String),
    /// The crypto library failed.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
}

/// Reads a recording, runs it again, and tells both. `columns` and `colours` are the terminal's.
pub fn run(
    settings: &ReplaySettings,
    columns: usize,
    colours: bool,
) -> Result<Told, ReplayCommandError> {
    let path = || settings.file.clone();
    let file = File::open(&settings.file).map_err(|e| ReplayCommandError::Open(path(), e))?;
    let recording = Recording::read(BufReader::new(file))
        .map_err(|error| ReplayCommandError::Read(path(), error))?;
    if let Some(session) = settings.session {
        let sessions = story::sessions(&recording);
        if !sessions.contains(&session) {
            let known: Vec<String> = sessions.iter().map(u64::to_string).collect();
            let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
            return Err(ReplayCommandError::NoSession(path(), session, known));
        }
    }
    let again = again(&recording).map_err(|error| match error {
        AgainError::Replay(error) => ReplayCommandError::Replay(path(), error),
        AgainError::Certificate(error) => error.into(),
    })?;
    Ok(tell(settings, &recording, &again, columns, colours))
}

/// A re-run and what it was found to be.
#[derive(Debug)]
pub struct Again {
    /// What it decided.
    pub replayed: Replayed,
    /// Beside what was recorded.
    pub comparison: Comparison,
}

/// Why there is no re-run.
#[derive(Debug, thiserror::Error)]
pub enum AgainError {
    /// The header is damaged.
    #[error(transparent)]
    Replay(#[from] ReplayError),
    /// The crypto library failed.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
}

/// Runs a recording again and compares.
pub fn again(recording: &Recording) -> Result<Again, AgainError> {
    let certificate = Certificate::generate()?;
    let replayed = replay(Instant::now(), recording, &certificate, STEPS_MAX)?;
    let comparison = compare(recording, &replayed);
    Ok(Again { replayed, comparison })
}

/// Tells a recording and its re-run.
pub fn tell(
    settings: &ReplaySettings,
    recording: &Recording,
    again: &Again,
    columns: usize,
    colours: bool,
) -> Told {
    let is_same = again.comparison.is_same();
    let rows = story::rows(recording, again, settings.session, settings.verbose);
    let text = match settings.json {
        true => format!("{:#}\n", json::json(recording, again, &rows)),
        false => table::table(&rows, again, columns, colours),
    };
    Told { text, is_same }
}
