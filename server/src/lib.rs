//! Pinhole's program as a library.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod ice_servers;
pub mod origin;
pub mod settings;
