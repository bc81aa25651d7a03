//! Children: nothing on standard input, output passed through, an end in time.

use std::fs::File;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::paths;

/// How often a child is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Cargo, as it was called.
pub(crate) fn cargo(words: &str) -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(words.split_whitespace());
    cargo
}

/// Any program, with its arguments.
pub(crate) fn program(name: impl AsRef<Path>, words: &str) -> Command {
    let mut program = Command::new(name.as_ref());
    program.args(words.split_whitespace());
    program
}

/// Runs a child to its end, in the root unless it says otherwise. After `limit` it and its descendants are killed.
///
/// # Errors
/// It could not start, failed, or took too long; the text names it.
pub(crate) fn run(command: &mut Command, limit: Duration) -> Result<()> {
    let line = describe(command);
    if command.get_current_dir().is_none() {
        command.current_dir(paths::root());
    }
    println!("$ {line}");
    let mut child = command.stdin(Stdio::null()).spawn().with_context(|| format!("`{line}`"))?;
    wait(&mut child, &line, limit)
}

/// The same, and returns what it printed on its standard output, however much.
///
/// # Errors
/// As above, or what it printed is no UTF-8.
pub(crate) fn run_and_read(command: &mut Command, limit: Duration) -> Result<String> {
    let path = std::env::temp_dir().join(format!("xtask-output-{}", std::process::id()));
    let outcome = run(command.stdout(File::create(&path)?), limit);
    let printed = std::fs::read_to_string(&path);
    std::fs::remove_file(&path)?;
    outcome.and(printed.context("what it printed"))
}

/// Runs a child in the same way, silently, and returns what it prints: no more than fits a pipe.
///
/// # Errors
/// It could not start, failed, or took too long; the text has what it said on standard error.
pub(crate) fn output(command: &mut Command, limit: Duration) -> Result<String> {
    let line = describe(command);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().with_context(|| format!("`{line}`"))?;
    let outcome = wait(&mut child, &line, limit);
    let output = child.wait_with_output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    outcome.with_context(|| said.trim().to_owned())?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn wait(child: &mut Child, line: &str, limit: Duration) -> Result<()> {
    let begin = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            if !status.success() {
                bail!("`{line}`: {status}");
            }
            return Ok(());
        }
        if begin.elapsed() > limit {
            kill_tree(child.id());
            child.wait()?;
            bail!("`{line}` took more than {} s and was killed", limit.as_secs());
        }
        std::thread::sleep(LOOK_EVERY);
    }
}

/// Whether a program can be started and says yes.
pub(crate) fn succeeds(name: &str, arguments: &[&str]) -> bool {
    let mut command = program(name, "");
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

fn describe(command: &Command) -> String {
    let mut line = command.get_program().to_string_lossy().into_owned();
    for word in command.get_args() {
        line.push(' ');
        line.push_str(&word.to_string_lossy());
    }
    line
}

/// Kills a child of ours with all that it started, youngest first. A process that ends meanwhile is no matter.
fn kill_tree(pid: u32) {
    let mut tree = vec![pid];
    let mut next = 0;
    while let Some(parent) = tree.get(next).copied() {
        next += 1;
        let tasks = format!("/proc/{parent}/task/{parent}/children");
        let children = std::fs::read_to_string(tasks).unwrap_or_default();
        tree.extend(children.split_whitespace().filter_map(|child| child.parse::<u32>().ok()));
    }
    for pid in tree.iter().rev() {
        succeeds("kill", &["-KILL", &pid.to_string()]);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_child_that_takes_too_long_is_killed_with_its_own_children() {
        let noted = std::env::temp_dir().join(format!("xtask-{}", std::process::id()));
        let mut sleep = Command::new("sh");
        sleep.args(["-c", "sleep 60 & echo $! > $0; wait"]).arg(&noted);

        let error = run(&mut sleep, Duration::from_millis(300)).unwrap_err();

        assert!(error.to_string().contains("killed"), "{error}");
        let grandchild = std::fs::read_to_string(&noted).unwrap();
        std::fs::remove_file(&noted).unwrap();
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", grandchild.trim()));
        // It may lie dead and unreaped where nobody is init.
        assert!(stat.is_err() || stat.unwrap().contains(") Z "), "the grandchild lives on");
    }

    #[test]
    fn what_a_child_prints_comes_back_and_what_it_complains_of_is_told() {
        let sh = |text: &str| output(Command::new("sh").args(["-c", text]), Duration::from_secs(5));

        assert_eq!(sh("echo 1 2; echo no >&2").unwrap(), "1 2\n");
        let error = format!("{:#}", sh("echo 1; printf so%s rry >&2; exit 3").unwrap_err());
        assert!(error.contains("sorry") && error.contains("exit status: 3"), "{error}");
    }

    #[test]
    fn a_failure_names_the_command() {
        let error = run(&mut program("false", "now"), Duration::from_secs(5)).unwrap_err();
        assert!(error.to_string().contains("false now"), "{error}");
    }
}
