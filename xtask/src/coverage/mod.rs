//! `cargo xtask coverage`: which of the core's own lines its tests, the fuzz corpora and the
//! simulated Internet reach.
//!
//! Only the core is compiled with counters (`rustc.sh`). The lines of unit tests are left out of the
//! figures: they run whatever happens.

mod lines;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::paths;
use crate::run::{cargo, program, run};
use lines::read;

/// Everything in the workspace built, from nothing.
const BUILD_LIMIT: Duration = Duration::from_secs(20 * 60);
/// One test binary.
const TEST_LIMIT: Duration = Duration::from_secs(15 * 60);
/// The tests that count: the core's own, and what plays the whole of it.
const SUITES: [&str; 2] = [
    "test --no-run --message-format=json -p pinhole-core --tests",
    "test --no-run --message-format=json --workspace --test corpora --test world",
];

/// What is asked for.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Wish {
    /// Per cent below which it fails.
    least: u8,
    /// Whether lines that nothing reaches are listed.
    list: bool,
}

impl Wish {
    /// Reads the words behind `coverage`.
    pub(crate) fn parse(mut words: impl Iterator<Item = String>) -> Result<Wish> {
        let mut wish = Wish::default();
        while let Some(word) = words.next() {
            match word.as_str() {
                "--lines" => wish.list = true,
                "--least" => {
                    let least = words.next().context("--least needs a number")?;
                    wish.least = least.parse().with_context(|| format!("{least:?}"))?;
                }
                other => bail!("{other:?} is not understood here"),
            }
        }
        Ok(wish)
    }
}

/// Runs the tests and prints a line a file; true if enough is reached.
///
/// # Errors
/// A test fails, or LLVM's tools do.
pub(crate) fn coverage(wish: &Wish) -> Result<bool> {
    let tools = llvm_tools()?;
    let folder = paths::target().join("coverage");
    match fs::remove_dir_all(&folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
        _ => fs::create_dir_all(&folder)?,
    }
    let mut binaries = Vec::new();
    for suite in SUITES {
        binaries.extend(build(suite)?);
    }
    for binary in &binaries {
        let mut test = program(binary, "--quiet");
        test.env("LLVM_PROFILE_FILE", folder.join("%m-%p.profraw"));
        // Of the crate that it tests, as cargo runs it.
        let package = if is_harness(binary) { "tests" } else { "core" };
        run(test.current_dir(paths::root().join(package)), TEST_LIMIT)?;
    }
    let files = read(&export(&tools, &folder, &binaries)?, paths::root());
    print!("{}", lines::table(&files));
    if wish.list {
        files.iter().filter(|file| !file.missed.is_empty()).for_each(|file| println!("{file}"));
    }
    let reached = lines::per_cent(&files);
    println!("\n{reached:.2} % of the core's own lines are reached");
    Ok(reached >= f64::from(wish.least))
}

fn is_harness(binary: &Path) -> bool {
    let name = binary.file_name().unwrap_or_default().to_string_lossy();
    name.starts_with("corpora-") || name.starts_with("world-")
}

/// Builds tests with counters in the core; their binaries.
fn build(words: &str) -> Result<Vec<PathBuf>> {
    let mut cargo = cargo(words);
    let wrapper = paths::root().join("xtask/src/coverage/rustc.sh");
    cargo.env("RUSTC_WORKSPACE_WRAPPER", wrapper).current_dir(paths::root());
    println!("$ cargo {words}");
    let output = cargo.stdin(Stdio::null()).stderr(Stdio::inherit()).output()?;
    if !output.status.success() {
        bail!("`cargo {words}`: {}", output.status);
    }
    let text = String::from_utf8_lossy(&output.stdout);
    // Programs that tests start are named too.
    let tests = text.lines().filter(|line| line.contains(r#""overflow_checks":true,"test":true"#));
    let paths = tests.filter_map(|line| line.split_once(r#""executable":""#)?.1.split('"').next());
    Ok(paths.map(PathBuf::from).collect())
}

/// Where llvm-cov is, of the version that rustc was built with.
fn llvm_tools() -> Result<PathBuf> {
    let rustc = |words: &str| -> Result<String> {
        let output = program("rustc", words).output().context("rustc")?;
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let sysroot = PathBuf::from(rustc("--print sysroot")?);
    let version = rustc("-vV")?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    let folder = sysroot.join("lib/rustlib").join(host.context("rustc has no host")?).join("bin");
    if !folder.join("llvm-cov").exists() {
        run(&mut program("rustup", "component add llvm-tools"), BUILD_LIMIT)?;
    }
    Ok(folder)
}

/// What was reached, in the format of lcov.
fn export(tools: &Path, folder: &Path, binaries: &[PathBuf]) -> Result<String> {
    let merged = folder.join("all.profdata");
    let mut merge = program(tools.join("llvm-profdata"), "merge --sparse -o");
    run(merge.arg(&merged).arg(folder), BUILD_LIMIT)?;
    let mut export = Command::new(tools.join("llvm-cov"));
    export.args(["export", "--format=lcov"]).arg(format!("--instr-profile={}", merged.display()));
    for binary in binaries {
        export.arg("--object").arg(binary);
    }
    export.arg("--sources").arg(paths::root().join("core/src"));
    let output = export.output().context("llvm-cov")?;
    if !output.status.success() {
        bail!("llvm-cov: {}", String::from_utf8_lossy(&output.stderr));
    }
    fs::write(folder.join("lcov.info"), &output.stdout)?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_least_and_the_list_can_be_asked_for() {
        let parse = |line: &str| Wish::parse(line.split_whitespace().map(str::to_owned));
        assert_eq!(parse("--least 92 --lines").unwrap(), Wish { least: 92, list: true });
        assert!(parse("--least").is_err() && parse("--fast").is_err());
    }
}
