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

mod connecting;
mod diagnosis;
mod evidence;
mod facts;
mod playing;
mod ports;
mod reachability;
mod servers;
mod surroundings;
mod verdict;
mod words;

pub use diagnosis::{Diagnosis, Severity};
pub use facts::{Media, SessionFacts, Stage};
pub use surroundings::{ClockOffset, PortFacts, Proof, Surroundings, Witness};
pub use verdict::Verdict;

pub use crate::gather::{Answer, ServerFacts};
pub use crate::session::{BrowserReport, Checks, Dtls, IceError, ViewerCandidate};

use crate::sdp::OfferError;
use crate::session::CloseCause;

/// What is wrong, before it is put into words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Cause {
    verdict: Verdict,
    /// The server that it is about, by its place.
    server: Option<usize>,
    /// The mapped port that it is about, by its place.
    port: Option<usize>,
}

impl Cause {
    fn of(verdict: Verdict) -> Cause {
        Cause { verdict, server: None, port: None }
    }

    fn server(verdict: Verdict, server: usize) -> Cause {
        Cause { server: Some(server), ..Cause::of(verdict) }
    }

    fn port(verdict: Verdict, port: usize) -> Cause {
        Cause { port: Some(port), ..Cause::of(verdict) }
    }
}

/// What is wrong and what it costs, before it is put into words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Judgement {
    cause: Cause,
    severity: Severity,
}

impl Judgement {
    pub(crate) fn verdict(&self) -> Verdict {
        self.cause.verdict
    }

    /// Puts it into words, with the facts that it was made from.
    pub(crate) fn put(&self, surroundings: &Surroundings, session: &SessionFacts) -> Diagnosis {
        words::put(self.cause, self.severity, surroundings, Some(session))
    }
}

/// Judges one session. `None`: nothing is wrong with it, or it is too early to tell.
pub fn diagnose(surroundings: &Surroundings, session: &SessionFacts) -> Option<Diagnosis> {
    judge(surroundings, session).map(|judgement| judgement.put(surroundings, session))
}

/// The same without words, for whoever asks often and seldom hears anything new.
pub(crate) fn judge(surroundings: &Surroundings, session: &SessionFacts) -> Option<Judgement> {
    let gave_up = session.is_given_up();
    let (cause, severity) = match (session.stage, session.connected_for) {
        (Stage::Connected, _) if !gave_up => playing::judge(surroundings, session)?,
        (Stage::Connected, _) => (playing::judge_loss(session), Severity::Failed),
        (Stage::Ended(CloseCause::Local | CloseCause::Remote), Some(_)) if !gave_up => return None,
        (Stage::Interrupted | Stage::Ended(_), Some(_)) => {
            (playing::judge_loss(session), Severity::Failed)
        }
        (Stage::Connecting | Stage::Interrupted | Stage::Ended(_), None) => {
            let cause = connecting::judge(surroundings, session)?;
            // Pages are reloaded, and nobody need be woken for it.
            let harmless = cause.verdict == Verdict::GaveUp;
            (cause, if harmless { Severity::Degraded } else { Severity::Failed })
        }
        (Stage::Connecting, Some(_)) => return None,
    };
    Some(Judgement { cause, severity })
}

/// Judges one server, by its place, as a session that needs it would suffer from it. `None`: nothing
/// is wrong with it, or it has not been heard.
pub fn examine_server(surroundings: &Surroundings, place: usize) -> Option<Diagnosis> {
    let cause = servers::judge(surroundings, place)?;
    Some(words::put(cause, Severity::Failed, surroundings, None))
}

/// Judges an offer that was refused. `None`: it is wrong in itself, and its error says how.
pub fn of_refusal(error: &OfferError) -> Option<Diagnosis> {
    let OfferError::NoH264(offered) = error else { return None };
    let cause = Cause::of(Verdict::NoH264);
    let mut diagnosis = words::put(cause, Severity::Failed, &Surroundings::default(), None);
    diagnosis.evidence = vec![format!("the offer has: {offered}")];
    Some(diagnosis)
}

/// Judges the surroundings alone, as far as anybody outside would suffer; the worst first. None of
/// them [`Severity::Failed`]: as far as is known, a viewer outside would connect.
pub fn examine(surroundings: &Surroundings) -> Vec<Diagnosis> {
    let mut causes = reachability::causes(surroundings);
    causes.sort_by_key(|(_, severity)| std::cmp::Reverse(*severity));
    let put = |(cause, severity)| words::put(cause, severity, surroundings, None);
    causes.into_iter().map(put).collect()
}

#[cfg(test)]
mod tests;
