//! The core of Pinhole (stub while the workspace is laid out).
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
