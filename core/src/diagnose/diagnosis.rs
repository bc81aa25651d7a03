//! What a judgement says.

use super::Verdict;

/// How much a viewer suffers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// It plays, less well than it could.
    Degraded,
    /// There is no picture, or none any more.
    Failed,
}

/// One verdict with its reasons.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnosis {
    /// The cause.
    pub verdict: Verdict,
    /// What it costs.
    pub severity: Severity,
    /// What is wrong: one sentence for people who have never heard of WebRTC. It names no address of
    /// ours, so that viewers may read it.
    pub sentence: String,
    /// What whoever runs the server can do: the exact flag, or the rule of a router or firewall.
    pub fix: String,
    /// What the viewer can do; empty: nothing but to tell whoever runs the server.
    pub advice: String,
    /// The facts that led here, one a line, for people who have.
    pub evidence: Vec<String>,
}
