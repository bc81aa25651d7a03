//! Benches of Pinhole; each file of `benches/` is one. `cargo xtask bench` runs them.
