//! From what each viewer's path takes to what the encoder makes.
//!
//! str0m estimates each path (transport-wide congestion control, draft-holmer-rmcat-transport-wide-
//! cc-extensions-01, with the delay and loss controllers of Google's algorithm). [`PathRate`] takes that
//! for an upper bound, but for what was seen to arrive of late, and looks at the delay of the way there besides
//! ([`arrivals`]), because a queue shows there first. One encoder
//! serves all viewers, so somebody has to say whose path counts: [`Target`] follows the slowest viewer
//! above a floor. Those below it do not drag the others down; they lose whole frames and see the
//! keyframes that fit (`session/outlet.rs`), late by no more than the bound that stands there.
//!
//! Left out: packet pairs and probes of our own (str0m's probes are asked for), and viewers without
//! transport-wide feedback, who have no estimate and no say.

mod arrivals;
mod cut_off;
mod delay_floor;
mod delivery;
mod knee;
mod path;
mod proved;
mod rates;
mod report;
mod target;

pub(crate) use arrivals::Arrivals;
pub(crate) use path::{PathRate, REPORT_INTERVAL};
pub(crate) use rates::Rates;
pub(crate) use report::{Advice, PathReport};
pub(crate) use target::Target;
pub use target::Voice;
