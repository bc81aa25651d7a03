//! Batched UDP: one port, all viewers.
//!
//! A wildcard socket of each family shares the port number (or one socket, where the program asked
//! for one address). The system tells which address each datagram hit (`IP_PKTINFO`,
//! `IPV6_PKTINFO`), and each reply is sent from just that address, 127.0.0.1 included: relays such as
//! frp connect to one local address and drop answers from any other. Addresses that come or go while
//! the program runs need no new socket.
//!
//! Runs of equal-sized datagrams leave as one system call (GSO), bursts of one sender arrive as one
//! (GRO). `quinn-udp` does both; what is refused is sorted in `errors.rs`. A run that GSO is refused for
//! leaves by `sendmmsg` (`many.rs`), and datagram by datagram where that is missing too: what a socket has
//! is probed when it is bound and told at start, what a path refuses is found by sending (`refusals.rs`).
//! Whatever happens, datagrams of a run leave in order, each once or, counted, never.
mod bind;
mod errors;
mod interfaces;
mod many;
mod receive;
mod refusals;
mod send;
mod socket;

pub use bind::{BindError, Sockets};
#[cfg(test)]
pub(crate) use interfaces::interface;
pub(crate) use interfaces::usable;
pub(crate) use receive::Inbox;
pub(crate) use send::{Outbox, Progress};
pub use socket::{Batching, Descriptor, Socket};

#[cfg(test)]
mod tests;
