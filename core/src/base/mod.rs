//! What every layer stands on: secret randomness, the wall clock, deadlines.

mod clock;
mod deadlines;
mod seed;
mod stream_id;

pub use clock::WallClock;
pub(crate) use deadlines::Deadlines;
pub use seed::Seed;
pub(crate) use seed::{Ambient, SeedRng};
pub use stream_id::StreamId;
