//! `pinhole doctor` and `pinhole reflect` as a shell starts them.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::server::program;

/// What an examination may take, whatever is dead.
pub const EXAMINE_LIMIT: Duration = Duration::from_secs(15);

/// What the doctor said.
#[derive(Debug, Clone)]
pub struct Examination {
    /// Its exit code.
    pub code: i32,
    /// What it printed.
    pub text: String,
    /// What it complained of.
    pub errors: String,
    /// How long it took.
    pub took: Duration,
}

/// Runs `pinhole doctor` with these arguments (words), and waits for its end.
///
/// # Errors
/// The program cannot be started, or was killed.
pub fn examine(arguments: &str) -> Result<Examination> {
    let mut command = command("doctor", arguments)?;
    let begin = Instant::now();
    let output = command.stdout(Stdio::piped()).stderr(Stdio::piped()).output()?;
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    Ok(Examination {
        code: output.status.code().context("the doctor was killed")?,
        text: text(&output.stdout),
        errors: text(&output.stderr),
        took: begin.elapsed(),
    })
}

impl Examination {
    /// What it printed, as JSON.
    ///
    /// # Errors
    /// It is none.
    pub fn json(&self) -> Result<Value> {
        serde_json::from_str(&self.text).with_context(|| format!("{self:?}"))
    }

    /// The facts of `--json`.
    ///
    /// # Errors
    /// There are none.
    pub fn facts(&self) -> Result<Value> {
        let json = self.json()?;
        json.get("facts").cloned().with_context(|| format!("no facts in {json:#}"))
    }
}

/// A running reflector. Dropped, it is killed.
#[derive(Debug)]
pub struct Reflect {
    child: Child,
    /// What it prints later finds somebody who holds the pipe.
    _output: BufReader<ChildStdout>,
    /// Where it listens.
    pub address: SocketAddr,
}

impl Reflect {
    /// Starts `pinhole reflect` with these arguments (words).
    ///
    /// # Errors
    /// It does not say where it listens.
    pub fn start(arguments: &str) -> Result<Reflect> {
        Reflect::spawn(command("reflect", arguments)?)
    }

    /// The same on a machine whose clock is ahead by this, as `faketime` takes it: `+3d`.
    ///
    /// # Errors
    /// As above, or there is no faketime.
    pub fn start_ahead(ahead: &str, arguments: &str) -> Result<Reflect> {
        let inner = command("reflect", arguments)?;
        let mut command = Command::new("faketime");
        command.args(["-f", ahead]).arg(inner.get_program()).args(inner.get_args());
        Reflect::spawn(command)
    }

    fn spawn(mut command: Command) -> Result<Reflect> {
        let mut child = command.stdout(Stdio::piped()).spawn()?;
        let mut line = String::new();
        let mut output = BufReader::new(child.stdout.take().context("a pipe")?);
        output.read_line(&mut line)?;
        match line.split_whitespace().last().and_then(|word| word.parse().ok()) {
            Some(address) => Ok(Reflect { child, _output: output, address }),
            None => {
                child.kill()?;
                child.wait()?;
                bail!("no address in {line:?}");
            }
        }
    }
}

impl Drop for Reflect {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn command(name: &str, arguments: &str) -> Result<Command> {
    let mut command = Command::new(program()?);
    // Settings of the machine that runs the tests must not decide about them.
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("PINHOLE_") {
            command.env_remove(name);
        }
    }
    command.env_remove("EPR").env_remove("NAT1TO1").current_dir(std::env::temp_dir());
    command.arg(name).args(arguments.split_whitespace()).stdin(Stdio::null());
    Ok(command)
}
