//! The core and both runtimes give the same bytes for the same inputs at the same times.
//!
//! ```text
//!   script.rs   viewers and a stream, and the bare core under a virtual clock  ──►  a trace
//!   trace.rs    what was put in, when, and every byte that came out
//!                                  │
//!          ┌───────────────────────┼────────────────────────┐
//!     the core again       pinhole-mio (shell.rs)     pinhole-smol
//!                          real sockets on loopback, and a clock that the trace moves
//! ```
//!
//! What a runtime sends is read from the viewers' sockets, so all that lies between the core and the
//! wire is seen: a datagram that is lost, split wrongly, held back or sent twice, an input that the
//! core gets in other words, in another order or at another time.
#![allow(clippy::unwrap_used)]

mod script;
mod shell;
mod trace;

use std::net::{IpAddr, Ipv4Addr};

use pinhole_runtime::Sockets;

use crate::script::record;
use crate::shell::{Shell, viewer_sockets};
use crate::trace::Trace;

const SEEDS: u64 = 20;

#[test]
fn one_trace_drives_the_core_to_the_same_bytes_again() {
    for seed in 0..SEEDS {
        let viewers = [([127, 0, 0, 1], 7_001).into(), ([127, 0, 0, 1], 7_002).into()];
        let trace = record(seed, ([127, 0, 0, 1], 7_000).into(), &viewers);

        let again = trace.drive_core();

        assert_eq!(again, trace, "seed {seed}");
    }
}

#[test]
fn one_trace_drives_mio_to_the_bytes_of_the_core() {
    drive(pinhole_mio::spawn_with_clock);
}

#[test]
fn one_trace_drives_smol_to_the_bytes_of_the_core() {
    drive(pinhole_smol::spawn_with_clock);
}

fn drive(spawn: shell::Spawn) {
    for seed in 0..SEEDS {
        let sockets = Sockets::bind(Some(IpAddr::V4(Ipv4Addr::LOCALHOST)), None).unwrap();
        let viewers = viewer_sockets();
        let addresses = [viewers[0].local_addr().unwrap(), viewers[1].local_addr().unwrap()];
        let trace = record(seed, sockets.bases()[0], &addresses);
        assert_lively(&trace);

        let mut shell = Shell::start(&trace, sockets, viewers, spawn);
        for (number, step) in trace.steps.iter().enumerate() {
            shell.take(step, &format!("seed {seed}, step {number} of {}", trace.steps.len()));
        }

        shell.finish();
    }
}

/// A trace in which nothing happens would be repeated by anything.
fn assert_lively(trace: &Trace) {
    let (ins, outs) = (trace.datagrams_in(), trace.datagrams_out());
    assert!(ins > 40 && outs > 600, "{ins} datagrams in, {outs} out");
    let first = |byte: u8| trace.outputs().filter(|out| out.bytes[0] == byte).count();
    assert!(trace.outputs().any(|out| out.bytes[0] < 4), "no STUN");
    assert!(trace.outputs().any(|out| (20..64).contains(&out.bytes[0])), "no DTLS");
    assert!(first(0x80) + first(0x90) > 300, "no pictures");
}
