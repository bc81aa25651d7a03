//! What every layer stands on: secret randomness, the wall clock, deadlines.

mod clock;
mod deadlines;
mod seed;

pub use clock::WallClock;
pub(crate) use deadlines::Deadlines;
pub use seed::Seed;
pub(crate) use seed::{Ambient, SeedRng};
