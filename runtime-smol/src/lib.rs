//! Pinhole on [smol]'s reactor, `async-io`: one thread, one loop, written as a future.
//!
//! [`spawn`] starts the loop; everything it does stands in `pinhole-runtime`. Here is how it waits:
//!
//! - `run.rs`: the loop, a screen long.
//! - `readiness.rs`: waits for sockets, connections, the timer and the bell, and says what it heard.
//! - `socket.rs`: one socket's registration. Room to send is waited for only while sending is blocked:
//!   a UDP socket has room after each datagram that left, and would wake the loop each time.
//! - `stream.rs`: one TCP connection's registration. Each has a waker of its own, so that a turn looks
//!   at those alone that were woken.
//! - `timer.rs`: deadlines to the microsecond: the reactor keeps them on a `timerfd`.
//! - `wake.rs`: the bell that other threads ring.
//!
//! `pinhole-mio` has the same files, types and functions on another way of waiting.
//!
//! [smol]: https://docs.rs/smol
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod readiness;
mod run;
mod socket;
mod stream;
mod timer;
mod wake;

pub use run::{spawn, spawn_with_clock};
