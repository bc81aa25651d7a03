//! Who may ask, and from which page.
//!
//! - Host: while HTTP listens on loopback, a name that merely resolves to us is refused; otherwise
//!   a page of any site could reach us through DNS rebinding.
//! - Origin, RFC 6454: our own, or one that is allowed. Programs that are no browsers send none.
//! - Token: a bearer token (RFC 6750) in the Authorization header, or `?token=` where a page cannot
//!   set headers.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{FromRequestParts, Query, Request, State};
use axum::http::header::{self, HeaderMap, HeaderValue};
use axum::http::request::Parts;
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;
use subtle::ConstantTimeEq as _;

use super::App;
use super::refusal::Refusal;
use crate::origin::{AllowedOrigin, Origin};
use crate::settings::{Access, Settings};

const ALLOW_METHODS: HeaderValue =
    HeaderValue::from_static("GET, POST, PATCH, DELETE, OPTIONS, HEAD");
const ALLOW_HEADERS: HeaderValue =
    HeaderValue::from_static("Authorization, Content-Type, If-Match");
/// WHEP players read these; without this line a page of another origin sees none of them.
const EXPOSE_HEADERS: HeaderValue = HeaderValue::from_static(
    "Location, ETag, Link, Retry-After, Accept-Post, Accept-Patch, Pinhole-Verdict",
);
/// Seconds for which a browser need not ask again.
const PREFLIGHT_SECONDS: HeaderValue = HeaderValue::from_static("600");

/// The rules of one server.
#[derive(Debug)]
pub(crate) struct AccessRules {
    access: Access,
    allowed: Vec<AllowedOrigin>,
    listen: IpAddr,
    scheme: &'static str,
}

/// What the guard found out about a request's page.
enum Page {
    /// Not from a page, or from one that the browser counts as ours.
    Unnamed,
    /// A page that may connect; the value of its Origin header.
    Allowed(HeaderValue),
}

impl AccessRules {
    /// The rules that settings ask for.
    pub(crate) fn new(settings: &Settings) -> AccessRules {
        AccessRules {
            access: settings.access.clone(),
            allowed: settings.allow_origin.clone(),
            listen: settings.listen.ip(),
            scheme: if settings.tls.is_some() { "https" } else { "http" },
        }
    }

    fn check_host(&self, headers: &HeaderMap) -> Result<Origin, Refusal> {
        let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
        let own = host.and_then(|host| Origin::of_host(self.scheme, host)).ok_or_else(|| {
            Refusal::new(StatusCode::BAD_REQUEST, "the request has no usable Host header")
        })?;
        if !self.listen.is_loopback() || self.access == Access::Open || self.knows_host(own.host())
        {
            return Ok(own);
        }
        Err(Refusal::new(
            StatusCode::FORBIDDEN,
            format!(
                "this server listens on loopback and does not answer to the name {host}; use \
                 localhost, or start it with --allow-origin {origin} (behind a proxy: with the \
                 origin that browsers see)",
                host = own.host(),
                origin = own
            ),
        ))
    }

    fn knows_host(&self, host: &str) -> bool {
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let loopback = match bare.parse::<IpAddr>() {
            Ok(address) => address.is_loopback() || address == self.listen,
            Err(_) => host == "localhost",
        };
        let named = |allowed: &AllowedOrigin| match allowed {
            AllowedOrigin::Any => false,
            AllowedOrigin::One(origin) => origin.host() == host,
        };
        loopback || self.allowed.iter().any(named)
    }

    fn check_origin(&self, headers: &HeaderMap, own: &Origin) -> Result<Page, Refusal> {
        let Some(value) = headers.get(header::ORIGIN) else { return Ok(Page::Unnamed) };
        let text = value.to_str().unwrap_or_default();
        let origin = Origin::parse(text);
        let allowed = self.access == Access::Open
            || origin.as_ref() == Some(own)
            || self.allowed.iter().any(|allowed| allowed.allows(origin.as_ref()));
        if allowed {
            return Ok(Page::Allowed(value.clone()));
        }
        let advice = match origin {
            Some(origin) => format!("start the server with --allow-origin {origin}"),
            None => "start the server with --allow-origin '*'".to_string(),
        };
        Err(Refusal::new(
            StatusCode::FORBIDDEN,
            format!("pages of this origin may not connect; {advice}"),
        ))
    }

    fn check_token(&self, headers: &HeaderMap, query: Option<&str>) -> Result<(), Refusal> {
        let Access::Token(token) = &self.access else { return Ok(()) };
        let bearer = headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.split_once(' '))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
            .map(|(_, token)| token.trim());
        let unauthorized = |text: &str| {
            let challenge = HeaderValue::from_static("Bearer");
            Refusal::new(StatusCode::UNAUTHORIZED, text).with(header::WWW_AUTHENTICATE, challenge)
        };
        match bearer.or(query) {
            // Constant time, so that a token cannot be guessed byte by byte. Its length is no
            // secret.
            Some(shown) if bool::from(shown.as_bytes().ct_eq(token.as_bytes())) => Ok(()),
            Some(_) => Err(unauthorized("the token is wrong")),
            None => Err(unauthorized(
                "this server needs a token: Authorization: Bearer TOKEN, or ?token=TOKEN",
            )),
        }
    }
}

/// Stands before every route.
pub(crate) async fn guard(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    // Load balancers and container runtimes ask by address, and the answer holds nothing.
    if request.uri().path() == "/healthz" {
        return finish(next.run(request).await, None);
    }
    let headers = request.headers();
    let page =
        app.access.check_host(headers).and_then(|own| app.access.check_origin(headers, &own));
    let page = match page {
        Ok(page) => page,
        Err(refusal) => return finish(refusal.and_close().into_response(), None),
    };
    let preflight = request.method() == Method::OPTIONS
        && headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    let mut response = next.run(request).await;
    if preflight {
        if response.status() == StatusCode::METHOD_NOT_ALLOWED {
            response = StatusCode::NO_CONTENT.into_response();
        }
        let headers = response.headers_mut();
        headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, ALLOW_METHODS);
        headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, ALLOW_HEADERS);
        headers.insert(header::ACCESS_CONTROL_MAX_AGE, PREFLIGHT_SECONDS);
    }
    let origin = match page {
        Page::Unnamed => None,
        Page::Allowed(origin) => Some(origin),
    };
    finish(response, origin)
}

/// Headers that every answer has.
fn finish(mut response: Response, origin: Option<HeaderValue>) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    // The page's own address may hold a token.
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.append(header::VARY, HeaderValue::from_static("Origin"));
    if !headers.contains_key(header::CACHE_CONTROL) {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    if let Some(origin) = origin {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSE_HEADERS);
    }
    response
}

/// An extractor for routes that need the token.
pub(crate) struct Admitted;

#[derive(Deserialize)]
struct TokenQuery {
    token: Option<String>,
}

impl FromRequestParts<Arc<App>> for Admitted {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Admitted, Refusal> {
        let query = Query::<TokenQuery>::from_request_parts(parts, app).await;
        let token = query.ok().and_then(|Query(query)| query.token);
        app.access.check_token(&parts.headers, token.as_deref()).map(|()| Admitted)
    }
}
