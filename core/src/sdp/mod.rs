//! SDP as a viewer's offer brings it and as our answer leaves: JSEP (RFC 8829) on `sdp-types`.
//!
//! Of an offer we take one thing: the first video section that receives H.264 in
//! packetization-mode 1. str0m is shown an offer that holds nothing else, so that none of its own
//! choices (levels, payload types, extensions) reach the wire, and the answer is written here from
//! what the session then knows: every offered section in its place, all but one rejected.
//!
//! [`rewrite`] is for SDP of any stack, ours or another's: its addresses rewritten by the port map.
//!
//! Left out: data channels and audio (nothing is sent on them yet), simulcast, RFC 8843's
//! bundle-only sections of our own.

mod answer;
mod candidate;
mod error;
mod fmtp;
mod fragment;
mod offer;
mod reduced;
pub mod rewrite;

pub(crate) use answer::{AnswerParts, write_answer};
pub(crate) use candidate::{RemoteCandidate, parse_candidate};
pub use error::{CandidateError, OfferError};
pub(crate) use fragment::{Fragment, parse_fragment, write_fragment};
pub(crate) use offer::{Offer, OfferedVideo, parse_offer};
pub(crate) use reduced::{reduced_offer, transport_cc_id};
