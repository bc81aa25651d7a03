//! The machines of Pinhole: everything that decides how a picture reaches a browser behind NATs,
//! and nothing that touches an operating system.
//!
//! An [`Endpoint`] is all viewers behind one set of sockets. It owns no socket, clock, thread or
//! file: a *shell* hands it datagrams, the time, frames and commands, and takes datagrams, events
//! and the next deadline from it. The same inputs at the same times give the same outputs, from a
//! [`Seed`] that is the only source of randomness (the DTLS handshake inside str0m aside).
//!
//! ```text
//!  shell ── handle_datagram, handle_timeout ──▶ ┌──────────┐ ──▶ poll_transmit ── shell
//!        ── accept_offer, add_candidate, … ───▶ │ Endpoint │ ──▶ poll_event
//!        ── send_frame ───────────────────────▶ └──────────┘ ──▶ poll_timeout
//! ```
//!
//! # The contract
//!
//! After **each** input call [`Endpoint::poll_transmit`] until it returns `None`, then
//! [`Endpoint::poll_event`] until `None`, then ask [`Endpoint::poll_timeout`] when to call
//! [`Endpoint::handle_timeout`]. A deadline in the past means at once: a shell that rounds its
//! sleeps up to a millisecond stretches every handshake. `examples/own_loop.rs` does all of it on
//! one `std::net::UdpSocket`.
//!
//! ```
//! use std::time::{Duration, Instant};
//! use pinhole_core::gather::{Audience, GatherConfig};
//! use pinhole_core::portmap::PortMap;
//! use pinhole_core::{
//!     Certificate, Endpoint, EndpointConfig, Limits, OfferError, Seed, VideoFormat, WallClock,
//! };
//!
//! let now = Instant::now();
//! let bases = vec!["192.0.2.1:10111".parse()?];
//! let map = PortMap::parse(["10111/udp=203.0.113.10:30111"])?;
//! let mut endpoint = Endpoint::new(now, EndpointConfig {
//!     seed: Seed::new([0; 32]), // from the operating system in earnest
//!     wall_clock: WallClock { unix: Duration::from_secs(1_800_000_000), at: now },
//!     certificate: Certificate::generate()?,
//!     gather: GatherConfig { map, audience: Audience::Public, ..GatherConfig::lan(bases) },
//!     video: VideoFormat { profile_level_id: "42c01f".parse()? },
//!     limits: Limits::default(),
//!     estimator: None,
//! })?;
//! assert_eq!(endpoint.accept_offer(now, "v=0\r\n"), Err(OfferError::NoMedia));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # The layers, bottom up
//!
//! [`base`] (seed, clock, deadlines) → `adapt` (what a path takes, and what the encoder is to make of
//! it) → `wire` (what a datagram is) → [`stun`] (what a socket looks
//! like from outside, how a NAT behaves) → [`turn`] (an allocation that keeps itself alive) →
//! [`portmap`] (which outside address leads to which socket), [`h264`] (access units to packets),
//! [`sdp`] (offers to answers, addresses rewritten) → [`gather`] (what viewers are told) →
//! `session` (one viewer, on str0m) → [`diagnose`] (why one sees no picture, in words) →
//! [`endpoint`] (all of them) → [`trace`] (what happened, for a bug report). A module imports from
//! those before it only.

#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod adapt;
pub mod base;
pub mod diagnose;
pub mod endpoint;
pub mod gather;
pub mod h264;
pub mod portmap;
pub mod sdp;
mod session;
pub mod stun;
pub mod trace;
pub mod turn;
mod wire;

pub use base::{Seed, WallClock};
pub use endpoint::{
    Accepted, BufferNews, BufferWatch, CandidateError, Certificate, CertificateError, CloseCause,
    ConfigError, Datagram, DropReason, Endpoint, EndpointConfig, EndpointStats, Event, Findings,
    Frame, FrameReport, FrameTimes, Histogram, KeyframeCause, Ledger, Limits, OfferError, Path,
    PathKind, Place, SESSION_BYTES_MAX, SessionId, SessionState, SessionStats, Stage, StageTimes,
    StreamId, TimeoutReason, Transmit, Transport, VideoFormat, Voice, crypto_provider, dtls,
};

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests need one moment to count from")]
fn test_clock() -> std::time::Instant {
    std::time::Instant::now()
}
