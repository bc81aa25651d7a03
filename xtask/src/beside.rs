//! Steps that only compute, done with what the others leave of the machine: most tests wait more than they work.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::Command;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};

use crate::paths;
use crate::run::{program, run};
use crate::steps::{BUILD_LIMIT, Step};

/// They run on a thread of their own, one after another.
pub(crate) struct Beside(JoinHandle<Vec<Done>>);

/// One of them that has ended.
pub(crate) struct Done {
    pub(crate) step: Step,
    pub(crate) time: Duration,
    pub(crate) outcome: Result<()>,
    printed: PathBuf,
}

impl Beside {
    /// Begins with those of these steps that only compute.
    pub(crate) fn begin(steps: Vec<Step>) -> Beside {
        let work = move || {
            let quiet = steps.into_iter().filter_map(|step| Some((step, step.computes()?)));
            quiet.map(|(step, command)| Done::of(step, &command)).collect()
        };
        Beside(std::thread::spawn(work))
    }

    /// Waits for all of them.
    ///
    /// # Errors
    /// Their thread failed.
    pub(crate) fn end(self) -> Result<Vec<Done>> {
        self.0.join().map_err(|_| anyhow!("the thread of the steps beside failed"))
    }
}

impl Done {
    fn of(step: Step, command: &Command) -> Done {
        let begin = Instant::now();
        let printed = paths::target().join(format!("step-{}.txt", step.name()));
        let outcome = File::create(&printed).context("target/").and_then(|file| {
            let mut nice = program("nice", "-n 19");
            nice.arg(command.get_program()).args(command.get_args());
            nice.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
            run(nice.stderr(file.try_clone()?).stdout(file), BUILD_LIMIT)
        });
        Done { step, time: begin.elapsed(), outcome, printed }
    }

    /// What it printed.
    pub(crate) fn printed(&self) -> String {
        fs::read_to_string(&self.printed).unwrap_or_default()
    }
}
