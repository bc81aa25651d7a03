//! `cargo xtask mutants`: cargo-mutants on the machines whose every decision a test should know of.
//!
//! A mutant is the core with one function or operator replaced; it is caught when a test of that part
//! fails. Survivors are explained in `docs/mutants.md`, or killed by a new test.
//!
//! All of these machines are in the lower layers, which import nothing from those above. So the core is
//! copied and the upper layers are cut off: what is left is built in seconds, where all of it takes half
//! a minute.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::copy::copy_tree;
use crate::install::cargo_tool;
use crate::paths;
use crate::report::Report;
use crate::run::{program, run};

/// All mutants of one part, on two slow cores.
const PART_LIMIT: Duration = Duration::from_secs(4 * 60 * 60);

/// The layers that no part is in, nor below one.
const CUT_OFF: [&str; 5] = ["diagnose", "endpoint", "gather", "session", "trace"];

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

/// Mutates the parts named, or all; true if every mutant is caught.
///
/// # Errors
/// There is no such part, or cargo-mutants cannot be installed.
pub(crate) fn mutants(words: impl Iterator<Item = String>) -> Result<bool> {
    let mut chosen = Vec::new();
    for word in words {
        let part = PARTS.iter().find(|part| part.name == word);
        let names = PARTS.map(|part| part.name).join(", ");
        chosen.push(part.with_context(|| format!("there is no part {word:?}; there are {names}"))?);
    }
    if chosen.is_empty() {
        chosen.extend(&PARTS);
    }
    let tool = cargo_tool("cargo-mutants")?;
    let copy = paths::target().join("mutants/copy");
    copy_tree(&copy)?;
    cut(&copy.join("core/src/lib.rs"))?;
    // These need all layers, and do not judge.
    for folder in ["tests", "examples"] {
        fs::remove_dir_all(copy.join("core").join(folder))?;
    }
    let mut report = Report::new();
    for part in chosen {
        report.step(part.name, || mutate(&tool, &copy, part));
    }
    Ok(report.close())
}

/// Takes the upper layers out of the core.
fn cut(lib: &Path) -> Result<()> {
    let mut text = fs::read_to_string(lib)?;
    for layer in CUT_OFF {
        let declared = [format!("pub mod {layer};\n"), format!("mod {layer};\n")];
        let line = declared.into_iter().find(|line| text.contains(line));
        text = text.replacen(&line.with_context(|| format!("no layer {layer}"))?, "", 1);
        let exports = format!("pub use {layer}::{{");
        if let Some(at) = text.find(&exports) {
            let end = text[at..].find("};\n").context("an export without an end")?;
            text.replace_range(at..at + end + "};\n".len(), "");
        }
    }
    Ok(fs::write(lib, text)?)
}

fn mutate(tool: &Path, copy: &Path, part: &Part) -> Result<()> {
    let output = paths::target().join("mutants").join(part.name);
    fs::create_dir_all(&output)?;
    let mut mutants = program(tool, "mutants --in-place --package pinhole-core");
    mutants.args(["--timeout", "20", "--build-timeout", "600", "--no-shuffle", "--colors=never"]);
    mutants.arg("--cargo-arg=--config=profile.dev.package.pinhole-core.opt-level=0");
    mutants.arg("--output").arg(&output).arg("--dir").arg(copy);
    for file in part.files {
        mutants.args(["--file", file]);
    }
    mutants.args(["--", "--lib", part.tests]);
    // One place for all parts: the dependencies are built once.
    mutants.env("CARGO_TARGET_DIR", paths::target().join("mutants/build"));
    mutants.env("CARGO_PROFILE_DEV_DEBUG", "0");
    let outcome = run(&mut mutants, PART_LIMIT);
    let missed = fs::read_to_string(output.join("mutants.out/missed.txt")).unwrap_or_default();
    match outcome {
        Ok(()) => Ok(()),
        Err(_) if !missed.is_empty() => bail!("not caught:\n{missed}"),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_upper_layers_can_be_cut_off() {
        let lib = std::env::temp_dir().join(format!("pinhole-cut-{}.rs", std::process::id()));
        fs::copy(paths::root().join("core/src/lib.rs"), &lib).unwrap();
        cut(&lib).unwrap();
        let text = fs::read_to_string(&lib).unwrap();
        fs::remove_file(&lib).unwrap();

        let code: Vec<_> = text.lines().filter(|line| !line.starts_with("//!")).collect();
        assert!(code.contains(&"pub mod portmap;"));
        assert!(!code.iter().any(|line| CUT_OFF.iter().any(|layer| line.contains(layer))));
    }
}
