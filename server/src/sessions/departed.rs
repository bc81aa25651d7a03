//! Sessions that ended with a verdict, for who asks a little later: a page over WHEP, whose server
//! cannot speak of its own accord, and an operator.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use pinhole_core::diagnose::Diagnosis;

/// Kept; the oldest makes room.
const KEPT_MAX: usize = 64;
/// Listed for operators.
const LISTED_MAX: usize = 16;
/// How long a WHEP session that has ended still says why.
const ANSWERS_FOR: Duration = Duration::from_secs(60);

/// One of them.
#[derive(Debug, Clone)]
pub(crate) struct Departure {
    pub(crate) number: u64,
    pub(crate) kind: &'static str,
    pub(crate) user_id: Option<String>,
    /// How long it lived.
    pub(crate) seconds: f64,
    pub(crate) diagnosis: Arc<Diagnosis>,
    /// The last part of its path, for WHEP.
    pub(super) resource: Option<String>,
    pub(super) at: Instant,
}

/// All that are remembered, oldest first.
#[derive(Debug, Default)]
pub(super) struct Departed(VecDeque<Departure>);

impl Departed {
    pub(super) fn add(&mut self, departure: Departure) {
        if self.0.len() == KEPT_MAX {
            self.0.pop_front();
        }
        self.0.push_back(departure);
    }

    /// Why a WHEP session ended, if that was a moment ago.
    pub(super) fn of_whep(&self, now: Instant, resource: &str) -> Option<Arc<Diagnosis>> {
        let newest = self.0.iter().rev();
        let found = newest.filter(|departure| now < departure.at + ANSWERS_FOR);
        let mut found = found.filter(|departure| departure.resource.as_deref() == Some(resource));
        found.next().map(|departure| departure.diagnosis.clone())
    }

    /// The newest, newest first.
    pub(super) fn newest(&self) -> Vec<Departure> {
        self.0.iter().rev().take(LISTED_MAX).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use pinhole_core::diagnose::{Severity, Verdict};

    use super::*;

    fn departure(number: u64) -> Departure {
        Departure {
            number,
            kind: "whep",
            user_id: None,
            seconds: 1.0,
            diagnosis: Arc::new(Diagnosis {
                verdict: Verdict::GaveUp,
                severity: Severity::Failed,
                sentence: String::new(),
                fix: String::new(),
                advice: String::new(),
                evidence: Vec::new(),
            }),
            resource: Some(format!("r{number}")),
            at: Instant::now(),
        }
    }

    #[test]
    fn a_session_says_why_it_ended_for_a_minute() {
        let mut departed = Departed::default();
        departed.add(departure(1));
        let ended = departed.0[0].at;
        let within = ended + Duration::from_secs(59);
        assert!(departed.of_whep(within, "r1").is_some());
        assert!(departed.of_whep(within, "r2").is_none());
        assert!(departed.of_whep(ended + Duration::from_secs(61), "r1").is_none());
        assert_eq!(departed.newest().len(), 1, "operators read it longer");
    }

    #[test]
    fn the_newest_are_kept_and_fewer_listed() {
        let mut departed = Departed::default();
        (1..=70).for_each(|number| departed.add(departure(number)));
        let now = Instant::now();
        assert!(departed.of_whep(now, "r6").is_none());
        assert!(departed.of_whep(now, "r7").is_some());
        let listed: Vec<u64> = departed.newest().iter().map(|one| one.number).collect();
        assert_eq!(listed, (55..=70).rev().collect::<Vec<_>>());
    }
}
