//! `--record`: what the endpoint was told and said goes to a file, secrets removed
//! ([`pinhole_core::trace`]).
//!
//! [`RecordedEndpoint`] is the endpoint as the turn knows it. While nothing is recorded each call
//! costs the look at an `Option`; while something is, entries go through a bounded queue to a thread
//! of their own ([`writer`]), and nobody waits for a disk: where the queue is full, entries are lost
//! and their number is told.

mod endpoint;
mod file;
mod tap;
mod writer;

pub(crate) use endpoint::RecordedEndpoint;
pub use file::RecordFile;
