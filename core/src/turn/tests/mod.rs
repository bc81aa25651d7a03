//! An allocation against servers of all tempers, on a virtual clock.

mod auth;
mod auth_table;
mod errors;
mod peers;
mod server;
mod weather;
mod world;
