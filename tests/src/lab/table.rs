//! Many rows: several labs side by side, each used for all rows that fit it.

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use anyhow::{Error, Result};

use super::Lab;
use super::row::{Outcome, Row, play};

/// Labs at once in tests: two cores decode that much.
pub const JOBS: usize = 2;

/// Where a row's outcome is heard of, as soon as it is known: the place of the row, and what came of it.
pub type Listener<'a> = dyn FnMut(usize, &Result<Outcome>) + Send + 'a;

/// Plays all rows, in any order; what came of each, in the order given.
pub fn run(rows: &[Row], jobs: usize, listener: &mut Listener<'_>) -> Vec<Result<Outcome>> {
    let outcomes: Mutex<Vec<Option<Result<Outcome>>>> =
        Mutex::new(rows.iter().map(|_| None).collect());
    let listener = Mutex::new(listener);
    let tell = |index: usize, outcome: Result<Outcome>| {
        let mut listener = listener.lock().unwrap_or_else(PoisonError::into_inner);
        listener(index, &outcome);
        outcomes.lock().unwrap_or_else(PoisonError::into_inner)[index] = Some(outcome);
    };
    let queue = Mutex::new(groups(rows));
    let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).pop();
    std::thread::scope(|scope| {
        for _ in 0..jobs.max(1) {
            scope.spawn(|| {
                while let Some(group) = next() {
                    play_group(rows, &group, &tell);
                }
            });
        }
    });
    let outcomes = outcomes.into_inner().unwrap_or_else(PoisonError::into_inner);
    outcomes.into_iter().map(|outcome| outcome.expect("every row is in a group")).collect()
}

/// Plays all rows and prints one line each.
///
/// # Panics
/// Some failed; the text says which and why.
pub fn check(rows: &[Row]) {
    let begin = Instant::now();
    let mut listener = |index: usize, outcome: &Result<Outcome>| {
        let name = rows[index].name();
        match outcome {
            Ok(outcome) => println!(
                "ok {:6.0} ms, first picture {:6.0} ms, {} {}  {name}",
                outcome.connect_ms, outcome.first_frame_ms, outcome.path, outcome.pair
            ),
            Err(error) => println!("FAILED {name}: {error:#}"),
        }
    };
    let outcomes = run(rows, JOBS, &mut listener);
    let failures: Vec<String> = rows
        .iter()
        .zip(&outcomes)
        .filter_map(|(row, outcome)| Some((row, outcome.as_ref().err()?)))
        .map(|(row, error)| format!("{}\n    {error:#}", row.name()))
        .collect();
    println!("{} rows in {:.1} s", rows.len(), begin.elapsed().as_secs_f64());
    let (failed, all) = (failures.len(), rows.len());
    assert!(failed == 0, "{failed} of {all} rows failed:\n{}", failures.join("\n"));
}

/// The rows of one lab: by their places.
fn groups(rows: &[Row]) -> Vec<Vec<usize>> {
    let mut groups: Vec<Vec<usize>> = Vec::new();
    for (index, row) in rows.iter().enumerate() {
        let same = |group: &&mut Vec<usize>| {
            let first = &rows[group[0]];
            (&first.nat_a, &first.nat_b, &first.config) == (&row.nat_a, &row.nat_b, &row.config)
        };
        match groups.iter_mut().find(same) {
            Some(group) => group.push(index),
            None => groups.push(vec![index]),
        }
    }
    // Taken from the end.
    groups.reverse();
    groups
}

fn play_group(rows: &[Row], group: &[usize], tell: &impl Fn(usize, Result<Outcome>)) {
    let first = &rows[group[0]];
    let lab = match Lab::up(&first.nat_a, &first.nat_b, &first.config) {
        Ok(lab) => lab,
        Err(error) => {
            let text = format!("{error:#}");
            group.iter().for_each(|&index| tell(index, Err(Error::msg(text.clone()))));
            return;
        }
    };
    let (mut server, mut viewer) = (None, None);
    for &index in group {
        let outcome = play(&lab, &rows[index], &mut server, &mut viewer);
        if outcome.is_err() {
            // A failure must not be the next row's.
            (server, viewer) = (None, None);
        }
        tell(index, outcome);
    }
}
