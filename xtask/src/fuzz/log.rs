//! What libFuzzer says of a run.

use std::fmt;

/// Over the lines of [`Outcome`].
pub(super) const HEAD: &str =
    "target          outcome  inputs      per s  edges before  after   corpus  contained";

/// One run of one target.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Outcome {
    /// Inputs tried.
    inputs: u64,
    inputs_per_second: u64,
    /// Edges that the seeds reach, and all.
    edges_before: u64,
    edges: u64,
    /// Panics of a dependency that a session caught.
    contained: usize,
    /// Inputs in the corpus that grows.
    pub(super) corpus: usize,
    /// How to see what was found.
    pub(super) replay: Option<String>,
}

impl Outcome {
    pub(super) fn read(log: &str) -> Outcome {
        let stat = |name: &str| {
            let line = log.lines().find_map(|line| line.strip_prefix(name));
            line.and_then(|rest| rest.trim().parse().ok()).unwrap_or(0)
        };
        let edges = |line: &str| {
            let (_, rest) = line.split_once(" cov: ")?;
            rest.split_whitespace().next()?.parse().ok()
        };
        let inited = log.lines().find(|line| line.contains("\tINITED"));
        let last = log.lines().rev().find_map(edges);
        Outcome {
            inputs: stat("stat::number_of_executed_units:"),
            inputs_per_second: stat("stat::average_exec_per_sec:"),
            edges_before: inited.and_then(edges).unwrap_or(0),
            edges: last.unwrap_or(0),
            // Ours end the run; who goes on was caught.
            contained: log.lines().filter(|line| is_panic(line)).count(),
            corpus: 0,
            replay: None,
        }
    }

    pub(super) fn is_clean(&self) -> bool {
        self.replay.is_none()
    }
}

fn is_panic(line: &str) -> bool {
    line.contains("' panicked at ") || line.contains(") panicked at ")
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let outcome = if self.is_clean() { "clean" } else { "FOUND" };
        write!(
            f,
            "{outcome}   {:>9} {:>8}  {:>12}  {:>5}  {:>7}  {:>9}",
            self.inputs,
            self.inputs_per_second,
            self.edges_before,
            self.edges,
            self.corpus,
            self.contained
        )?;
        match &self.replay {
            Some(replay) => write!(f, "\n    {replay}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_read_from_what_libfuzzer_prints() {
        let log = "INFO: seed corpus: files: 7\n\
            #8\tINITED cov: 1010 ft: 1400 corp: 7/3kb exec/s: 0 rss: 80Mb\n\
            #99\tNEW    cov: 1024 ft: 1500 corp: 8/3kb lim: 4 exec/s: 10 rss: 81Mb L: 3/4\n\
            thread '<unnamed>' (12) panicked at str0m/src/x.rs:1:2:\n\
            #900\tDONE   cov: 1030 ft: 1500 corp: 8/3kb lim: 4 exec/s: 10 rss: 81Mb\n\
            stat::number_of_executed_units: 900\n\
            stat::average_exec_per_sec:     10\n";

        let outcome = Outcome::read(log);

        let expected = Outcome {
            inputs: 900,
            inputs_per_second: 10,
            edges_before: 1010,
            edges: 1030,
            contained: 1,
            ..Outcome::default()
        };
        assert_eq!(outcome, expected);
        assert!(outcome.is_clean());
    }
}
