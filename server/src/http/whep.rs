//! WHEP (draft-ietf-wish-whep), with the trickling and ICE restart of WHIP (RFC 9725 §4.3).
//!
//! Left out: counter-offers (406), because whoever cannot take our H.264 cannot take anything else
//! from us either.
//!
//! Two things are ours: `GET` of a session says what is wrong with it, and `POST` to its `/report`
//! takes what the viewer's browser saw ([`report`](super::report)) and answers the same as `GET`.
//! ```text
//! {"code":null}                                          nothing
//! {"code":"forward-missing","severity":"failed|degraded","sentence":"…","advice":"…"}
//! ```
//! Callers of this machine are told "fix" and "evidence" too. A session that ended with a verdict
//! answers for another minute. An offer refused with a verdict has its code in the header
//! `Pinhole-Verdict`.

use std::sync::Arc;
use std::time::SystemTime;

use axum::Json;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use axum::response::{IntoResponse as _, Response};
use pinhole_core::OfferError;
use pinhole_core::diagnose::Diagnosis;
use pinhole_runtime::HandleError;
use serde_json::{Value, json};

use super::App;
use super::access::Admitted;
use super::caller::Caller;
use super::refusal::Refusal;
use super::report::REPORT_BYTES_MAX;
use super::{limits, report as reports};
use crate::ice_servers::link_headers;
use crate::sessions::{ReportError, unguessable};
use crate::verdicts::Words;

const SDP: &str = "application/sdp";
const FRAGMENT: &str = "application/trickle-ice-sdpfrag";
const ACCEPT_POST: HeaderName = HeaderName::from_static("accept-post");
const ACCEPT_PATCH: HeaderName = HeaderName::from_static("accept-patch");

/// `POST /whep`: an offer; 201 with the answer.
pub(super) async fn offer(
    _: Admitted,
    caller: Caller,
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    limits::check_type(&headers, SDP)?;
    check_accept(&headers)?;
    let sdp = limits::read_text(&app.limits, &headers, body).await?;
    if let Some(fault) = app.health.fault() {
        return Err(Refusal::later(format!("there is no picture to send: {fault}")));
    }
    let session = app.sessions.offer_whep(sdp, caller).await?;
    let mut response = (StatusCode::CREATED, session.answer).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(SDP));
    headers.insert(header::LOCATION, ascii(&format!("/whep/{}", session.resource)));
    headers.insert(header::ETAG, ascii(&session.etag));
    headers.insert(ACCEPT_PATCH, HeaderValue::from_static(FRAGMENT));
    add_links(&app, headers);
    Ok(response)
}

/// `OPTIONS /whep`: what may be posted, and with the token the ICE servers, RFC 9725 §4.6.
pub(super) async fn options(
    admitted: Result<Admitted, Refusal>,
    State(app): State<Arc<App>>,
) -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    let headers = response.headers_mut();
    headers.insert(header::ALLOW, HeaderValue::from_static("POST, HEAD, OPTIONS"));
    headers.insert(ACCEPT_POST, HeaderValue::from_static(SDP));
    // A browser's preflight carries no token.
    if admitted.is_ok() {
        add_links(&app, headers);
    }
    response
}

/// `HEAD /whep`: lets a player find out that this is a WHEP endpoint.
pub(super) async fn head(_: Admitted) -> Response {
    let mut response = StatusCode::OK.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(SDP));
    headers.insert(ACCEPT_POST, HeaderValue::from_static(SDP));
    response
}

/// `OPTIONS` of a session.
pub(super) async fn options_resource() -> Response {
    let allow = HeaderValue::from_static("GET, HEAD, PATCH, DELETE, OPTIONS");
    let patch = HeaderValue::from_static(FRAGMENT);
    (StatusCode::NO_CONTENT, [(header::ALLOW, allow), (ACCEPT_PATCH, patch)]).into_response()
}

/// `PATCH` of a session: candidates (204), or new credentials, an ICE restart (200 with ours and a
/// new ETag).
pub(super) async fn patch(
    _: Admitted,
    State(app): State<Arc<App>>,
    Path(resource): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let (id, etag) = app.sessions.whep(&resource).ok_or_else(no_session)?;
    limits::check_type(&headers, FRAGMENT)
        .map_err(|refusal| refusal.with(ACCEPT_PATCH, HeaderValue::from_static(FRAGMENT)))?;
    check_match(&headers, &etag)?;
    let fragment = limits::read_text(&app.limits, &headers, body).await?;
    match app.handle.handle_fragment(id, fragment).await {
        Ok(None) => Ok(StatusCode::NO_CONTENT.into_response()),
        Ok(Some(ours)) => {
            let etag = ascii(&app.sessions.restarted(id));
            let kind = HeaderValue::from_static(FRAGMENT);
            Ok(([(header::CONTENT_TYPE, kind), (header::ETAG, etag)], ours).into_response())
        }
        Err(HandleError::Refused(OfferError::NoSession)) => Err(no_session()),
        Err(HandleError::Refused(error)) => {
            Err(Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, error.to_string()))
        }
        Err(error) => Err(error.into()),
    }
}

/// `DELETE` of a session.
pub(super) async fn delete(
    _: Admitted,
    State(app): State<Arc<App>>,
    Path(resource): Path<String>,
) -> Result<StatusCode, Refusal> {
    let (id, _) = app.sessions.whep(&resource).ok_or_else(no_session)?;
    app.sessions.close(id).await;
    Ok(StatusCode::OK)
}

/// `GET` of a session: what is wrong with it.
pub(super) async fn diagnosis(
    _: Admitted,
    caller: Caller,
    State(app): State<Arc<App>>,
    Path(resource): Path<String>,
) -> Result<Json<Value>, Refusal> {
    let diagnosis = app.sessions.whep_diagnosis(&resource).ok_or_else(no_session)?;
    Ok(Json(told(diagnosis.as_deref(), caller)))
}

/// `POST` to a session's `/report`: what the viewer's browser saw.
pub(super) async fn report(
    _: Admitted,
    caller: Caller,
    State(app): State<Arc<App>>,
    Path(resource): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Value>, Refusal> {
    let (id, _) = app.sessions.whep(&resource).ok_or_else(no_session)?;
    limits::check_type(&headers, "application/json")?;
    let text = limits::read_text(&app.limits, &headers, body).await?;
    if text.len() > REPORT_BYTES_MAX {
        let text = format!("the report is too long; at most {REPORT_BYTES_MAX} bytes are taken");
        return Err(Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, text));
    }
    let wrong = |text: String| Refusal::new(StatusCode::BAD_REQUEST, text);
    let report = reports::read(&text).map_err(wrong)?;
    app.sessions.report(id, report).await.map_err(|error| match error {
        ReportError::NoSession => no_session(),
        ReportError::TooOften => {
            let second = HeaderValue::from_static("1");
            Refusal::new(StatusCode::TOO_MANY_REQUESTS, error.to_string())
                .with(header::RETRY_AFTER, second)
        }
        ReportError::Busy(text) => Refusal::later(text),
    })?;
    let diagnosis = app.sessions.whep_diagnosis(&resource).flatten();
    Ok(Json(told(diagnosis.as_deref(), caller)))
}

fn told(diagnosis: Option<&Diagnosis>, caller: Caller) -> Value {
    match diagnosis {
        None => json!({"code": null}),
        Some(diagnosis) => json!(Words::of(diagnosis, caller.audience())),
    }
}

fn no_session() -> Refusal {
    let text = "there is no such session; it may have ended: make a new offer to /whep";
    Refusal::new(StatusCode::NOT_FOUND, text)
}

fn check_accept(headers: &HeaderMap) -> Result<(), Refusal> {
    let Some(accept) = headers.get(header::ACCEPT) else { return Ok(()) };
    let taken = |part: &str| {
        let essence = part.split(';').next().unwrap_or_default().trim();
        ["*/*", "application/*", SDP].iter().any(|known| essence.eq_ignore_ascii_case(known))
    };
    match accept.to_str().unwrap_or_default() {
        "" => Ok(()),
        accept if accept.split(',').any(taken) => Ok(()),
        _ => Err(Refusal::new(
            StatusCode::NOT_ACCEPTABLE,
            format!("the answer is {SDP}, which the Accept header does not take"),
        )
        .and_close()),
    }
}

/// RFC 9725 §4.3.1: trickling needs the ETag of the ICE generation; `*` says that a restart is
/// meant.
fn check_match(headers: &HeaderMap, etag: &str) -> Result<(), Refusal> {
    let Some(shown) = headers.get(header::IF_MATCH) else {
        let text = "If-Match is missing: send the session's ETag, or \"*\" for an ICE restart";
        return Err(Refusal::new(StatusCode::PRECONDITION_REQUIRED, text).and_close());
    };
    let shown = shown.to_str().unwrap_or_default();
    let matches = |part: &str| matches!(part, "*" | "\"*\"") || part == etag;
    if shown.split(',').map(str::trim).any(matches) {
        return Ok(());
    }
    let text = "If-Match is not the ETag of the session's present ICE credentials";
    Err(Refusal::new(StatusCode::PRECONDITION_FAILED, text).and_close())
}

fn add_links(app: &App, headers: &mut HeaderMap) {
    let user = &unguessable()[..8];
    for link in link_headers(&app.ice_servers.for_viewer(SystemTime::now(), user)) {
        // Credentials in other alphabets than ASCII travel as they are.
        if let Ok(value) = HeaderValue::from_bytes(link.as_bytes()) {
            headers.append(header::LINK, value);
        }
    }
}

fn ascii(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).expect("hexadecimal digits and quotes are ASCII")
}
