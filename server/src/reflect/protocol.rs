//! What asker and reflector say to each other: JSON, a line a message, over TCP.
//!
//! ```text
//! → {"type":"hello","version":1,"token":"…"}
//! ← {"type":"hello","version":1,"unix_ms":1800000000000,"you":"203.0.113.10:41234"}
//! → {"type":"probe","targets":[{"address":"203.0.113.10:30111","token":"k3Jd82hFq0…"}],
//!    "count":5,"spacing_ms":20,"listen_ms":3500}
//! ← {"type":"sent","target":0,"count":5}
//! ← {"type":"unreachable","target":0,"what":"port"}
//! ← {"type":"refused","target":0,"text":"…"}
//! → {"type":"enough"}                not waiting for the rest; or nothing
//! ← {"type":"done"}                  once for each request
//! ← {"type":"error","text":"…"}      and the connection ends
//! ```

use std::net::SocketAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The version of the protocol. A reflector of another one says so and ends.
pub(super) const VERSION: u32 = 1;
/// The longest line, in both directions; a longer one ends the connection.
pub(super) const LINE_BYTES_MAX: usize = 8 * 1024;
/// Targets of one request; more are refused.
pub(crate) const TARGETS_MAX: usize = 16;
/// Requests of one connection; after them it ends.
pub(super) const REQUESTS_MAX: usize = 40;
/// Probes for each target of a request; more are cut to this.
pub(super) const COUNT_MAX: u16 = 5;
/// The shortest time between two probes to a target.
pub(super) const SPACING_MIN: Duration = Duration::from_millis(10);
/// The longest time between two probes to a target.
pub(super) const SPACING_MAX: Duration = Duration::from_millis(100);
/// The longest time in which ICMP is listened for. A router asks three times, a second each, for a
/// machine that is not there.
pub(super) const LISTEN_MAX: Duration = Duration::from_millis(4_000);
/// How long one connection may last.
pub(super) const CONNECTION_TIME: Duration = Duration::from_secs(30);

/// What the asker says.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Ask {
    /// First of all.
    Hello {
        version: u32,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        token: Option<String>,
    },
    /// Sends probes.
    Probe { targets: Vec<Target>, count: u16, spacing_ms: u64, listen_ms: u64 },
    /// The asker has heard enough of its last request.
    Enough,
}

/// Where probes are to go, and the token in them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// The outside address.
    pub address: SocketAddr,
    /// 10 to 32 letters and digits that nobody can guess.
    pub token: String,
}

/// What the reflector says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Tell {
    /// The answer to hello: its clock, and where the connection seems to come from.
    Hello { version: u32, unix_ms: u64, you: SocketAddr },
    /// So many probes left.
    Sent { target: usize, count: u16 },
    /// ICMP answered a probe.
    Unreachable { target: usize, what: Unreachable },
    /// This target gets none, for this reason.
    Refused { target: usize, text: String },
    /// Nothing more is to be said about the request.
    Done,
    /// The connection ends.
    Error { text: String },
}

/// What ICMP says of a probe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unreachable {
    /// Nothing listens at the port.
    Port,
    /// There is no such machine, or no way to it.
    Host,
}
