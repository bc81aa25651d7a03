//! `GET /ws/{session_id}`: signalling over a WebSocket.
//!
//! [`messages`] are the words, [`socket`] is one connection, [`offers`] tells a restart from a new
//! viewer. `session_id` is a name of the front
//! end's choice: it and the `user_id` of an offer tell one viewer from another, across reconnects.

pub(crate) mod messages;
mod offers;
mod socket;

use std::sync::Arc;

use axum::extract::ws::WebSocketUpgrade;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::http::header::{HeaderValue, UPGRADE};
use axum::response::Response;

use super::App;
use super::access::Admitted;
use super::caller::Caller;
use super::refusal::Refusal;

/// Bytes of a message beyond which the connection is cut unread. Between
/// [`messages::MESSAGE_BYTES_MAX`] and this a message is read to its end and answered with an
/// error.
const FRAME_BYTES_MAX: usize = 1024 * 1024;
/// Bytes of `session_id`.
const SESSION_ID_BYTES_MAX: usize = 256;

/// Begins a WebSocket, or says in plain HTTP why not: a page whose socket does not open asks that
/// way.
pub(super) async fn upgrade(
    _: Admitted,
    caller: Caller,
    State(app): State<Arc<App>>,
    Path(session_id): Path<String>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Refusal> {
    if session_id.len() > SESSION_ID_BYTES_MAX {
        let text = format!("the session id is longer than {SESSION_ID_BYTES_MAX} bytes");
        return Err(Refusal::new(StatusCode::BAD_REQUEST, text));
    }
    let Ok(permit) = app.sockets.clone().try_acquire_owned() else {
        return Err(Refusal::later("too many WebSockets are open; try again later"));
    };
    let upgrade = upgrade.map_err(|rejection| {
        Refusal::new(StatusCode::UPGRADE_REQUIRED, format!("this is a WebSocket: {rejection}"))
            .with(UPGRADE, HeaderValue::from_static("websocket"))
    })?;
    Ok(upgrade.max_message_size(FRAME_BYTES_MAX).max_frame_size(FRAME_BYTES_MAX).on_upgrade(
        async move |socket| {
            socket::run(app, session_id, caller, socket).await;
            drop(permit);
        },
    ))
}
