//! Answers that refuse: a status and a short text that says what is wrong and what to do.

use axum::http::header::{HeaderName, HeaderValue, RETRY_AFTER};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use pinhole_core::OfferError;
use pinhole_core::diagnose::of_refusal;
use pinhole_runtime::HandleError;

/// Seconds after which a viewer who found no place may ask again.
const RETRY_SECONDS: HeaderValue = HeaderValue::from_static("5");
/// The verdict on an offer that is refused.
const VERDICT: HeaderName = HeaderName::from_static("pinhole-verdict");

/// A refused request.
#[derive(Debug)]
pub(crate) struct Refusal {
    status: StatusCode,
    text: String,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl Refusal {
    /// A status and its text for people.
    pub(crate) fn new(status: StatusCode, text: impl Into<String>) -> Refusal {
        Refusal { status, text: text.into(), headers: Vec::new() }
    }

    /// The server cannot now, but will be able to later.
    pub(crate) fn later(text: impl Into<String>) -> Refusal {
        Refusal::new(StatusCode::SERVICE_UNAVAILABLE, text).with(RETRY_AFTER, RETRY_SECONDS)
    }

    /// Ends the connection with this answer, because the rest of the request is not going to be
    /// read.
    pub(crate) fn and_close(self) -> Refusal {
        self.with(header::CONNECTION, HeaderValue::from_static("close"))
    }

    /// Adds a header.
    pub(crate) fn with(mut self, name: HeaderName, value: HeaderValue) -> Refusal {
        self.headers.push((name, value));
        self
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        // A String is text/plain; charset=utf-8.
        let mut response = (self.status, self.text + "\n").into_response();
        response.headers_mut().extend(self.headers);
        response
    }
}

impl From<HandleError<OfferError>> for Refusal {
    fn from(error: HandleError<OfferError>) -> Refusal {
        let text = error.to_string();
        match error {
            HandleError::Busy | HandleError::Gone => Refusal::later(text),
            HandleError::Refused(error) => {
                let refusal = Refusal::new(offer_status(&error), text).retry_if_503();
                match of_refusal(&error) {
                    None => refusal,
                    Some(diagnosis) => {
                        let code = HeaderValue::from_static(diagnosis.verdict.code());
                        refusal.with(VERDICT, code)
                    }
                }
            }
        }
    }
}

impl Refusal {
    fn retry_if_503(self) -> Refusal {
        match self.status {
            StatusCode::SERVICE_UNAVAILABLE => self.with(RETRY_AFTER, RETRY_SECONDS),
            _ => self,
        }
    }
}

/// What is no SDP, or lacks what every offer must have, is malformed: 400. What is well-formed but
/// of no use to us is
/// 422. Not 406 for want of H.264: that is where WHEP expects a counter-offer.
fn offer_status(error: &OfferError) -> StatusCode {
    match error {
        OfferError::TooManyViewers(_) => StatusCode::SERVICE_UNAVAILABLE,
        OfferError::NoSession => StatusCode::NOT_FOUND,
        OfferError::TooLong(..) => StatusCode::PAYLOAD_TOO_LARGE,
        OfferError::NotSdp(_) | OfferError::Missing(_) => StatusCode::BAD_REQUEST,
        OfferError::NoMedia
        | OfferError::NoVideo
        | OfferError::NoH264(_)
        | OfferError::Refused(_) => StatusCode::UNPROCESSABLE_ENTITY,
    }
}
