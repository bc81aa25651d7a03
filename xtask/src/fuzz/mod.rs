//! `cargo xtask fuzz`: libFuzzer on each target of `fuzz/` in turn, under AddressSanitizer.
//!
//! It needs a nightly toolchain; cargo-fuzz it installs itself, into the target folder. What is found
//! on the way grows in a corpus in the target folder; `--minimise` brings what reaches something new
//! back into `fuzz/corpus/`. An input that does harm lies in `fuzz/artifacts/`, with the command that
//! replays it in the report.

mod log;

use std::ffi::OsString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::install::cargo_tool;
use crate::paths;
use crate::run::{program, run, succeeds};
use log::Outcome;

/// All targets built from nothing, under AddressSanitizer, on two slow cores.
const BUILD_LIMIT: Duration = Duration::from_secs(60 * 60);
/// One target's corpus, merged.
const MERGE_LIMIT: Duration = Duration::from_secs(20 * 60);
/// Memory and seconds for one input: far beyond what any needs, on a machine with other work too (the longest
/// script costs four seconds of a processor).
const LIMITS: &str = "-rss_limit_mb=2048 -malloc_limit_mb=512 -timeout=60 -print_final_stats=1";
/// OpenH264, which is linked in and not run, defines some tables twice. And stack frames are not kept for after
/// their function: safe code cannot use them then, and clearing the large ones of str0m is half of a script's time.
const ASAN_OPTIONS: &str = "detect_odr_violation=0:detect_stack_use_after_return=0";
/// The longest input that a minimised corpus takes in.
const KEPT_BYTES_MAX: &str = "-max_len=4096";

/// What is asked for.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Wish {
    minutes: u64,
    only: Vec<String>,
    jobs: usize,
    minimise: bool,
    /// The targets are taken as they were built last.
    as_built: bool,
}

impl Wish {
    /// Reads the words behind `fuzz`.
    pub(crate) fn parse(mut words: impl Iterator<Item = String>) -> Result<Wish> {
        let mut wish = Wish { minutes: 10, jobs: 1, ..Wish::default() };
        while let Some(word) = words.next() {
            let mut value = || words.next().with_context(|| format!("{word} needs a value"));
            match word.as_str() {
                "--minutes" => wish.minutes = number(&value()?)?,
                "--jobs" => wish.jobs = usize::try_from(number(&value()?)?)?,
                "--only" => wish.only.extend(value()?.split(',').map(str::to_owned)),
                "--minimise" => wish.minimise = true,
                "--no-build" => wish.as_built = true,
                other => bail!("{other:?} is not understood here"),
            }
        }
        Ok(wish)
    }
}

fn number(text: &str) -> Result<u64> {
    text.parse().ok().filter(|number| *number > 0).with_context(|| format!("{text:?} is no count"))
}

/// A target, and its share of the time: those with handshakes take longer for each input.
struct Target {
    name: String,
    share: u64,
}

/// Builds the targets and runs each; true if none found anything.
///
/// # Errors
/// There is no nightly toolchain, or the targets do not build.
pub(crate) fn fuzz(wish: &Wish) -> Result<bool> {
    let targets = targets(&wish.only)?;
    if !wish.as_built {
        build()?;
    }
    if wish.minimise {
        return targets.iter().try_for_each(minimise).map(|()| true);
    }
    let shares: u64 = targets.iter().map(|target| target.share).sum();
    let seconds = wish.minutes * 60 * wish.jobs as u64;
    let queue = Mutex::new(targets.iter());
    let outcomes = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..wish.jobs {
            scope.spawn(|| {
                while let Some(target) = next(&queue) {
                    let time = (seconds * target.share / shares).max(1);
                    let outcome = fuzz_one(target, time);
                    println!("{}: {}", target.name, told(&outcome));
                    lock(&outcomes).push((target.name.clone(), outcome));
                }
            });
        }
    });
    let outcomes = outcomes.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    println!("\n{}", log::HEAD);
    for (name, outcome) in &outcomes {
        println!("{name:<15} {}", told(outcome));
    }
    Ok(outcomes.iter().all(|(_, outcome)| matches!(outcome, Ok(it) if it.is_clean())))
}

fn told(outcome: &Result<Outcome>) -> String {
    match outcome {
        Ok(outcome) => outcome.to_string(),
        Err(error) => format!("FAILED  {error:#}"),
    }
}

fn next<'a>(queue: &Mutex<impl Iterator<Item = &'a Target>>) -> Option<&'a Target> {
    lock(queue).next()
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Those of `fuzz/fuzz_targets/`.
fn targets(only: &[String]) -> Result<Vec<Target>> {
    let mut names = Vec::new();
    for file in fs::read_dir(folder().join("fuzz_targets")).context("fuzz/fuzz_targets")? {
        let name = file?.path().file_stem().map(OsString::from).unwrap_or_default();
        names.push(name.to_string_lossy().into_owned());
    }
    names.sort();
    if let Some(wrong) = only.iter().find(|name| !names.contains(name)) {
        bail!("there is no target {wrong:?}; there are {}", names.join(", "));
    }
    names.retain(|name| only.is_empty() || only.contains(name));
    let share = |name: &str| match name {
        "script" => 4,
        "wire" => 3,
        "datagrams" | "streams" | "offer" => 2,
        _ => 1,
    };
    Ok(names.into_iter().map(|name| Target { share: share(&name), name }).collect())
}

/// What its inputs are made of.
fn dictionary(target: &str) -> PathBuf {
    let kind = match target {
        "annex_b" | "parameter_sets" => "h264",
        "candidate" | "fragment" | "offer" | "port_map" | "rewrite" => "sdp",
        "ice_servers" | "messages" | "recording" | "replay" => "json",
        _ => "binary",
    };
    folder().join(format!("dictionaries/{kind}.dict"))
}

fn fuzz_one(target: &Target, seconds: u64) -> Result<Outcome> {
    let (name, grown) = (&target.name, grown(&target.name));
    let artifacts = folder().join("artifacts").join(name);
    fs::create_dir_all(&grown)?;
    fs::create_dir_all(&artifacts)?;
    let log = grown.with_extension("log");
    let mut fuzzer = binary(name, LIMITS);
    fuzzer.arg(format!("-max_total_time={seconds}"));
    fuzzer.arg(format!("-artifact_prefix={}/", artifacts.display()));
    fuzzer.arg(format!("-dict={}", dictionary(name).display()));
    fuzzer.args([&grown, &seeds(name)]).stdin(Stdio::null());
    let file = File::create(&log)?;
    let status = fuzzer.stdout(file.try_clone()?).stderr(file).status()?;
    let text = fs::read(&log)?;
    let mut outcome = Outcome::read(&String::from_utf8_lossy(&text));
    outcome.corpus = fs::read_dir(&grown)?.count();
    if !status.success() {
        outcome.replay = Some(replay(name, &artifacts, &log));
    }
    Ok(outcome)
}

/// The command that shows what a target's latest find does.
fn replay(name: &str, artifacts: &Path, log: &Path) -> String {
    let files = fs::read_dir(artifacts).into_iter().flatten().flatten();
    let latest = files.max_by_key(|file| file.metadata().and_then(|it| it.modified()).ok());
    match latest {
        Some(file) => {
            let file = file.file_name().to_string_lossy().into_owned();
            format!(
                "ASAN_OPTIONS={ASAN_OPTIONS} cargo +nightly fuzz run {name} \
                 fuzz/artifacts/{name}/{file}"
            )
        }
        None => format!("it did not run: see {}", log.display()),
    }
}

/// Takes those of the inputs found that reach something new into the committed corpus.
fn minimise(target: &Target) -> Result<()> {
    let mut merge = binary(&target.name, "-merge=1 -set_cover_merge=1");
    merge.arg(KEPT_BYTES_MAX).args([seeds(&target.name), grown(&target.name)]);
    run(merge.stderr(Stdio::null()), MERGE_LIMIT)
}

fn binary(name: &str, words: &str) -> Command {
    let mut binary = program(built().join("x86_64-unknown-linux-gnu/release").join(name), words);
    binary.env("ASAN_OPTIONS", ASAN_OPTIONS);
    binary
}

fn seeds(name: &str) -> PathBuf {
    folder().join("corpus").join(name)
}

fn grown(name: &str) -> PathBuf {
    paths::target().join("fuzz/corpus").join(name)
}

fn built() -> PathBuf {
    paths::target().join("libfuzzer")
}

fn folder() -> PathBuf {
    paths::root().join("fuzz")
}

/// Installs cargo-fuzz, if it is missing, and builds all targets.
fn build() -> Result<()> {
    if !succeeds("rustup", &["run", "nightly", "rustc", "--version"]) {
        bail!("no nightly toolchain; run `rustup toolchain install nightly --profile minimal`");
    }
    let cargo_fuzz = cargo_tool("cargo-fuzz")?;
    let mut build = program("rustup", "run nightly");
    build.arg(cargo_fuzz).args(["fuzz", "build"]).current_dir(folder());
    // Cargo, which called us, tells these of its own toolchain.
    build.env_remove("CARGO").env_remove("RUSTC").env("CARGO_TARGET_DIR", built());
    run(&mut build, BUILD_LIMIT)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Wish> {
        Wish::parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn time_targets_and_jobs_can_be_chosen() {
        let only = vec!["wire".to_owned(), "offer".to_owned()];
        let wish = Wish { minutes: 90, only, jobs: 2, ..Wish::default() };
        assert_eq!(parse("--minutes 90 --only wire,offer --jobs 2").unwrap(), wish);
        assert_eq!(parse("").unwrap(), Wish { minutes: 10, jobs: 1, ..Wish::default() });
        for wrong in ["--minutes", "--minutes 0", "--jobs x", "--fast"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn every_target_has_a_dictionary_and_a_corpus() {
        let all = targets(&[]).unwrap();
        assert!(all.len() >= 16, "{}", all.len());
        for target in all {
            assert!(dictionary(&target.name).exists(), "{}", target.name);
            assert!(seeds(&target.name).exists(), "{}", target.name);
        }
        assert!(targets(&["nothing".to_owned()]).is_err());
    }
}
