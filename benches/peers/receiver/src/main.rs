//! Many viewers in one thread. What they see is printed as lines of a name and a number.
//!
//! ```text
//! receiver watch --url URL --viewers N [--seconds 4] [--pid PID]   all at once: what a server costs meanwhile
//! receiver idle --url URL --viewers N [--seconds 10] [--pid PID]    of a picture that stands still: what sessions cost
//! receiver join --url URL --joins N [--at-once 1] [--gap-ms 30] [--pid PID]   one after the other, or some at once
//! receiver latency --url URL [--seconds 10] [--viewers 1]          of frames that carry a stamp, to the last viewer
//!     --reports      viewers decrypt, and send RTCP and transport-wide feedback, as browsers do
//!     --offered      the server makes the offer: POST with an empty body, PATCH with the answer
//!     --bind IP      local address; 127.0.0.1 if not given
//! ```
//!
//! Without `--reports` media never enters str0m: it is counted by its RTP headers, which are not encrypted, so
//! that the receiver leaves the machine to the server. Times of packets are the kernel's.

mod crowd;
mod figures;
mod frames;
mod idle;
mod join;
mod media;
mod signalling;
mod socket;
mod viewer;
mod watch;

use anyhow::{Result, bail};
use peers::Args;

fn main() -> Result<()> {
    str0m::crypto::from_feature_flags().install_process_default();
    let args = Args::of_process();
    match args.command() {
        Some("watch") => watch::watch(&args),
        Some("idle") => idle::idle(&args),
        Some("join") => join::join(&args),
        Some("latency") => frames::latency(&args),
        _ => bail!("watch, idle, join or latency?"),
    }
}
