//! Glass to glass: how old the test picture is when headless Chromium shows it, and where the time goes.

use std::time::Duration;

use anyhow::{Result, bail};

use crate::install::{self, Missing};
use crate::paths;
use crate::run::{program, run};
use crate::steps::build_program;

/// What the client needs besides the time that it watches.
const OVERHEAD: Duration = Duration::from_secs(2 * 60);
/// Longer is not watched.
const SECONDS_MAX: u32 = 3_600;

/// What is wished for: words of `tests/clients/latency.mjs`.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Wish {
    words: Vec<String>,
    seconds: u32,
}

impl Wish {
    /// Checks the words, so that a wrong one is told before anything is built.
    pub(crate) fn parse(mut given: impl Iterator<Item = String>) -> Result<Wish> {
        let mut wish = Wish { words: Vec::new(), seconds: 30 };
        while let Some(word) = given.next() {
            let value = given.next().unwrap_or_default();
            let fits = match word.as_str() {
                "--seconds" => {
                    wish.seconds = value.parse().unwrap_or(0);
                    (1..=SECONDS_MAX).contains(&wish.seconds)
                }
                "--size" => value.split_once('x').is_some_and(|(w, h)| {
                    [w, h].iter().all(|side| side.parse::<u32>().is_ok_and(|side| side > 0))
                }),
                "--fps" | "--p50-ms" | "--p99-ms" => value.parse::<f64>().is_ok_and(|n| n > 0.0),
                "--screenshots" => !value.is_empty(),
                _ => bail!("{word:?} is not understood here"),
            };
            if !fits {
                bail!("{word} does not take {value:?}");
            }
            if word != "--seconds" {
                wish.words.extend([word, value]);
            }
        }
        Ok(wish)
    }
}

/// Measures with the program as users build it.
///
/// # Errors
/// What it needs cannot be installed, the program does not build, the browser showed nothing, or a figure
/// is above what was wished for.
pub(crate) fn latency(wish: &Wish) -> Result<()> {
    let missing = Missing::of_chromium();
    if !missing.is_empty() {
        install::install(&missing)?;
    }
    build_program()?;
    let limit = OVERHEAD + Duration::from_secs(wish.seconds.into());
    let mut client = program("node", "");
    client.arg(paths::clients().join("latency.mjs")).args(&wish.words);
    client.arg("--seconds").arg(wish.seconds.to_string()).env("PINHOLE", paths::program());
    // A file is named as it is seen from here, not from the root.
    run(client.current_dir(std::env::current_dir()?), limit)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Wish> {
        Wish::parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn what_the_client_takes_is_passed_on() {
        let wish = parse("--size 640x360 --seconds 5 --p99-ms 70").unwrap();
        assert_eq!(wish.words, ["--size", "640x360", "--p99-ms", "70"]);
        assert_eq!(wish.seconds, 5);
        assert_eq!(parse("").unwrap(), Wish { words: Vec::new(), seconds: 30 });
    }

    #[test]
    fn a_wrong_word_is_told_at_once() {
        for line in ["--sise 1x1", "--size 640", "--size 0x9", "--fps x", "--seconds 0", "--fps"] {
            assert!(parse(line).is_err(), "{line}");
        }
    }
}
