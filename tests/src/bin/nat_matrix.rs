//! `cargo xtask nat-matrix`: every server NAT against every viewer NAT, in the lab. Writes docs/nat-matrix.md; a selection
//! is only printed. With `--watch-s 10` each pair plays on for so long, and must get no false verdict. Exit code 1 where
//! anything is not as predicted or not in time.

use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use pinhole_tests::lab::matrix::{Heading, Selection, page, run};
use pinhole_tests::lab::table::JOBS;

const REPEAT_MAX: u32 = 20;
const JOBS_MAX: usize = 16;
const WATCH_MAX: Duration = Duration::from_secs(60);

struct Arguments {
    only: Selection,
    jobs: usize,
    repeat: u32,
    watch: Duration,
}

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match parse(&words).and_then(|arguments| play(&arguments, &words)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(2)
        }
    }
}

fn parse(words: &[String]) -> Result<Arguments> {
    let mut arguments =
        Arguments { only: Selection::default(), jobs: JOBS, repeat: 2, watch: Duration::ZERO };
    let mut words = words.iter().map(String::as_str);
    while let Some(word) = words.next() {
        let value = words.next().with_context(|| format!("{word} wants a value"));
        match word {
            "--only" => arguments.only = Selection::parse(value?)?,
            "--jobs" => arguments.jobs = value?.parse().context("--jobs wants a number")?,
            "--repeat" => arguments.repeat = value?.parse().context("--repeat wants a number")?,
            "--watch-s" => {
                let seconds = value?.parse().context("--watch-s wants a number of seconds")?;
                arguments.watch = Duration::from_secs(seconds);
            }
            other => bail!(
                "{other:?} is not understood; there are --only, --jobs, --repeat and --watch-s"
            ),
        }
    }
    if !(1..=JOBS_MAX).contains(&arguments.jobs) || !(1..=REPEAT_MAX).contains(&arguments.repeat) {
        bail!("--jobs goes from 1 to {JOBS_MAX}, --repeat from 1 to {REPEAT_MAX}");
    }
    if arguments.watch > WATCH_MAX {
        bail!("--watch-s goes to {}", WATCH_MAX.as_secs());
    }
    Ok(arguments)
}

/// True where everything is as it must be.
fn play(arguments: &Arguments, words: &[String]) -> Result<bool> {
    let begin = Instant::now();
    let tried = run(&arguments.only, arguments.repeat, arguments.jobs, arguments.watch);
    let command = ["cargo xtask nat-matrix"].into_iter().chain(words.iter().map(String::as_str));
    let heading = Heading {
        command: command.collect::<Vec<_>>().join(" "),
        date: today()?,
        took: begin.elapsed(),
    };
    let (text, good) = page(&tried, &heading);
    if arguments.only.is_all() {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/nat-matrix.md");
        std::fs::write(&file, text).with_context(|| file.display().to_string())?;
        eprintln!("written: docs/nat-matrix.md, {}", if good { "all good" } else { "with faults" });
    } else {
        println!("{text}");
    }
    Ok(good)
}

fn today() -> Result<String> {
    let output = Command::new("date").args(["-u", "+%Y-%m-%d"]).output().context("date")?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
