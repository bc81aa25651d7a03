//! `cargo xtask test`: the steps in the order that takes the least time on two cores.
//!
//! The tests are built first, and those that load the machine run while nothing else does. What only computes (lints,
//! the program, documentation, simulated worlds) goes on beside the rest of the tests and the lab, which mostly wait.
//! Real clients come last: they want the program, and a machine for themselves.

use anyhow::{Result, bail};

use crate::beside::Beside;
use crate::install::{self, Missing};
use crate::report::Report;
use crate::rust_tests;
use crate::steps::{self, Step};

/// Goes on beside the tests, in this order: others wait for the program.
const BESIDE: [Step; 5] = [Step::Program, Step::World, Step::Lints, Step::Docs, Step::Instructions];

/// Runs the steps; true if none failed.
///
/// # Errors
/// What is missing cannot be installed.
pub(crate) fn test(only: &[Step], may_install: bool) -> Result<bool> {
    let mut report = Report::new();
    let steps = able(only, may_install, &mut report);
    let has = |step: Step| steps.contains(&step);
    if has(Step::Format) {
        report.step(Step::Format.name(), steps::format);
    }
    let mut built = None;
    if has(Step::Tests) || has(Step::Lab) {
        report.step("build", || {
            built = Some(rust_tests::built()?);
            Ok(())
        });
    }
    if let (Some(built), true) = (&built, has(Step::Tests)) {
        report.step("loads", || built.run_loads());
    }
    let beside = Beside::begin(BESIDE.into_iter().filter(|step| has(*step)).collect());
    if let (Some(built), true) = (&built, has(Step::Tests)) {
        report.step(Step::Tests.name(), || built.run_others());
    }
    if let (Some(built), true) = (&built, has(Step::Lab)) {
        report.step(Step::Lab.name(), || built.run_lab());
    }
    for done in beside.end()? {
        report.ended(done.step.name(), &done.printed(), done.time, done.outcome);
    }
    if has(Step::Tests) {
        report.step("examples", rust_tests::run_examples);
    }
    if has(Step::Web) {
        report.step(Step::Web.name(), steps::web);
    }
    if has(Step::Clients) {
        report.step(Step::Clients.name(), steps::clients);
    }
    Ok(report.close())
}

/// Installs what is missing, and leaves the steps that can run.
fn able(only: &[Step], may_install: bool, report: &mut Report) -> Vec<Step> {
    let mut missing = Missing::of(only);
    if may_install && !missing.is_empty() {
        report.step("install", || install::install(&missing));
        missing = Missing::of(only);
    }
    let mut able = Vec::new();
    for step in Step::ALL.into_iter().filter(|step| only.contains(step)) {
        let lacks = missing.for_step(step);
        let why = format!("missing: {}", lacks.join(", "));
        match lacks.is_empty() {
            true => able.push(step),
            false if may_install => report.step(step.name(), || bail!(why)),
            false => report.skipped(step.name(), &why),
        }
    }
    able
}
