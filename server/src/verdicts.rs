//! A diagnosis as the log, messages, lists and counters tell it.
//!
//! Its sentence and its advice may go to anybody. Its fix and its evidence name addresses: they are
//! for who runs the server, in the log and for callers of this machine
//! ([`Caller`](crate::http::caller::Caller)).

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use pinhole_core::diagnose::{Diagnosis, Severity, Verdict};
use serde::Serialize;

/// Whom a diagnosis is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Audience {
    /// A viewer, or whoever else may ask.
    Anybody,
    /// Who runs the server.
    Operator,
}

/// A diagnosis as JSON.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Words {
    pub(crate) code: &'static str,
    #[serde(flatten)]
    pub(crate) told: Told,
}

/// What stands beside the code.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Told {
    severity: &'static str,
    sentence: String,
    advice: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    fix: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    evidence: Option<Vec<String>>,
}

impl Words {
    /// What this audience is told.
    pub(crate) fn of(diagnosis: &Diagnosis, audience: Audience) -> Words {
        let operator = audience == Audience::Operator;
        let told = Told {
            severity: severity_label(diagnosis.severity),
            sentence: diagnosis.sentence.clone(),
            advice: diagnosis.advice.clone(),
            fix: operator.then(|| diagnosis.fix.clone()),
            evidence: operator.then(|| diagnosis.evidence.clone()),
        };
        Words { code: diagnosis.verdict.code(), told }
    }
}

/// The name of a severity in metrics and messages.
pub(crate) fn severity_label(severity: Severity) -> &'static str {
    match severity {
        Severity::Failed => "failed",
        Severity::Degraded => "degraded",
    }
}

/// What is wrong with `whom`, and what to do, in one line.
pub(crate) fn line(whom: &str, diagnosis: &Diagnosis) -> String {
    let Diagnosis { verdict, sentence, fix, .. } = diagnosis;
    match fix.as_str() {
        "" => format!("{whom}: [{}] {sentence}", verdict.code()),
        fix => format!("{whom}: [{}] {sentence} — {fix}", verdict.code()),
    }
}

/// Writes that line to the log, as a warning where there is no picture, and the evidence for who
/// looks closer.
pub(crate) fn log(whom: &str, diagnosis: &Diagnosis) {
    let line = line(whom, diagnosis);
    match diagnosis.severity {
        Severity::Failed => tracing::warn!("{line}"),
        Severity::Degraded => tracing::info!("{line}"),
    }
    for fact in &diagnosis.evidence {
        tracing::debug!("{whom}: [{}] {fact}", diagnosis.verdict.code());
    }
}

/// How often each verdict was told, refused offers among them.
#[derive(Debug, Default)]
pub(crate) struct Counts(Mutex<BTreeMap<(Verdict, Severity), u64>>);

impl Counts {
    /// Counts one.
    pub(crate) fn count(&self, diagnosis: &Diagnosis) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *counts.entry((diagnosis.verdict, diagnosis.severity)).or_default() += 1;
    }

    /// All that were told at least once.
    pub(crate) fn all(&self) -> BTreeMap<(Verdict, Severity), u64> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn diagnosis() -> Diagnosis {
        Diagnosis {
            verdict: Verdict::ForwardMissing,
            severity: Severity::Failed,
            sentence: "Nothing arrives.".to_string(),
            fix: "forward UDP 10111 to 10.0.0.5".to_string(),
            advice: String::new(),
            evidence: vec!["no check came to 10.0.0.5:10111".to_string()],
        }
    }

    #[test]
    fn a_line_has_the_code_the_sentence_and_the_fix() {
        assert_eq!(
            line("viewer 3", &diagnosis()),
            "viewer 3: [forward-missing] Nothing arrives. — forward UDP 10111 to 10.0.0.5"
        );
        let helpless = Diagnosis { fix: String::new(), ..diagnosis() };
        assert_eq!(line("viewer 3", &helpless), "viewer 3: [forward-missing] Nothing arrives.");
    }

    #[test]
    fn what_names_addresses_is_for_the_operator_alone() {
        let anybody = serde_json::to_value(Words::of(&diagnosis(), Audience::Anybody)).unwrap();
        assert_eq!(
            anybody,
            serde_json::json!({"code": "forward-missing", "severity": "failed",
                "sentence": "Nothing arrives.", "advice": ""})
        );
        let operator = serde_json::to_value(Words::of(&diagnosis(), Audience::Operator)).unwrap();
        assert_eq!(operator["fix"], "forward UDP 10111 to 10.0.0.5");
        assert_eq!(operator["evidence"][0], "no check came to 10.0.0.5:10111");
    }

    #[test]
    fn each_verdict_is_counted_by_its_severity() {
        let counts = Counts::default();
        counts.count(&diagnosis());
        counts.count(&diagnosis());
        counts.count(&Diagnosis { severity: Severity::Degraded, ..diagnosis() });
        let all: Vec<u64> = counts.all().into_values().collect();
        assert_eq!(all, [1, 2]);
    }
}
