//! An endpoint in memory, for tests that need no network.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use pinhole_core::gather::GatherConfig;
use pinhole_core::{Certificate, Endpoint, EndpointConfig, Limits, Seed, VideoFormat, WallClock};

/// The address of its socket.
pub const SERVER: &str = "192.0.2.1:5000";

/// An endpoint that sends this profile and level. Its seed is fixed.
///
/// # Panics
/// The profile is none: a mistake of the test.
pub fn endpoint(now: Instant, profile_level_id: &str, limits: Limits) -> Endpoint {
    let base: SocketAddr = SERVER.parse().expect("a literal address");
    let config = EndpointConfig {
        seed: Seed::new([7; 32]),
        wall_clock: WallClock { unix: Duration::from_secs(1_800_000_000), at: now },
        certificate: Certificate::generate().expect("the crypto library works"),
        gather: GatherConfig::lan(vec![base]),
        video: VideoFormat { profile_level_id: profile_level_id.parse().expect("a profile") },
        limits,
        estimator: None,
    };
    Endpoint::new(now, config).expect("the configuration is right")
}
