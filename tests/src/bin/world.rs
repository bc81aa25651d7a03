//! Plays simulated worlds by their numbers: `cargo xtask world`. Ends with 1 if something did not hold in
//! one of them.

use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use pinhole_tests::world::plan::{Plan, play_many, shrink};

/// Failures after which a long run ends, if nothing else is said.
const FAILURES_MAX: usize = 20;
/// Worlds after which a long run says how far it is.
const TOLD_EVERY: u64 = 50_000;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error}");
            eprintln!("usage: world [--seeds FIRST..END] [--jobs N] [--failures N]");
            eprintln!("       world --seed N [--without PART,PART…] [--shrink] [--log]");
            ExitCode::from(2)
        }
    }
}

fn run(arguments: &[String]) -> Result<bool, String> {
    let (mut seeds, mut jobs, mut one, mut shrinks) = (0..20_000, 2, None, false);
    let (mut without, mut failures) = (Vec::new(), FAILURES_MAX);
    let mut words = arguments.iter();
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or_else(|| format!("{word} wants a value"));
        match word.as_str() {
            "--seeds" => {
                let text = value()?;
                let (first, end) = text.split_once("..").ok_or("--seeds wants FIRST..END")?;
                seeds = number(first)?..number(end)?;
            }
            "--jobs" => jobs = number(value()?)? as usize,
            "--failures" => failures = number(value()?)? as usize,
            "--seed" => one = Some(number(value()?)?),
            "--without" => {
                let list = value()?.split(',').map(number);
                without = list.map(|n| n.map(|n| n as usize)).collect::<Result<_, _>>()?;
            }
            "--shrink" => shrinks = true,
            "--log" => log(),
            other => return Err(format!("{other} is no argument")),
        }
    }
    match one {
        Some(seed) => Ok(play_one(seed, &without, shrinks)),
        None => Ok(play_range(seeds, jobs, failures)),
    }
}

/// What the core and str0m log goes to standard error.
fn log() {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env();
    let filter = filter.unwrap_or_else(|_| "pinhole_core=trace,is=debug,str0m=debug".into());
    let lines = tracing_subscriber::fmt().with_writer(std::io::stderr).without_time();
    lines.with_env_filter(filter).init();
}

fn number(text: &str) -> Result<u64, String> {
    text.replace('_', "").parse().map_err(|_| format!("{text} is no number"))
}

fn play_one(seed: u64, without: &[usize], shrinks: bool) -> bool {
    let plan = Plan::draw(seed).without(without);
    let all = Plan::draw(seed).parts.len();
    println!("{plan}");
    if !shrinks {
        let tally = pinhole_tests::world::plan::play(&plan);
        println!("all held: {tally:?}");
        return true;
    }
    match shrink(&plan) {
        None => println!("all held: nothing to shrink"),
        Some((smaller, broken)) => {
            println!("{smaller}\n{broken}\nagain: {}", smaller.command(all));
            return false;
        }
    }
    true
}

fn play_range(seeds: std::ops::Range<u64>, jobs: usize, failures: usize) -> bool {
    let began = Instant::now();
    // In a run of hours, what is known is told as soon as it is.
    let told = AtomicUsize::new(0);
    let report = play_many(seeds, jobs, failures, |report| {
        if told.swap(report.failures.len(), Ordering::Relaxed) < report.failures.len()
            && let Some(failure) = report.failures.last()
        {
            eprintln!("seed {}: {}", failure.seed, failure.broken);
        }
        if report.worlds.is_multiple_of(TOLD_EVERY) {
            let (worlds, failed) = (report.worlds, report.failures.len());
            eprintln!("{worlds} worlds after {} s, {failed} failed", began.elapsed().as_secs());
        }
    });
    println!("{}", report.summary(began.elapsed()));
    for failure in &report.failures {
        println!("seed {}: {}", failure.seed, failure.broken);
    }
    report.failures.is_empty()
}
