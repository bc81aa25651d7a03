//! An allocation against servers of all tempers, on a virtual clock.

mod auth;
mod server;
mod world;
