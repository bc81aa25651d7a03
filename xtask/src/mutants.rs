//! `cargo xtask mutants`: cargo-mutants on the machines whose every decision a test should know of.
//!
//! A mutant is the core with one function or operator replaced; it is caught when a test of that part
//! fails. Survivors are explained in `docs/mutants.md`, or killed by a new test.
//!
//! All of these machines are in the lower layers, so these alone are mutated in a copy: they are built in
//! seconds, where all of the core takes half a minute.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::copy::copy_lower_layers;
use crate::install::cargo_tool;
use crate::paths;
use crate::report::Report;
use crate::run::{program, run};

/// All mutants of one part, on two slow cores.
const PART_LIMIT: Duration = Duration::from_secs(4 * 60 * 60);

/// What is mutated together.
struct Part {
    name: &'static str,
    files: &'static [&'static str],
    /// Which of the core's unit tests judge.
    tests: &'static str,
}

const PARTS: [Part; 4] = [
    Part {
        name: "packetizer",
        files: &["core/src/h264/packetizer.rs", "core/src/h264/nal.rs"],
        tests: "h264::",
    },
    Part { name: "rewriter", files: &["core/src/sdp/rewrite/*.rs"], tests: "sdp::" },
    Part { name: "portmap", files: &["core/src/portmap/*.rs"], tests: "portmap::" },
    Part {
        name: "turn",
        files: &[
            "core/src/turn/life.rs",
            "core/src/turn/channel.rs",
            "core/src/turn/permission.rs",
            "core/src/turn/peers.rs",
            "core/src/turn/verdict.rs",
            "core/src/turn/framing.rs",
        ],
        tests: "turn::",
    },
];

/// Mutates the parts named, or all; true if every mutant is caught. With `--again` only those that were not, the
/// last time.
///
/// # Errors
/// There is no such part, or cargo-mutants cannot be installed.
pub(crate) fn mutants(words: impl Iterator<Item = String>) -> Result<bool> {
    let mut chosen = Vec::new();
    let mut again = false;
    for word in words {
        if word == "--again" {
            again = true;
            continue;
        }
        let part = PARTS.iter().find(|part| part.name == word);
        let names = PARTS.map(|part| part.name).join(", ");
        chosen.push(part.with_context(|| format!("there is no part {word:?}; there are {names}"))?);
    }
    if chosen.is_empty() {
        chosen.extend(&PARTS);
    }
    let tool = cargo_tool("cargo-mutants")?;
    let copy = paths::target().join("mutants/copy");
    copy_lower_layers(&copy)?;
    let mut report = Report::new();
    for part in chosen {
        report.step(part.name, || mutate(&tool, &copy, part, again));
    }
    Ok(report.close())
}

fn mutate(tool: &Path, copy: &Path, part: &Part, again: bool) -> Result<()> {
    let output = paths::target().join("mutants").join(part.name);
    fs::create_dir_all(&output)?;
    let mut mutants = program(tool, "mutants --in-place --package pinhole-core");
    mutants.args(["--timeout", "60", "--build-timeout", "600", "--no-shuffle", "--colors=never"]);
    mutants.arg("--cargo-arg=--config=profile.dev.package.pinhole-core.opt-level=0");
    mutants.arg("--output").arg(&output).arg("--dir").arg(copy);
    mutants.args(again.then_some("--iterate"));
    for file in part.files {
        mutants.args(["--file", file]);
    }
    mutants.args(["--", "--lib", part.tests]);
    // One place for all parts: the dependencies are built once.
    mutants.env("CARGO_TARGET_DIR", paths::target().join("mutants/build"));
    mutants.env("CARGO_PROFILE_DEV_DEBUG", "0");
    // What fails with a mutant is no seed to be kept.
    mutants.env("PROPTEST_DISABLE_FAILURE_PERSISTENCE", "1");
    let outcome = run(&mut mutants, PART_LIMIT);
    let missed = fs::read_to_string(output.join("mutants.out/missed.txt")).unwrap_or_default();
    match outcome {
        Ok(()) => Ok(()),
        Err(_) if !missed.is_empty() => bail!("not caught:\n{missed}"),
        Err(error) => Err(error),
    }
}
