//! `--name value` and `--flag`.

use std::str::FromStr;

use anyhow::{Context, Result, bail};

/// The words behind a program's name.
pub struct Args(Vec<String>);

impl Args {
    /// Those of this process.
    pub fn of_process() -> Args {
        Args(std::env::args().skip(1).collect())
    }

    /// The first word, if it is no flag.
    pub fn command(&self) -> Option<&str> {
        self.0.first().map(String::as_str).filter(|word| !word.starts_with("--"))
    }

    /// Whether `--name` is there.
    pub fn has(&self, name: &str) -> bool {
        self.0.iter().any(|word| word.strip_prefix("--") == Some(name))
    }

    /// What follows `--name`.
    pub fn text(&self, name: &str) -> Option<&str> {
        let at = self.0.iter().position(|word| word.strip_prefix("--") == Some(name))?;
        self.0.get(at + 1).map(String::as_str)
    }

    /// What follows `--name`, which must be there.
    ///
    /// # Errors
    /// It is not, or cannot be read.
    pub fn needed<T: FromStr>(&self, name: &str) -> Result<T> {
        let text = self.text(name).with_context(|| format!("--{name} is missing"))?;
        match text.parse() {
            Ok(value) => Ok(value),
            Err(_) => bail!("--{name} does not take {text:?}"),
        }
    }

    /// What follows `--name`, or `default`.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn or<T: FromStr>(&self, name: &str, default: T) -> Result<T> {
        if self.has(name) { self.needed(name) } else { Ok(default) }
    }
}
