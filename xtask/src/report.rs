//! What came of the steps.

use std::time::{Duration, Instant};

use anyhow::Result;

/// Outcomes so far.
pub(crate) struct Report {
    begin: Instant,
    lines: Vec<String>,
    failed: bool,
}

impl Report {
    pub(crate) fn new() -> Report {
        Report { begin: Instant::now(), lines: Vec::new(), failed: false }
    }

    /// Runs a step and notes its outcome and seconds.
    pub(crate) fn step(&mut self, name: &str, work: impl FnOnce() -> Result<()>) {
        println!("\n=== {name}");
        let begin = Instant::now();
        let outcome = work();
        self.note(name, begin.elapsed(), outcome);
    }

    /// Notes a step that went on beside others, with what it printed.
    pub(crate) fn ended(&mut self, name: &str, printed: &str, time: Duration, outcome: Result<()>) {
        println!("\n=== {name}\n{printed}");
        self.note(name, time, outcome);
    }

    fn note(&mut self, name: &str, time: Duration, outcome: Result<()>) {
        let seconds = seconds(time);
        let line = match outcome {
            Ok(()) => format!("ok      {name:<10} {seconds:>7} s"),
            Err(error) => {
                self.failed = true;
                format!("FAILED  {name:<10} {seconds:>7} s  {error:#}")
            }
        };
        println!("{line}");
        self.lines.push(line);
    }

    /// Notes a step that cannot run here.
    pub(crate) fn skipped(&mut self, name: &str, why: &str) {
        self.lines.push(format!("skipped {name:<10} {why}"));
    }

    /// Prints all outcomes; true if nothing failed.
    pub(crate) fn close(self) -> bool {
        println!("\n=== summary");
        for line in &self.lines {
            println!("{line}");
        }
        let outcome = if self.failed { "FAILED" } else { "ok" };
        println!("total {} s: {outcome}", seconds(self.begin.elapsed()));
        !self.failed
    }
}

fn seconds(time: Duration) -> String {
    format!("{:.1}", time.as_secs_f64())
}
