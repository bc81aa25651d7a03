//! The project's own commands.
//!
//! ```text
//! cargo xtask test                 installs what is missing, then runs every step: formatting, lints, the program,
//!                                  all Rust tests, counts of instructions, simulated worlds, documentation, the player's tests, real clients, real NATs
//! cargo xtask test --only clients,web    only these steps
//! cargo xtask test --no-install    installs nothing; steps whose tools are missing are named and skipped
//! cargo xtask nat-matrix           every server NAT against every viewer NAT, real ones; writes docs/nat-matrix.md
//! cargo xtask world --seeds 0..1000000  simulated worlds, in as many as are asked for; --seed N [--shrink] [--log] for one
//! cargo xtask plants               faults put into a copy of the core, each of which the worlds must find
//! cargo xtask fuzz --minutes 60    libFuzzer on every target in turn; needs a nightly toolchain
//! cargo xtask coverage             which of the core's own lines its tests, corpora and world reach
//! cargo xtask mutants              parts of the core with one thing changed: does a test notice?
//! cargo xtask miri                 the core's parsers in Miri; needs a nightly toolchain
//! cargo xtask keep FILE NAME       makes a test of a recording: tests/recordings/NAME.jsonl
//! cargo xtask latency              how old the picture is in Chromium, and where that time goes
//! cargo xtask bench                figures of signalling, release build
//! cargo xtask bench-peers          Pinhole beside other servers: cost, time to join, latency, and ratios
//! cargo xtask instructions         counts instructions, and compares with those that are kept; --keep keeps them
//! cargo xtask str0m-patches        the same with str0m patched, beside str0m as it is pinned
//! ```
//!
//! Steps go on after one has failed; the end sums up, and the exit code is 1 if any failed. Nothing reads standard
//! input. `CARGO_TARGET_DIR` is honoured.

mod arguments;
mod bench_peers;
mod beside;
mod clients;
mod copy;
mod coverage;
mod fuzz;
mod install;
mod instructions;
mod latency;
mod miri;
mod mutants;
mod paths;
mod report;
mod run;
mod rust_tests;
mod steps;
mod str0m_patches;
mod test;
mod world;

use std::process::ExitCode;

use anyhow::Result;

use arguments::Command;

fn main() -> ExitCode {
    let command = match Command::parse(std::env::args().skip(1)) {
        Ok(command) => command,
        Err(error) => {
            eprintln!("{error}\n\n{}", arguments::USAGE);
            return ExitCode::from(2);
        }
    };
    match execute(&command) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// False: a step failed.
fn execute(command: &Command) -> Result<bool> {
    match command {
        Command::Help => {
            println!("{}", arguments::USAGE);
            Ok(true)
        }
        Command::Bench => steps::bench(),
        Command::BenchPeers(wish) => bench_peers::bench_peers(wish),
        Command::Coverage(wish) => coverage::coverage(wish),
        Command::Instructions(wish) => instructions::instructions(*wish).map(|()| true),
        Command::Latency(wish) => latency::latency(wish).map(|()| true),
        Command::Miri(tests) => miri::miri(tests).map(|()| true),
        Command::Mutants(parts) => mutants::mutants(parts.iter().cloned()),
        Command::Fuzz(wish) => fuzz::fuzz(wish),
        Command::Keep(words) => steps::keep(words),
        Command::NatMatrix(words) => steps::nat_matrix(words),
        Command::Str0mPatches(wish) => str0m_patches::str0m_patches(wish).map(|()| true),
        Command::World(words) => world::play(words).map(|()| true),
        Command::Plants => world::plants().map(|()| true),
        Command::Test { only, install } => test::test(only, *install),
    }
}
