//! Why a viewer sees no picture, in words: from what is known to a [`Diagnosis`].
//!
//! A pure function over plain values. [`SessionFacts`] is what an endpoint saw of one session,
//! [`Surroundings`] what is known of the network around it: servers asked, ports proved, the NAT
//! in front. [`diagnose`] judges one session by both; [`examine`] judges the surroundings alone,
//! before anybody connects. Both speak in the same verdicts, so that what a check before the start
//! says is what a failed session would say.
//!
//! ```text
//!  endpoint ── SessionFacts ─┐
//!                            ├─▶ diagnose ─▶ Diagnosis { verdict, sentence, fix, evidence }
//!  shell ───── Surroundings ─┤
//!                            └─▶ examine ──▶ [Diagnosis]
//! ```
//!
//! Each [`Verdict`] has a stable code, a page in `docs/verdicts/`, and one cause: a fault that can
//! be told from its neighbours by evidence is a verdict of its own, one that cannot is not. No
//! failed session is without one; [`Verdict::Unknown`] carries all facts as its evidence.

mod diagnosis;
mod facts;
mod surroundings;
mod verdict;

pub use diagnosis::{Diagnosis, Severity};
pub use facts::{
    BrowserReport, Checks, Dtls, IceError, Media, SessionFacts, Stage, ViewerCandidate,
};
pub use surroundings::{Answer, ClockOffset, PortFacts, Proof, ServerFacts, Surroundings, Witness};
pub use verdict::Verdict;

/// Judges one session. `None`: nothing is wrong with it.
pub fn diagnose(surroundings: &Surroundings, session: &SessionFacts) -> Option<Diagnosis> {
    let _ = (surroundings, session);
    None
}

/// Judges an offer that was refused. `None`: it is wrong in itself, and its error says how.
pub fn of_refusal(error: &crate::sdp::OfferError) -> Option<Diagnosis> {
    let _ = error;
    None
}

/// Judges the surroundings alone, as far as anybody outside would suffer. Empty: a viewer outside
/// would connect. The worst first.
pub fn examine(surroundings: &Surroundings) -> Vec<Diagnosis> {
    let _ = surroundings;
    Vec::new()
}
