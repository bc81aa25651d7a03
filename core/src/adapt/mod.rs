//! From what each viewer's path takes to what the encoder makes.
//!
//! str0m estimates each path (transport-wide congestion control, draft-holmer-rmcat-transport-wide-
//! cc-extensions-01, with the delay and loss controllers of Google's algorithm). One encoder serves
//! all viewers, so somebody has to say whose estimate counts: [`Target`] follows the slowest viewer
//! above a floor. Those below the floor do not drag the others down; they lose whole frames and see
//! the keyframes that fit (`session/outlet.rs`), late by no more than the bound that stands there.

mod delivery;
mod path;
mod rtt_floor;
mod target;

pub(crate) use path::{PathRate, PathReport, REPORT_INTERVAL};
pub(crate) use target::Target;
