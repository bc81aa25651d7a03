//! An endpoint in memory, for tests that need no network.

use std::net::SocketAddr;
use std::sync::OnceLock;
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
        certificate: certificate(),
        gather: GatherConfig::lan(vec![base]),
        video: VideoFormat { profile_level_id: profile_level_id.parse().expect("a profile") },
        limits,
        estimator: None,
    };
    Endpoint::new(now, config).expect("the configuration is right")
}

/// One for all endpoints of a test's process: making it takes longer than all the rest.
///
/// # Panics
/// The crypto library does not work.
pub fn certificate() -> Certificate {
    static CERTIFICATE: OnceLock<Certificate> = OnceLock::new();
    let make = || Certificate::generate().expect("the crypto library works");
    CERTIFICATE.get_or_init(make).clone()
}
