//! All Rust tests. Most of them wait more than they work, so several binaries run side by side; those that load the
//! machine, or hold it to a time, have it for themselves.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use crate::paths;
use crate::run::{cargo, program, run, run_and_read};
use crate::steps::BUILD_LIMIT;

/// One binary.
const LIMIT: Duration = Duration::from_secs(10 * 60);
const SIDE_BY_SIDE: usize = 2;
/// Have the machine for themselves.
const ALONE: [&str; 6] =
    ["adaptation", "bounded", "churn", "encoder_failures", "fan_out", "join_storm"];
/// Begin first, for they take the longest.
const LONG: [&str; 5] = ["recording", "runtimes", "turn_legs", "bad_input", "verdict_lines"];

/// A binary of tests.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Tests {
    name: String,
    program: PathBuf,
    /// Where its package is, which is where cargo runs it.
    package: PathBuf,
}

/// All of them, built.
pub(crate) struct Built(Vec<Tests>);

/// Builds all of them, and the programs that they run.
///
/// # Errors
/// One does not build.
pub(crate) fn built() -> Result<Built> {
    let words = "test --workspace --no-run --message-format=json-render-diagnostics";
    let messages = run_and_read(&mut cargo(words), BUILD_LIMIT)?;
    let tests: Vec<Tests> = messages.lines().filter_map(tests_of).collect();
    if tests.is_empty() {
        bail!("cargo named no test");
    }
    Ok(Built(tests))
}

/// Runs the examples in the documentation.
///
/// # Errors
/// One fails.
pub(crate) fn run_examples() -> Result<()> {
    run(&mut cargo("test --workspace --doc"), BUILD_LIMIT)
}

impl Built {
    /// Runs those that have the machine for themselves.
    ///
    /// # Errors
    /// Names all that failed.
    pub(crate) fn run_loads(&self) -> Result<()> {
        run_some(self.those(|tests| ALONE.contains(&tests.name.as_str())), 1)
    }

    /// Runs the others.
    ///
    /// # Errors
    /// Names all that failed.
    pub(crate) fn run_others(&self) -> Result<()> {
        let mut others = self.those(|tests| !ALONE.contains(&tests.name.as_str()));
        // The longest comes last, and is popped first.
        others.sort_by_key(|tests| {
            std::cmp::Reverse(
                LONG.iter().position(|long| *long == tests.name).unwrap_or(LONG.len()),
            )
        });
        run_some(others, SIDE_BY_SIDE)
    }

    /// Runs what needs real NATs. Three at a time, for most of each is waiting; each plays several labs side by side.
    ///
    /// # Errors
    /// Something failed.
    pub(crate) fn run_lab(&self) -> Result<()> {
        let lab = self.0.iter().find(|tests| tests.name == "lab").context("there is no lab")?;
        run(&mut lab.command("--ignored --test-threads=3 --nocapture"), LIMIT)
    }

    fn those(&self, chosen: impl Fn(&Tests) -> bool) -> Vec<Tests> {
        self.0.iter().filter(|tests| chosen(tests)).cloned().collect()
    }
}

impl Tests {
    fn command(&self, words: &str) -> Command {
        let mut command = program(&self.program, words);
        command.current_dir(&self.package).env("CARGO_MANIFEST_DIR", &self.package);
        command
    }
}

/// The binary that a message of cargo's names, if it has tests: see "external tools" in the book of cargo.
fn tests_of(message: &str) -> Option<Tests> {
    let message: Value = serde_json::from_str(message).ok()?;
    if !message["profile"]["test"].as_bool()? {
        return None;
    }
    let manifest = Path::new(message["manifest_path"].as_str()?);
    Some(Tests {
        name: message["target"]["name"].as_str()?.to_owned(),
        program: message["executable"].as_str()?.into(),
        package: manifest.parent()?.to_owned(),
    })
}

fn run_some(tests: Vec<Tests>, at_a_time: usize) -> Result<()> {
    let logs = paths::target().join("test-output");
    std::fs::create_dir_all(&logs)?;
    let failed = run_queue(tests, at_a_time, &logs)?;
    ensure!(failed.is_empty(), "{} failed:\n{}", failed.len(), failed.join("\n"));
    Ok(())
}

/// Runs them from the last to the first, that many at a time, and prints what each has printed once it has ended.
fn run_queue(queue: Vec<Tests>, at_a_time: usize, logs: &Path) -> Result<Vec<String>> {
    let (queue, failed) = (Mutex::new(queue), Mutex::new(Vec::new()));
    let next = || queue.lock().ok()?.pop();
    let work = || -> Result<()> {
        while let Some(tests) = next() {
            let log = logs.join(tests.program.file_name().context("a program without a name")?);
            let outcome = run_one(&tests, &log);
            let mut failed = failed.lock().map_err(|_| anyhow::anyhow!("another thread failed"))?;
            println!("{}", std::fs::read_to_string(&log)?);
            failed.extend(outcome.err().map(|error| format!("{}: {error:#}", tests.name)));
        }
        Ok(())
    };
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..at_a_time).map(|_| scope.spawn(work)).collect();
        workers.into_iter().try_for_each(|worker| match worker.join() {
            Ok(outcome) => outcome,
            Err(panic) => std::panic::resume_unwind(panic),
        })
    })?;
    failed.into_inner().context("a thread failed")
}

fn run_one(tests: &Tests, log: &Path) -> Result<()> {
    let file = File::create(log).with_context(|| log.display().to_string())?;
    let mut command = tests.command("");
    run(command.stderr(file.try_clone()?).stdout(file), LIMIT)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_message_names_a_binary_only_if_it_has_tests() {
        let message = |test: bool, executable: &str| {
            format!(
                r#"{{"reason":"compiler-artifact","manifest_path":"/p/tests/Cargo.toml","target":{{"name":"churn"}},"profile":{{"test":{test}}},"executable":{executable}}}"#
            )
        };
        let found = tests_of(&message(true, r#""/t/churn-1""#)).unwrap();
        assert_eq!((found.name.as_str(), found.package.to_str()), ("churn", Some("/p/tests")));
        assert_eq!(tests_of(&message(false, r#""/t/churn-1""#)), None, "a program");
        assert_eq!(tests_of(&message(true, "null")), None, "a library");
        assert_eq!(tests_of("warning: no JSON"), None);
    }

    #[test]
    fn one_that_fails_is_named_and_keeps_no_other_from_running() {
        let logs = std::env::temp_dir().join(format!("xtask-tests-{}", std::process::id()));
        std::fs::create_dir_all(&logs).unwrap();
        let tests = |name: &str| Tests {
            name: name.to_owned(),
            program: format!("/bin/{name}").into(),
            package: logs.clone(),
        };
        let failed =
            run_queue(vec![tests("true"), tests("false"), tests("pwd")], 2, &logs).unwrap();
        let printed = std::fs::read_to_string(logs.join("pwd")).unwrap();
        std::fs::remove_dir_all(&logs).unwrap();

        assert_eq!(failed.len(), 1, "{failed:?}");
        assert!(failed[0].starts_with("false: "), "{failed:?}");
        assert_eq!(printed.trim(), logs.canonicalize().unwrap_or(logs).to_str().unwrap());
    }
}
