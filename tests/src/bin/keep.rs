//! Makes a test of a recording: what `cargo xtask keep FILE NAME` runs.

use std::path::Path;
use std::process::ExitCode;

use pinhole_tests::keeping::{KeepOptions, folder, keep};

fn main() -> ExitCode {
    let mut options = KeepOptions::default();
    let mut places = Vec::new();
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        match word.as_str() {
            "--addresses" | "--decisions" => {
                match (word.as_str(), words.next().unwrap_or_default().as_str()) {
                    ("--addresses", "as-recorded") => options.addresses_as_recorded = true,
                    ("--addresses", "hide") => options.addresses_as_recorded = false,
                    ("--decisions", "as-replayed") => options.decisions_as_replayed = true,
                    ("--decisions", "as-recorded") => options.decisions_as_replayed = false,
                    (flag, value) => {
                        eprintln!("{flag} {value:?} is not understood");
                        return ExitCode::from(2);
                    }
                }
            }
            _ => places.push(word),
        }
    }
    let [file, name] = places.as_slice() else {
        eprintln!("name a recording and what the test is to be called: FILE NAME");
        return ExitCode::from(2);
    };
    match keep(Path::new(file), name, &folder(), options) {
        Ok(decisions) => {
            println!(
                "kept tests/recordings/{name}.jsonl, {decisions} decisions; it is a test from now on"
            );
            println!("run it with: cargo test --workspace --test replays");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}
