//! The HTTP side of a whole server, started in-process on a free port: what each request gets, and
//! what it never gets. No media flows here; the tests in `tests/` of the workspace connect viewers.
#![allow(clippy::unwrap_used)]

mod access;
mod bounds;
mod ice_tcp;
mod latency;
mod operators;
mod page;
mod server;
mod tls;
mod verdicts;
mod websocket;
mod whep;
