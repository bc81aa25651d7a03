//! TURN as a client (RFC 8656 on RFC 8489): an [`Allocation`] that keeps itself alive.
//!
//! One allocation at one server serves all viewers. It is asked for at once, without credentials
//! first; what the server objects to is answered within the same breath (401, 438, 300, 437, 440).
//! From then on a cheap request proves, every few seconds while anybody is relayed and every 25 s
//! otherwise, that server, allocation and NAT mapping are all still there. Whatever says that they
//! are not, the allocation is given up and made anew at once, with the permissions and channels of
//! all peers in use, under the same channel numbers.
//!
//! ```text
//!  bytes ──▶ framing, message ──▶ auth ──▶ verdict ──▶ life      (the allocation: a kernel)
//!                                                 └──▶ peers     (permission, channel: kernels)
//!  Allocation, the driver: transactions, deadlines, events, and turning actions into requests
//! ```
//!
//! Payload is never copied: [`Allocation::wrap`] says what stands before it and after it, as
//! ChannelData once the server has bound the channel, as a Send indication until then, and
//! [`Allocation::handle_message`] says where it lies in what came.
//!
//! What is left out: TCP to peers (RFC 6062), mobility (RFC 8016), EVEN-PORT and reservations,
//! DONT-FRAGMENT. The messages are parsed by `stun-types`; they are written here, because each is a
//! header and three attributes, and because its writer logs the key at trace level.

mod allocation;
mod auth;
mod backoff;
mod channel;
mod credentials;
mod event;
mod framing;
mod life;
mod message;
mod peers;
mod permission;
mod scope;
#[cfg(test)]
mod tests;
mod transactions;
mod verdict;

pub use allocation::{Allocation, AllocationConfig, Families, Leg};
pub use credentials::{Credentials, mint};
pub use event::{AllocationEvent, LossCause, Received, Relayed};
pub use framing::{Envelope, Malformed, next_message};
