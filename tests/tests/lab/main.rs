//! Server and viewer behind real NATs: the pair they find, by kind and both addresses, and a second of pictures over it.
//!
//! Needs root and what `cargo xtask test --only lab` installs, and is run by that; hence ignored otherwise. Tests take
//! turns, because each plays several labs side by side.
#![allow(clippy::unwrap_used)]

mod faults;
mod gathered;
mod hygiene;
mod maps;
mod tunnels;
mod viewers;
