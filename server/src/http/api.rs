//! What pages and operators ask besides media: ICE servers, sessions, health.

use std::sync::Arc;
use std::time::SystemTime;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use pinhole_core::SessionState;
use pinhole_core::diagnose::Diagnosis;
use serde::Serialize;

use super::App;
use super::access::Admitted;
use super::caller::Caller;
use super::labels::path_label;
use super::refusal::Refusal;
use crate::ice_servers::IceServer;
use crate::sessions::{Departure, unguessable};
use crate::verdicts::{Told, Words};

/// `GET /healthz`: 200 while the stream works.
pub(super) async fn healthz(State(app): State<Arc<App>>) -> Response {
    match app.health.fault() {
        None => app.health.good_words().into_response(),
        Some(fault) => Refusal::new(StatusCode::SERVICE_UNAVAILABLE, fault).into_response(),
    }
}

/// `GET /api/ice-servers`: the value for `RTCPeerConnection`'s `iceServers`.
pub(super) async fn ice_servers(_: Admitted, State(app): State<Arc<App>>) -> Json<Vec<IceServer>> {
    let user = &unguessable()[..8];
    Json(app.ice_servers.for_viewer(SystemTime::now(), user))
}

/// One session, without what would let a reader take it over, and without addresses; those stand in
/// `fix` and `evidence`, which only callers of this machine are told: viewers hold the token too.
#[derive(Serialize)]
pub(super) struct SessionEntry {
    number: u64,
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_id: Option<String>,
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<&'static str>,
    seconds: f64,
    rtt_ms: Option<f64>,
    loss: Option<f32>,
    frames: u64,
    frames_skipped: u64,
    /// Bits per second that its path is thought to take.
    #[serde(skip_serializing_if = "Option::is_none")]
    estimate_bps: Option<u64>,
    #[serde(flatten)]
    diagnosis: Option<VerdictFields>,
}

/// What is wrong with a session.
#[derive(Serialize)]
struct VerdictFields {
    verdict: &'static str,
    #[serde(flatten)]
    told: Told,
}

impl VerdictFields {
    fn of(diagnosis: &Diagnosis, caller: Caller) -> VerdictFields {
        let Words { code, told } = Words::of(diagnosis, caller.audience());
        VerdictFields { verdict: code, told }
    }
}

/// A session that ended with a verdict, or an offer that was refused with one.
#[derive(Serialize)]
pub(super) struct EndedEntry {
    number: u64,
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_id: Option<String>,
    seconds: f64,
    #[serde(flatten)]
    diagnosis: VerdictFields,
}

/// `GET /api/sessions`
pub(super) async fn sessions(
    _: Admitted,
    caller: Caller,
    State(app): State<Arc<App>>,
) -> Result<Json<Vec<SessionEntry>>, Refusal> {
    let snapshot =
        app.handle.snapshot().await.map_err(|error| Refusal::later(error.to_string()))?;
    let entry = |stats: pinhole_core::SessionStats| {
        let listed = app.sessions.listed(stats.id)?;
        Some(SessionEntry {
            number: listed.number,
            kind: listed.kind,
            user_id: listed.user_id,
            state: match stats.state {
                SessionState::Connecting => "connecting",
                SessionState::Connected => "connected",
                SessionState::Interrupted => "interrupted",
                SessionState::Closed(_) => return None,
            },
            path: stats.path.map(|path| path_label(path.kind)),
            seconds: listed.seconds,
            rtt_ms: stats.rtt.map(|rtt| rtt.as_secs_f64() * 1e3),
            loss: stats.loss,
            frames: stats.frames,
            frames_skipped: stats.frames_skipped,
            estimate_bps: stats.estimate,
            diagnosis: listed.diagnosis.map(|found| VerdictFields::of(&found, caller)),
        })
    };
    Ok(Json(snapshot.sessions.into_iter().filter_map(entry).collect()))
}

/// `GET /api/sessions/ended`: the latest that ended with a verdict, newest first.
pub(super) async fn ended(
    _: Admitted,
    caller: Caller,
    State(app): State<Arc<App>>,
) -> Json<Vec<EndedEntry>> {
    let entry = |departure: Departure| EndedEntry {
        diagnosis: VerdictFields::of(&departure.diagnosis, caller),
        number: departure.number,
        kind: departure.kind,
        user_id: departure.user_id,
        seconds: departure.seconds,
    };
    Json(app.sessions.departed().into_iter().map(entry).collect())
}
