//! The whole core in a simulated Internet: see `pinhole_tests::world`.

#![allow(clippy::unwrap_used)]

mod matrix;
