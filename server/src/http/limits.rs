//! Reading a request's body within bounds of time and size.

use axum::body::Body;
use axum::http::StatusCode;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderMap};
use futures_util::StreamExt as _;
use tokio::time::timeout;

use super::refusal::Refusal;
use crate::settings::HttpLimits;

/// Refuses another content type than `wanted`; parameters such as a charset do not matter.
pub(super) fn check_type(headers: &HeaderMap, wanted: &str) -> Result<(), Refusal> {
    let found =
        headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("nothing");
    let essence = found.split(';').next().unwrap_or_default().trim();
    if essence.eq_ignore_ascii_case(wanted) {
        return Ok(());
    }
    // What the client wrote goes back to it alone, and is ASCII.
    let text = format!("the Content-Type must be {wanted}, not {essence}");
    Err(Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, text).and_close())
}

/// Reads a text: 413 if it is too long, 408 if it takes too long, 400 if it is none.
pub(super) async fn read_text(
    limits: &HttpLimits,
    headers: &HeaderMap,
    body: Body,
) -> Result<String, Refusal> {
    let most = limits.body_bytes;
    let too_long = || {
        let text = format!("the body is too long; at most {most} bytes are taken");
        Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, text).and_close()
    };
    let announced =
        headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    if announced.is_some_and(|length: u64| length > most as u64) {
        return Err(too_long());
    }
    let read = async {
        let mut chunks = body.into_data_stream();
        let mut bytes = Vec::new();
        while let Some(chunk) = chunks.next().await {
            let chunk = chunk.map_err(|_| {
                Refusal::new(StatusCode::BAD_REQUEST, "the body ended early").and_close()
            })?;
            if bytes.len() + chunk.len() > most {
                return Err(too_long());
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(bytes)
    };
    let bytes = timeout(limits.body_time, read).await.map_err(|_| {
        let text = format!("the body did not arrive within {} s", limits.body_time.as_secs_f32());
        Refusal::new(StatusCode::REQUEST_TIMEOUT, text).and_close()
    })??;
    String::from_utf8(bytes)
        .map_err(|_| Refusal::new(StatusCode::BAD_REQUEST, "the body is not UTF-8 text"))
}
