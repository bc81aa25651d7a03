//! The whole core in a simulated Internet: see `pinhole_tests::world`.

#![allow(clippy::unwrap_used)]

mod changes;
mod faults;
mod matrix;
mod plans;
mod repeats;
mod support;
