//! A receiving WebRTC client without a browser, on `str0m`.
//!
//! ```text
//! let pool = ViewerPool::spawn()?;                         one thread, any number of viewers
//! let waiting = pool.offer(&ViewerConfig::default())?;     a socket on loopback, an offer
//! let viewer = waiting.answer(&server(waiting.offer())?)?; checks, DTLS and media begin
//! viewer.wait_until(Duration::from_secs(5), "a keyframe", |seen| seen.keyframes > 0)?;
//! viewer.close()?;                                         or `vanish`, without a word
//! ```
//!
//! Every wait has a limit, every buffer a bound. What is counted is in [`ViewerStats`]; the access units themselves
//! can be had with [`ViewerConfig::keep_frames`].

mod config;
mod frames;
mod pool;
mod session;
mod stats;

pub(crate) use config::Offered;
pub use config::{Candidates, ViewerConfig};
pub use frames::AccessUnit;
pub(crate) use frames::append_annex_b;
pub use pool::{Viewer, ViewerPool, WaitingViewer};
pub use stats::{ViewerState, ViewerStats};
