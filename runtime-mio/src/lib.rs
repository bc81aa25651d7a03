//! Pinhole on [mio]: one thread, one loop, `epoll`, and a `timerfd` for deadlines.
//!
//! [`spawn`] starts the loop; everything it does stands in `pinhole-runtime`. Here is how it waits:
//!
//! - `run.rs`: the loop, a screen long.
//! - `readiness.rs`: waits for sockets, connections, the timer and the bell, and says what it heard.
//! - `socket.rs`: one socket's registration. Room to send is waited for only while sending is blocked:
//!   a UDP socket has room after each datagram that left, and would wake the loop each time.
//! - `stream.rs`: one TCP connection's registration. TCP says once when there is room again, so both
//!   ways are waited for all the time.
//! - `timer.rs`: deadlines to the microsecond. The timeout of `epoll_wait` has milliseconds, too coarse
//!   to pace packets.
//! - `wake.rs`: the bell that other threads ring.
//!
//! `pinhole-smol` has the same files, types and functions on another way of waiting.
//!
//! [mio]: https://docs.rs/mio
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod readiness;
mod run;
mod socket;
mod stream;
mod timer;
mod wake;

pub use run::{spawn, spawn_with_clock};

/// Compiles what the page on embedding shows.
#[cfg(doctest)]
#[doc = include_str!("../../docs/embedding.md")]
struct Embedding;
