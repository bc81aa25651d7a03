//! The command line.

use anyhow::{Result, bail};

use crate::steps::Step;
use crate::{bench_peers, coverage, fuzz, instructions, latency, str0m_patches};

pub(crate) const USAGE: &str = "\
cargo xtask test [--only STEP[,STEP…]] [--no-install]
    STEP: format lints program instructions tests docs web clients world lab
cargo xtask nat-matrix [--only SERVER×VIEWER] [--jobs N] [--repeat N] [--watch-s N]
cargo xtask world [--seeds FIRST..END] [--jobs N] [--failures N]
cargo xtask world --seed N [--without PART[,PART…]] [--shrink] [--log]
cargo xtask plants
cargo xtask fuzz [--minutes N] [--only TARGET[,TARGET…]] [--jobs N] [--minimise] [--no-build]
cargo xtask coverage [--least PER_CENT] [--lines]
cargo xtask mutants [--again] [packetizer] [rewriter] [portmap] [turn]
cargo xtask miri [TEST…]
cargo xtask keep FILE NAME [--addresses as-recorded] [--decisions as-replayed]
cargo xtask latency [--size 1280x720] [--fps 30] [--seconds 30] [--p50-ms N] [--p99-ms N] [--screenshots DIR]
cargo xtask bench
cargo xtask bench-peers [--only PEER[,PEER…]] [--phases fan-out,idle,join,latency] [--viewers 1,20,50] [--rounds 3]
    [--no-install]
cargo xtask instructions [--keep]
cargo xtask str0m-patches [--only NN[,NN…]|none]";

/// What to do.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Command {
    Help,
    Bench,
    BenchPeers(bench_peers::Wish),
    Coverage(coverage::Wish),
    Fuzz(fuzz::Wish),
    Instructions(instructions::Wish),
    Latency(latency::Wish),
    /// Those tests whose names have one of these in them, or all.
    Miri(Vec<String>),
    /// Of these parts, or of all.
    Mutants(Vec<String>),
    /// With the words for the program that plays it.
    NatMatrix(Vec<String>),
    Str0mPatches(str0m_patches::Wish),
    /// With the words for the program that plays them.
    World(Vec<String>),
    Plants,
    /// With the words for the program that does it.
    Keep(Vec<String>),
    Test {
        only: Vec<Step>,
        install: bool,
    },
}

impl Command {
    pub(crate) fn parse(mut words: impl Iterator<Item = String>) -> Result<Command> {
        let command = match words.next().as_deref() {
            Some("test") => return Command::parse_test(words),
            Some("nat-matrix") => return Ok(Command::NatMatrix(words.collect())),
            Some("world") => return Ok(Command::World(words.collect())),
            Some("plants") => Command::Plants,
            Some("fuzz") => return Ok(Command::Fuzz(fuzz::Wish::parse(words)?)),
            Some("coverage") => return Ok(Command::Coverage(coverage::Wish::parse(words)?)),
            Some("bench-peers") => {
                return Ok(Command::BenchPeers(bench_peers::Wish::parse(words)?));
            }
            Some("instructions") => {
                return Ok(Command::Instructions(instructions::Wish::parse(words)?));
            }
            Some("str0m-patches") => {
                return Ok(Command::Str0mPatches(str0m_patches::Wish::parse(words)?));
            }
            Some("latency") => return Ok(Command::Latency(latency::Wish::parse(words)?)),
            Some("miri") => return Ok(Command::Miri(words.collect())),
            Some("mutants") => return Ok(Command::Mutants(words.collect())),
            Some("keep") => return Ok(Command::Keep(words.collect())),
            Some("bench") => Command::Bench,
            Some("help" | "--help" | "-h") | None => Command::Help,
            Some(other) => bail!("there is no command {other:?}"),
        };
        match words.next() {
            Some(word) => bail!("{word:?} is not understood here"),
            None => Ok(command),
        }
    }

    fn parse_test(mut words: impl Iterator<Item = String>) -> Result<Command> {
        let (mut only, mut install) = (Vec::new(), true);
        while let Some(word) = words.next() {
            match word.as_str() {
                "--no-install" => install = false,
                "--only" => {
                    let names = words.next().unwrap_or_default();
                    for name in names.split(',') {
                        only.push(Step::named(name)?);
                    }
                }
                other => bail!("{other:?} is not understood here"),
            }
        }
        if only.is_empty() {
            only = Step::ALL.to_vec();
        }
        Ok(Command::Test { only, install })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Command> {
        Command::parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn test_alone_means_every_step_and_installs() {
        let all = Command::Test { only: Step::ALL.to_vec(), install: true };
        assert_eq!(parse("test").unwrap(), all);
    }

    #[test]
    fn steps_can_be_chosen() {
        let chosen = Command::Test { only: vec![Step::Clients, Step::Web], install: false };
        assert_eq!(parse("test --only clients,web --no-install").unwrap(), chosen);
    }

    #[test]
    fn what_is_not_understood_is_named() {
        for (line, word) in [("tets", "tets"), ("test --fast", "--fast"), ("test --only x", "x")] {
            assert!(parse(line).unwrap_err().to_string().contains(word), "{line}");
        }
        assert!(parse("test --only").is_err());
    }
}
