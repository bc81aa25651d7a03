//! Signalling over HTTP and WebSocket, the page, and what operators ask.
//!
//! [`accept`] takes connections and bounds them, and gives those that speak ICE to the event loop
//! ([`first_bytes`]); [`access`] stands before every route and decides
//! on Host, Origin and CORS, and on the token where a route asks for it; [`caller`] tells who sits at
//! this machine; [`limits`] reads bodies, [`report`] what browsers saw.
//! Then a file a subject: [`whep`], [`ws`], [`page`] (with [`markdown`]), [`metrics`] (with [`labels`] and [`latency`]), [`api`]. All of them speak with
//! the sessions through [`Sessions`], and none touches media.

pub(crate) mod accept;
pub(crate) mod access;
mod api;
pub(crate) mod caller;
mod exposition;
pub(crate) mod first_bytes;
mod labels;
mod latency;
mod limits;
mod markdown;
mod metrics;
mod page;
mod refusal;
pub(crate) mod report;
mod whep;
pub(crate) mod ws;

use std::sync::Arc;

use axum::Router;
use axum::http::StatusCode;
use axum::middleware::from_fn_with_state;
use axum::routing::{any, get, post};
use pinhole_encoder::{StreamFormat, StreamStats};
use pinhole_runtime::Handle;
use tokio::sync::{Semaphore, watch};

use crate::findings::FindingsDesk;
use crate::health::Health;
use crate::ice_servers::IceServers;
use crate::sessions::Sessions;
use crate::settings::HttpLimits;
use access::AccessRules;
use refusal::Refusal;

/// What all handlers share.
pub(crate) struct App {
    pub(crate) handle: Handle,
    pub(crate) sessions: Arc<Sessions>,
    pub(crate) access: AccessRules,
    pub(crate) limits: HttpLimits,
    pub(crate) ice_servers: IceServers,
    pub(crate) health: Health,
    pub(crate) findings: Arc<FindingsDesk>,
    pub(crate) format: StreamFormat,
    pub(crate) stream: Arc<StreamStats>,
    /// A permit a WebSocket.
    pub(crate) sockets: Arc<Semaphore>,
    /// True once the server is shutting down.
    pub(crate) stopping: watch::Receiver<bool>,
}

/// All routes.
pub(crate) fn router(app: Arc<App>) -> Router {
    Router::new()
        .route("/", get(page::index))
        .route("/{file}", get(page::file))
        .route("/verdicts/{code}", get(page::verdict))
        .route("/whep", post(whep::offer).options(whep::options).head(whep::head))
        .route(
            "/whep/{resource}",
            get(whep::diagnosis)
                .patch(whep::patch)
                .delete(whep::delete)
                .options(whep::options_resource),
        )
        .route("/whep/{resource}/report", post(whep::report))
        .route("/ws/{session_id}", get(ws::upgrade))
        .route("/metrics", get(metrics::metrics))
        .route("/healthz", get(api::healthz))
        .route("/api/ice-servers", get(api::ice_servers))
        .route("/api/sessions", get(api::sessions))
        .route("/api/sessions/ended", get(api::ended))
        .fallback(any(async || Refusal::new(StatusCode::NOT_FOUND, "there is nothing here")))
        .method_not_allowed_fallback(async || {
            Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "this method does not apply here")
        })
        .layer(from_fn_with_state(app.clone(), access::guard))
        .with_state(app)
}
