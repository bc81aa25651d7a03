//! What the benches share: an endpoint with its viewers in memory, and frames for it.

pub mod frames;
pub mod measured;
pub mod scene;
pub mod viewer;
