//! Pinhole and its peers, one after the other, with the same stream, receivers and machine.
//!
//! What runs beside Pinhole lies in `benches/peers`, a workspace of its own; `pinhole-stamped` is Pinhole with media
//! that say when they were handed over. A peer that cannot be installed, built or started is named with the reason
//! and left out. Everything runs on loopback or in a network namespace, and every step has an end.

mod namespace;
mod peer;
mod phase;
mod prepare;
mod server;
mod table;

use anyhow::{Context, Result, bail};

use namespace::Namespace;
use peer::Peer;
use phase::{Phase, Record};

/// More is not measured.
const ROUNDS_MAX: u32 = 20;
const VIEWERS_MAX: u32 = 1_000;

/// What is wished for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Wish {
    peers: Vec<&'static Peer>,
    phases: Vec<Phase>,
    viewers: Vec<u32>,
    rounds: u32,
    may_install: bool,
}

impl Wish {
    /// Checks the words, so that a wrong one is told before anything is built.
    pub(crate) fn parse(mut given: impl Iterator<Item = String>) -> Result<Wish> {
        let mut wish = Wish {
            peers: peer::ALL.iter().collect(),
            phases: Phase::ALL.to_vec(),
            viewers: vec![1, 20, 50],
            rounds: 3,
            may_install: true,
        };
        while let Some(word) = given.next() {
            if word == "--no-install" {
                wish.may_install = false;
                continue;
            }
            let value = given.next().with_context(|| format!("{word} needs a value"))?;
            let values = value.split(',');
            match word.as_str() {
                "--only" => wish.peers = values.map(peer::named).collect::<Result<_>>()?,
                "--phases" => wish.phases = values.map(Phase::named).collect::<Result<_>>()?,
                "--viewers" => {
                    let number = |text| number(text, VIEWERS_MAX);
                    wish.viewers = values.map(number).collect::<Result<_>>()?;
                }
                "--rounds" => wish.rounds = number(&value, ROUNDS_MAX)?,
                _ => bail!("{word:?} is not understood here"),
            }
        }
        Ok(wish)
    }
}

fn number(text: &str, most: u32) -> Result<u32> {
    let number = text.parse().ok().filter(|number| (1..=most).contains(number));
    number.with_context(|| format!("{text:?} is no number from 1 to {most}"))
}

/// Runs all rounds, and prints medians with their ratios to Pinhole; false if Pinhole itself was left out.
///
/// # Errors
/// The stream or the receiver cannot be made.
pub(crate) fn bench_peers(wish: &Wish) -> Result<bool> {
    let mut left_out = Vec::new();
    prepare::common(wish.may_install)?;
    let mut peers = wish.peers.clone();
    peers.retain(|peer| match prepare::peer(peer, wish.may_install) {
        Ok(()) => true,
        Err(error) => {
            left_out.push(format!("{}: {error:#}", peer.name));
            false
        }
    });
    let namespace = Namespace::default();
    let mut records: Vec<Record> = Vec::new();
    for round in 1..=wish.rounds {
        for peer in &peers {
            for phase in wish.phases.iter().filter(|phase| peer.takes_part(**phase)) {
                println!("round {round} of {}: {} {}", wish.rounds, peer.name, phase.name());
                match phase.run(peer, &wish.viewers, &namespace) {
                    Ok(more) => records.extend(more),
                    Err(error) => {
                        let reason = format!("{} {}: {error:#}", peer.name, phase.name());
                        println!("  {reason}");
                        left_out.push(reason);
                    }
                }
            }
        }
    }
    table::print(&wish.phases, &peers, &wish.viewers, &records);
    left_out.dedup();
    for reason in &left_out {
        println!("left out: {reason}");
    }
    Ok(!left_out.iter().any(|reason| reason.starts_with("pinhole")))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Wish> {
        Wish::parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn everything_is_measured_three_times_unless_somebody_says_otherwise() {
        let wish = parse("").unwrap();
        assert_eq!((wish.peers.len(), wish.rounds), (peer::ALL.len(), 3));
        let wish = parse("--only pion,udp-gso --phases join --viewers 2,9 --rounds 1").unwrap();
        let names: Vec<_> = wish.peers.iter().map(|peer| peer.name).collect();
        assert_eq!((names, wish.phases), (vec!["pion", "udp-gso"], vec![Phase::Join]));
        assert_eq!((wish.viewers, wish.rounds), (vec![2, 9], 1));
    }

    #[test]
    fn a_wrong_word_is_told_at_once() {
        for line in
            ["--only poin", "--phases x", "--viewers 0", "--viewers 1,,2", "--rounds", "--fast x"]
        {
            assert!(parse(line).is_err(), "{line}");
        }
    }
}
