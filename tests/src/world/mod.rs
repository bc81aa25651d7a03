//! A simulated Internet under a virtual clock: the whole core on one side, viewers on the other,
//! NATs, STUN and TURN servers between them.
//!
//! ```text
//!   Endpoint ── NATs ──┐                  ┌── NATs ── Viewer (str0m)
//!                      ├──── links ───────┤
//!   STUN servers ──────┤  latency, loss,  ├── NATs ── Viewer
//!   TURN servers ──────┘  late, twice     └── …
//! ```
//!
//! [`World`] owns all of it and the clock, and moves from event to event; nothing sleeps. All that
//! is drawn comes from one seed, the DTLS handshakes included ([`crate::crypto`]), so a run is
//! repeated by its number, byte for byte: [`for_seeds`] prints it when a test fails. A step limit ends what would go on for ever.
//!
//! [`nat`] is RFC 4787 as a machine; [`net`] carries packets; [`turn`] is a TURN server that is not
//! ours.

pub mod attack;
mod config;
mod events;
pub mod faults;
pub mod nat;
pub mod net;
mod nonces;
pub mod plan;
mod run;
mod seeds;
mod signalling;
pub mod stun;
pub mod turn;
mod video;
pub mod viewer;
mod watch;

pub use config::{STUN, STUN_OTHER, TURN, UNIX, WorldConfig};
pub use run::{Sending, World};
pub use seeds::for_seeds;
