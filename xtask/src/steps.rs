//! The steps of `cargo xtask test`, each by itself, and `cargo xtask bench`.

use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::install::{self, Missing};
use crate::report::Report;
use crate::run::{cargo, program, run};
use crate::{clients, paths};

/// A step can be chosen by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    Format,
    Lints,
    Program,
    Instructions,
    Tests,
    Docs,
    Web,
    Clients,
    World,
    Lab,
}

/// Builds from nothing included, on two cores that are three times slower than usual.
pub(crate) const BUILD_LIMIT: Duration = Duration::from_secs(30 * 60);
/// Builds the program as users do.
const PROGRAM: &str = "build --release -p pinhole";
/// Simulated worlds of every test run; the same ones each time. Each is 50 ms of a slow core.
const WORLDS: u64 = 5_000;
/// Every pair of NATs, several times.
const MATRIX_LIMIT: Duration = Duration::from_secs(60 * 60);
/// Steps that build nothing.
const SHORT_LIMIT: Duration = Duration::from_secs(5 * 60);

impl Step {
    pub(crate) const ALL: [Step; 10] = [
        Step::Format,
        Step::Lints,
        Step::Program,
        Step::Instructions,
        Step::Tests,
        Step::Docs,
        Step::Web,
        Step::Clients,
        Step::World,
        Step::Lab,
    ];

    /// The step of this name.
    ///
    /// # Errors
    /// There is none.
    pub(crate) fn named(name: &str) -> Result<Step> {
        let found = Step::ALL.into_iter().find(|step| step.name() == name);
        found.with_context(|| format!("there is no step {name:?}"))
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Step::Format => "format",
            Step::Lints => "lints",
            Step::Program => "program",
            Step::Instructions => "instructions",
            Step::Tests => "tests",
            Step::World => "world",
            Step::Docs => "docs",
            Step::Web => "web",
            Step::Clients => "clients",
            Step::Lab => "lab",
        }
    }

    /// The command of a step that waits for nothing and holds nobody to a time.
    pub(crate) fn computes(self) -> Option<Command> {
        Some(match self {
            Step::Lints => cargo("clippy --workspace --all-targets -- -D warnings"),
            Step::Program => cargo(PROGRAM),
            Step::Docs => {
                let mut doc = cargo("doc --workspace --no-deps");
                // Modules tell their story with links into what they hide; those stay plain text in public pages.
                doc.env("RUSTDOCFLAGS", "-D warnings -A rustdoc::private_intra_doc_links");
                doc
            }
            Step::Instructions => cargo("xtask instructions"),
            Step::World => cargo(&format!("xtask world --jobs 2 --seeds 0..{WORLDS}")),
            Step::Format | Step::Tests | Step::Web | Step::Clients | Step::Lab => return None,
        })
    }
}

/// Compares the source with what rustfmt makes of it.
///
/// # Errors
/// They differ.
pub(crate) fn format() -> Result<()> {
    run(&mut cargo("fmt --all --check"), SHORT_LIMIT)
}

/// Builds the program as users do.
///
/// # Errors
/// It does not build.
pub(crate) fn build_program() -> Result<()> {
    run(&mut cargo(PROGRAM), BUILD_LIMIT)
}

/// Runs the tests of the page's scripts.
///
/// # Errors
/// One fails.
pub(crate) fn web() -> Result<()> {
    let mut node = program("node", "--test --test-reporter=spec");
    run(node.args(clients::player_tests()?), SHORT_LIMIT)
}

/// Has real clients watch the program.
///
/// # Errors
/// One is not content.
pub(crate) fn clients() -> Result<()> {
    build_program()?;
    run(&mut cargo("build --workspace --bin shaper"), BUILD_LIMIT)?;
    clients::run_all()
}

/// Plays every server NAT against every viewer NAT with the program as users build it; true if all is as predicted.
///
/// # Errors
/// What it needs cannot be installed.
pub(crate) fn nat_matrix(words: &[String]) -> Result<bool> {
    let mut report = Report::new();
    let missing = Missing::of(&[Step::Lab]);
    if !missing.is_empty() {
        report.step("install", || install::install(&missing));
    }
    report.step("program", build_program);
    report.step("nat-matrix", || {
        run(&mut cargo("build --workspace --bin nat_matrix"), BUILD_LIMIT)?;
        let mut matrix = program(paths::target().join("debug/nat_matrix"), "");
        run(matrix.args(words).env("PINHOLE", paths::program()), MATRIX_LIMIT)
    });
    Ok(report.close())
}

/// Makes a test of a recording; false if it is refused, for which the reason is printed.
///
/// # Errors
/// What does it does not build.
pub(crate) fn keep(words: &[String]) -> Result<bool> {
    run(&mut cargo("build --quiet --workspace --bin keep"), BUILD_LIMIT)?;
    // A file is named as it is seen from here, not from the root.
    let mut keep = program(paths::target().join("debug/keep"), "");
    let keep = keep.args(words).current_dir(std::env::current_dir()?);
    Ok(run(keep, SHORT_LIMIT).is_ok())
}

/// Prints the figures of signalling.
///
/// # Errors
/// The bench does not build or fails.
pub(crate) fn bench() -> Result<bool> {
    let mut report = Report::new();
    report.step("bench", || {
        run(&mut cargo("bench -p pinhole-benches --bench signalling"), BUILD_LIMIT)
    });
    println!("built in {}", paths::target().display());
    Ok(report.close())
}
