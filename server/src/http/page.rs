//! The page and the player, and the pages on verdicts, built into the program.

use std::sync::LazyLock;

use aws_lc_rs::digest;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::http::header::{self, HeaderMap, HeaderValue};
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;

use super::markdown;
use super::refusal::Refusal;

/// Name and bytes of each file of `web/`, listed by the build script.
const FILES: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/web.rs"));

/// Name and bytes of each file of `docs/verdicts/`.
const VERDICTS: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/verdicts.rs"));

/// The page's name in [`FILES`].
const INDEX: &str = "index.html";

/// The ETag of each file, in the order of [`FILES`].
static TAGS: LazyLock<Vec<HeaderValue>> = LazyLock::new(|| {
    let tag = |bytes: &[u8]| {
        let digest = digest::digest(&digest::SHA256, bytes);
        let text = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(&digest.as_ref()[..12]);
        HeaderValue::from_str(&format!("\"{text}\"")).expect("base64 is ASCII")
    };
    FILES.iter().map(|(_, bytes)| tag(bytes)).collect()
});

/// `GET /`
pub(super) async fn index(headers: HeaderMap) -> Response {
    answer(INDEX, &headers)
}

/// `GET /pinhole.js` and its like.
pub(super) async fn file(Path(name): Path<String>, headers: HeaderMap) -> Response {
    answer(&name, &headers)
}

/// `GET /verdicts/forward-missing` and its like.
pub(super) async fn verdict(Path(code): Path<String>) -> Response {
    let code = code.strip_suffix(".md").unwrap_or(&code);
    let page = VERDICTS.iter().find(|(file, _)| file.strip_suffix(".md") == Some(code));
    let Some((_, bytes)) = page else {
        let text = "there is no such verdict; /verdicts/README lists all of them";
        return Refusal::new(StatusCode::NOT_FOUND, text).into_response();
    };
    let title = if code == "README" { "Verdicts" } else { code };
    let html = markdown::page(title, &String::from_utf8_lossy(bytes));
    let kind = HeaderValue::from_static(content_type(INDEX));
    let policy = HeaderValue::from_static(POLICY);
    let headers = [(header::CONTENT_TYPE, kind), (header::CONTENT_SECURITY_POLICY, policy)];
    (headers, html).into_response()
}

fn answer(name: &str, headers: &HeaderMap) -> Response {
    let Some(index) = FILES.iter().position(|(file, _)| *file == name) else {
        return Refusal::new(StatusCode::NOT_FOUND, "there is nothing here").into_response();
    };
    let (_, bytes) = FILES[index];
    let tag = TAGS[index].clone();
    let known = headers
        .get(header::IF_NONE_MATCH)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| value.split(',').any(|known| known.trim() == tag));
    // A new version of the server must never meet an old version of the player: ask every time.
    let cache = HeaderValue::from_static("no-cache");
    let caching = [(header::ETAG, tag), (header::CACHE_CONTROL, cache)];
    if known {
        return (StatusCode::NOT_MODIFIED, caching).into_response();
    }
    let mut response = (caching, bytes).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type(name)));
    if name.ends_with(".html") {
        headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    }
    response
}

/// Nothing but our own files. `ws:` and `wss:` stand beside `'self'` because Safari before 15.4
/// does not count a WebSocket to the same host as `'self'`; `data:` is the page's empty icon.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
     img-src 'self' data:; media-src 'self' blob:; connect-src 'self' ws: wss:; \
     base-uri 'none'; form-action 'none'; \
     frame-ancestors 'self'";

fn content_type(name: &str) -> &'static str {
    match name.rsplit('.').next() {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        _ => "application/octet-stream",
    }
}
