//! What an examination came to: a line for each check, the facts behind them, and the verdicts.

use std::time::Duration;

use pinhole_core::diagnose::{Diagnosis, Severity, Surroundings};

use super::machine::Machine;
use super::ports::Port;
use super::servers::ServerCheck;

/// How a check came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Grade {
    /// As it should be.
    Good,
    /// Worth knowing; whether it hurts depends on the rest.
    Note,
    /// It does not work.
    Bad,
    /// It could not be tried.
    Unknown,
}

/// One line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// What kind of thing was looked at: `stun`, `turn`, `port`, …
    pub area: &'static str,
    /// Which one; empty where there is but one.
    pub subject: String,
    /// How it came out.
    pub grade: Grade,
    /// In words.
    pub text: String,
    /// How long an answer took.
    pub round_trip: Option<Duration>,
    /// The number that says most, for a column of its own; empty where there is none, or where it is
    /// the round trip.
    pub figure: String,
}

/// The outcome of an examination.
#[derive(Debug, Clone)]
pub struct Report {
    /// A line for each check, in the order in which they are shown.
    pub checks: Vec<Check>,
    /// What is wrong and what to do, the worst first.
    pub diagnoses: Vec<Diagnosis>,
    /// What the verdicts stand on.
    pub surroundings: Surroundings,
    /// How long it took.
    pub took: Duration,
    pub(super) servers: Vec<ServerCheck>,
    pub(super) ports: Vec<Port>,
    pub(super) machine: Machine,
}

impl Report {
    /// Whether a viewer outside would connect, as far as could be seen.
    pub fn is_good(&self) -> bool {
        self.diagnoses.iter().all(|diagnosis| diagnosis.severity != Severity::Failed)
    }
}

impl Grade {
    /// Its name in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Grade::Good => "good",
            Grade::Note => "note",
            Grade::Bad => "bad",
            Grade::Unknown => "unknown",
        }
    }
}

impl Check {
    pub(super) fn new(area: &'static str, subject: &str, grade: Grade, text: String) -> Check {
        let (subject, figure) = (subject.to_string(), String::new());
        Check { area, subject, grade, text, round_trip: None, figure }
    }
}
