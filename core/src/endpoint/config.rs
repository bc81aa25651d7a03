//! What an endpoint is made of.

use std::net::SocketAddr;
use std::time::Duration;

use crate::base::{Seed, WallClock};
use crate::gather::GatherConfig;
use crate::h264::ProfileLevelId;
use crate::session::Certificate;

/// What is sent, as far as SDP says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VideoFormat {
    /// Profile and level of the stream.
    pub profile_level_id: ProfileLevelId,
}

/// Bounds, each with what happens there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Sessions at once; the next offer is refused with [`OfferError::TooManyViewers`](super::OfferError).
    pub sessions: usize,
    /// How long a session may take to connect before it is closed.
    pub connect_timeout: Duration,
    /// How long a session whose path broke may take to come back before it is closed. About 17 s
    /// pass before a silent path counts as broken.
    pub recovery_timeout: Duration,
    /// Bytes of an SDP; a longer one is refused.
    pub sdp_bytes: usize,
    /// Bits per second below which no viewer brings the stream down: one whose path takes less loses
    /// whole frames instead.
    pub bitrate_floor: u64,
    /// How long a packet is kept, at most, for a viewer that lost it and asks for it again (RFC 4588): 400 ms
    /// and four round trips until it loses something, and all of this time from then on, or where its path is
    /// estimated. Zero keeps none. It costs a viewer some 430 bytes for each packet of that time, 0.4 MB for a
    /// second of 8 Mbit/s, and is bounded by 1,024 packets; payloads are shared by all viewers.
    pub retransmit_for: Duration,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            sessions: 64,
            connect_timeout: Duration::from_secs(20),
            recovery_timeout: Duration::from_secs(8),
            // Chromium's offer of 30 m-lines with all its codecs has 78 kB.
            sdp_bytes: 256 * 1024,
            bitrate_floor: 300_000,
            // With 600 ms a picture is back 250 ms later after a relay restarted (tests/tests/world):
            // an IDR has to be waited for then.
            retransmit_for: Duration::from_secs(1),
        }
    }
}

/// All that an endpoint is made of.
#[derive(Debug, Clone)]
pub struct EndpointConfig {
    /// Secret randomness.
    pub seed: Seed,
    /// The wall clock.
    pub wall_clock: WallClock,
    /// Shared by all sessions.
    pub certificate: Certificate,
    /// Our sockets, and what viewers are told of them.
    pub gather: GatherConfig,
    /// What is sent.
    pub video: VideoFormat,
    /// Bounds.
    pub limits: Limits,
    /// Whether the bandwidth of each viewer's path is estimated (transport-wide congestion
    /// control): the most that the stream takes, in bits per second. With it, the encoder is told
    /// what to make ([`Event::BitrateTarget`](super::Event::BitrateTarget)), and a viewer whose path
    /// is too slow all the same loses whole frames; without it only one whose packets cannot be sent.
    pub estimator: Option<u64>,
}

/// Why an endpoint cannot be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// No socket.
    #[error("an endpoint needs at least one local address")]
    NoBase,
    /// `0.0.0.0` or `[::]`.
    #[error("{0} is no address that a datagram can be sent to; give each interface's own address")]
    Unspecified(SocketAddr),
}
