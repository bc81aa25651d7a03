//! The core of Pinhole (stub while the workspace is laid out).
#![cfg_attr(test, allow(clippy::unwrap_used))]
pub mod base;
pub mod endpoint;
pub mod gather;
pub mod h264;
pub mod portmap;
pub mod sdp;
pub mod session;
pub mod wire;

pub use base::{Seed, WallClock};
pub use endpoint::{
    Accepted, CandidateError, Certificate, CertificateError, CloseCause, ConfigError, Datagram,
    DropReason, Endpoint, EndpointConfig, EndpointStats, Event, Frame, FrameReport, Limits,
    OfferError, SessionId, SessionState, SessionStats, TimeoutReason, Transmit, Transport,
    VideoFormat,
};

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests need one moment to count from")]
fn test_clock() -> std::time::Instant {
    std::time::Instant::now()
}
