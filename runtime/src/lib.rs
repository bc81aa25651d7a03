//! What both runtimes of Pinhole share: everything but readiness.
//!
//! A runtime owns what the core must not know: sockets, the clock, a thread. It decides nothing about
//! protocols. `pinhole-mio` and `pinhole-smol` differ in how they wait; whatever would stand in both
//! of them stands here:
//!
//! - [`Sockets`]: UDP sockets bound to one port, and the addresses that reach them (`udp/`: batched
//!   sending and receiving, and one place that sorts what the operating system refuses).
//! - [`Streams`]: TCP and TLS connections, which viewers made or which lead to TURN servers.
//! - [`RecordFile`]: a recording of what the endpoint was told and said, for a bug report.
//! - `network/`: the names of servers, and the interfaces of this machine, as they change.
//! - [`Handle`]: how a program speaks with the loop from any thread and any executor, through one
//!   bounded queue of commands and a [`Doorbell`].
//! - [`start_loops`]: one event loop for each UDP port, with one stream and one handle for all
//!   (`shards/`).
//! - [`Turn`]: one turn of the loop, step by step. A runtime's loop is this, and little else:
//!
//! ```text
//! while !turn.is_over() {
//!     readiness.wait(turn.sources(), next)      wait
//!     turn.begin(clock())                       read the clock once
//!     turn.receive()                            receive a bounded batch
//!     turn.run_commands()                       run bounded commands
//!     turn.take_frames()                        take bounded access units
//!     turn.fire_timeout()                       fire the timeout if due
//!     turn.transmit()                           drain transmits, keep the one that would block
//!     turn.deliver_events()                     tell viewers and the stream
//!     next = turn.next()                        ask for the next deadline
//! }
//! ```
//!
//! One thread runs it; nothing around the core is locked. A viewer's program sees [`Viewer`] and
//! [`ViewerEvent`]s, metrics see a [`Snapshot`].
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod command;
mod config;
mod feed;
mod handle;
mod network;
mod observers;
mod outlets;
mod record;
mod shards;
mod stats;
mod stream;
mod thread;
mod turn;
mod udp;
mod wake;

pub use config::{Running, RuntimeConfig, RuntimeError};
pub use handle::{Handle, HandleError, Never, Probe};
pub use network::{Bases, NamedServer, NetworkConfig};
pub use observers::{Viewer, ViewerEvent};
pub use record::RecordFile;
pub use shards::{LoopConfig, start_loops};
pub use stats::{RtpClock, RuntimeStats, Snapshot};
pub use stream::{News, Stream, Streams, Tell, turn_tls_config};
pub use thread::start_thread;
pub use turn::{Next, Turn};
pub use udp::{Batching, BindError, Descriptor, Socket, Sockets};
pub use wake::Doorbell;
