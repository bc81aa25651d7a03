//! The project's own commands.
//!
//! ```text
//! cargo xtask test                 installs what is missing, then runs every step: formatting, lints, the program,
//!                                  all Rust tests, documentation, the player's tests, real clients, real NATs
//! cargo xtask test --only clients,web    only these steps
//! cargo xtask test --no-install    installs nothing; steps whose tools are missing are named and skipped
//! cargo xtask nat-matrix           every server NAT against every viewer NAT, real ones; writes docs/nat-matrix.md
//! cargo xtask keep FILE NAME       makes a test of a recording: tests/recordings/NAME.jsonl
//! cargo xtask bench                figures of signalling, release build
//! ```
//!
//! Steps go on after one has failed; the end sums up, and the exit code is 1 if any failed. Nothing reads standard
//! input. `CARGO_TARGET_DIR` is honoured.

mod arguments;
mod clients;
mod install;
mod paths;
mod report;
mod run;
mod steps;

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
        Command::Keep(words) => steps::keep(words),
        Command::NatMatrix(words) => steps::nat_matrix(words),
        Command::Test { only, install } => steps::test(only, *install),
    }
}
