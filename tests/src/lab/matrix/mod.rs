//! Every server NAT against every viewer NAT, held against the rule of [`super::nat`], and the page that says so.

mod page;
mod selection;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::Result;

use super::ice::{MAP, SERVER_ALL, SERVER_GATHERS, viewer_all};
use super::nat::{Class, Prediction, TYPES, class, predict};
use super::row::{Outcome, Row};
use super::site::wan_address;
use super::{PathKind, server_address, table};

pub use page::{Heading, page};
pub use selection::Selection;

/// One pair of NATs, and what came of each try.
#[derive(Debug)]
pub struct Tried {
    /// NAT in front of the server.
    pub nat_a: String,
    /// NAT in front of the viewer.
    pub nat_b: String,
    /// By rule.
    pub prediction: Prediction,
    /// Of each try: what came, or why nothing came.
    pub tries: Vec<Result<Outcome, String>>,
}

/// Plays the chosen pairs, each `repeat` times and each time in a lab of its own, `jobs` at once; one line of progress
/// each. What connects plays on for `watch`, and must get no false verdict.
pub fn run(selection: &Selection, repeat: u32, jobs: usize, watch: Duration) -> Vec<Tried> {
    let begin = Instant::now();
    let mut rows = Vec::new();
    for instance in 0..repeat {
        for (nat_a, nat_b) in pairs().filter(|(a, b)| selection.has(a, b)) {
            rows.push(row(nat_a, nat_b, instance).watch(watch));
        }
    }
    let (count, mut done) = (rows.len(), 0);
    let outcomes = table::run(&rows, jobs, &mut |index, outcome| {
        done += 1;
        let (row, s) = (&rows[index], begin.elapsed().as_secs());
        let said = match outcome {
            Ok(outcome) => format!("{} {:.0} ms", outcome.path, outcome.connect_ms),
            Err(error) => format!("FAILED {error:#}"),
        };
        eprintln!("{done}/{count} {s} s  {} x {}: {said}", row.nat_a, row.nat_b);
    });
    let mut tried: BTreeMap<(usize, usize), Tried> = BTreeMap::new();
    for (row, outcome) in rows.iter().zip(outcomes) {
        let key = (place(&row.nat_a), place(&row.nat_b));
        let pair = tried.entry(key).or_insert_with(|| Tried {
            nat_a: row.nat_a.clone(),
            nat_b: row.nat_b.clone(),
            prediction: predict(&row.nat_a, &row.nat_b).expect("the rule knows every pair"),
            tries: Vec::new(),
        });
        pair.tries.push(outcome.map_err(|error| format!("{error:#}")));
    }
    tried.into_values().collect()
}

/// `same` is a position of viewers only.
fn pairs() -> impl Iterator<Item = (&'static str, &'static str)> {
    let servers = TYPES.into_iter().filter(|nat| *nat != "same");
    servers.flat_map(|server| TYPES.into_iter().map(move |viewer| (server, viewer)))
}

fn place(nat: &str) -> usize {
    TYPES.iter().position(|known| *known == nat).unwrap_or(TYPES.len())
}

/// A pair as the matrix plays it: STUN and TURN on both sides, and the map where there is one. The row expects nothing
/// itself, for the page must show what came instead; [`Tried::mismatch`] judges.
fn row(nat_a: &str, nat_b: &str, instance: u32) -> Row {
    let map = match nat_a {
        "fwd" | "one2one" => format!("{MAP} --advertise both"),
        _ => String::new(),
    };
    let servers = if SERVER_GATHERS { SERVER_ALL } else { "" };
    let mut row = Row::new(nat_a, nat_b)
        .serve(&format!("{map} {servers}"))
        .ice(&viewer_all(nat_b))
        .anything();
    row.config.instance = instance;
    row
}

impl Tried {
    /// What does not agree with the rule, if anything: the path, or an address that is none of this path's.
    pub fn mismatch(&self) -> Option<String> {
        for outcome in &self.tries {
            let wrong = match outcome {
                Err(error) => error.lines().next().unwrap_or("failed").to_owned(),
                Ok(outcome) if !self.prediction.allows(outcome.path) => {
                    format!("{} instead of {}", outcome.path, self.prediction)
                }
                Ok(outcome) if !self.addresses_fit(outcome) => {
                    format!("{} over {}", outcome.path, outcome.pair)
                }
                Ok(_) => continue,
            };
            return Some(wrong);
        }
        None
    }

    /// On a direct path the server is at its own or its NAT's address; on a LAN at its own. A relayed path was told by
    /// its addresses.
    fn addresses_fit(&self, outcome: &Outcome) -> bool {
        let own = server_address(&self.nat_a);
        let place = match outcome.path {
            PathKind::Relay => return true,
            PathKind::Lan => own,
            PathKind::Direct | PathKind::Tcp => wan_address(&self.nat_a),
        };
        outcome.pair.remote.address == place
    }

    fn connect_ms(&self) -> impl Iterator<Item = (Class, f64)> + '_ {
        self.tries
            .iter()
            .filter_map(|outcome| outcome.as_ref().ok())
            .map(|outcome| (class(&self.nat_a, &self.nat_b, outcome.path), outcome.connect_ms))
    }
}
