//! What the receiver and the servers of the benches share: their arguments, the frames that servers send,
//! stamps in frames, just enough HTTP, and what a process costs.

pub mod args;
pub mod frames;
pub mod http;
pub mod process;
pub mod stamp;

pub use args::Args;
pub use frames::Frames;
