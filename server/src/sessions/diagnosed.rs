//! What is wrong with sessions, and what viewers' browsers report of them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use pinhole_core::diagnose::{Diagnosis, Verdict, of_refusal};
use pinhole_core::{OfferError, SessionId};
use pinhole_runtime::HandleError;

use super::{Departure, Sessions};
use crate::http::report::Report;
use crate::rate::Rate;
use crate::verdicts;

/// Reports of one viewer's browser at once, and a second; those beyond are refused.
const REPORTS_AT_ONCE: f64 = 10.0;
const REPORTS_A_SECOND: f64 = 5.0;

/// How often one viewer's browser may report.
pub(super) fn report_rate() -> Rate {
    Rate::new(Instant::now(), REPORTS_AT_ONCE, REPORTS_A_SECOND)
}

/// Why a report of a browser was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ReportError {
    /// There is no such session, or none any more.
    #[error("there is no such session; it may have ended")]
    NoSession,
    /// They come too fast.
    #[error("reports come too fast; {REPORTS_A_SECOND} a second are taken")]
    TooOften,
    /// The event loop takes none now.
    #[error("{0}")]
    Busy(String),
}

impl Sessions {
    /// The latest sessions that ended with a verdict, and offers that were refused with one, newest
    /// first.
    pub(crate) fn departed(&self) -> Vec<Departure> {
        self.names().departed.newest()
    }

    /// How many sessions have each verdict now; those without one are not counted.
    pub(crate) fn by_verdict(&self) -> BTreeMap<Verdict, usize> {
        let mut counts = BTreeMap::new();
        for live in self.names().live.values() {
            if let Some(diagnosis) = &live.diagnosis {
                *counts.entry(diagnosis.verdict).or_default() += 1;
            }
        }
        counts
    }

    /// How many sessions have a jitter buffer that has drifted up.
    pub(crate) fn drifted(&self) -> usize {
        self.names().live.values().filter(|live| live.buffer.is_drifted()).count()
    }

    /// What is wrong with the session of a WHEP resource, if anything; also for a while after it
    /// ended with a verdict. `None`: there is no such session.
    pub(crate) fn whep_diagnosis(&self, resource: &str) -> Option<Option<Arc<Diagnosis>>> {
        let names = self.names();
        let id = names.resources.get(resource);
        match id.and_then(|id| names.live.get(id)) {
            Some(live) => Some(live.diagnosis.clone()),
            None => names.departed.of_whep(Instant::now(), resource).map(Some),
        }
    }

    /// Takes what a viewer's browser saw.
    pub(crate) async fn report(
        &self,
        id: SessionId,
        Report { browser, playback }: Report,
    ) -> Result<(), ReportError> {
        let now = Instant::now();
        let (number, news) = {
            let mut names = self.names();
            let live = names.live.get_mut(&id).ok_or(ReportError::NoSession)?;
            if !live.reports.take(now) {
                return Err(ReportError::TooOften);
            }
            let level = playback.buffer_level();
            (live.number, level.and_then(|level| live.buffer.on_report(now, level)))
        };
        self.playbacks.count(&playback);
        news.into_iter().for_each(|news| self.playbacks.alarm(number, news));
        match self.handle.report_browser(id, browser).await {
            Ok(true) => Ok(()),
            Ok(false) => Err(ReportError::NoSession),
            Err(error) => Err(ReportError::Busy(error.to_string())),
        }
    }

    pub(super) fn set_diagnosis(&self, id: SessionId, diagnosis: Option<Arc<Diagnosis>>) {
        if let Some(live) = self.names().live.get_mut(&id) {
            live.diagnosis = diagnosis;
        }
    }

    /// An offer that is refused for a reason that has a verdict is told of like a session that
    /// failed.
    pub(super) fn on_refused(
        &self,
        kind: &'static str,
        user_id: Option<String>,
        error: &HandleError<OfferError>,
    ) {
        let HandleError::Refused(error) = error else { return };
        let Some(diagnosis) = of_refusal(error).map(Arc::new) else { return };
        let mut names = self.names();
        names.count += 1;
        let number = names.count;
        let departure = Departure {
            number,
            kind,
            user_id,
            seconds: 0.0,
            diagnosis: diagnosis.clone(),
            resource: None,
            at: Instant::now(),
        };
        names.departed.add(departure);
        drop(names);
        self.verdicts.count(&diagnosis);
        verdicts::log(&format!("viewer {number}"), &diagnosis);
    }
}
