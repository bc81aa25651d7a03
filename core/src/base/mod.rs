//! Seeds, clocks, deadlines.
use std::time::{Duration, Instant};

/// 32 secret bytes from which all randomness of an endpoint is expanded.
#[derive(Clone)]
pub struct Seed([u8; 32]);

impl Seed {
    /// Takes 32 bytes, which a program draws from the operating system.
    pub fn new(bytes: [u8; 32]) -> Seed {
        Seed(bytes)
    }
}

/// The wall clock, as one pair of readings taken at the same moment.
#[derive(Debug, Clone, Copy)]
pub struct WallClock {
    /// Time since the Unix epoch.
    pub unix: Duration,
    /// The monotone clock at that moment.
    pub at: Instant,
}
