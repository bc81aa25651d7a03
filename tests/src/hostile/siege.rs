//! One attack from beginning to end, and what it cost.

use std::net::SocketAddr;
use std::time::Duration;

use pinhole_core::gather::GatherConfig;
use pinhole_core::{Endpoint, EndpointConfig, Limits, Seed, VideoFormat, WallClock};

use super::{Act, Answered, Hostile};
use crate::crypto;

/// Between two acts.
const BETWEEN: Duration = Duration::from_micros(100);
/// Acts between two frames: 60 a second.
const FRAME_EVERY: u64 = 166;
/// A frame of 8 Mbit/s.
const FRAME_BYTES: usize = 16_000;
/// Frames before the attack: more than the cache for retransmissions holds.
const FRAMES_BEFORE: u32 = 90;

impl Hostile {
    /// A viewer that is let in by an endpoint of its own, and has watched for a while.
    ///
    /// # Panics
    /// It is not let in.
    pub fn watching(estimator: Option<u64>, watch: fn(bool)) -> Hostile {
        crypto::install(7);
        fastrand::seed(7);
        let now = crypto::beginning();
        let base = SocketAddr::from(([192, 0, 2, 1], 5_000));
        let config = EndpointConfig {
            seed: Seed::new([7; 32]),
            wall_clock: WallClock { unix: Duration::from_secs(1_800_000_000), at: now },
            certificate: crypto::endpoint_certificate(),
            gather: GatherConfig::lan(vec![base]),
            video: VideoFormat { profile_level_id: "42c01f".parse().expect("a profile") },
            limits: Limits::default(),
            estimator,
        };
        let endpoint = Endpoint::new(now, config).expect("a good configuration");
        let mut viewer = Hostile::new(now, endpoint, base, watch);
        viewer.join();
        for _ in 0..FRAMES_BEFORE {
            viewer.frame(FRAME_BYTES);
            viewer.pass(Duration::from_micros(16_667));
        }
        viewer
    }

    /// So many acts, 10,000 a second, while the stream goes on. `each` hears of every one: its
    /// number, and what came back at once.
    pub fn besiege(&mut self, act: Act, acts: u64, mut each: impl FnMut(u64, Answered)) {
        for number in 0..acts {
            let answered = act(self, number);
            each(number, answered);
            self.pass(BETWEEN);
            if number % FRAME_EVERY == 0 {
                self.frame(FRAME_BYTES);
            }
        }
    }
}
