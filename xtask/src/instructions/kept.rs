//! The counts that are kept, and with what they were made.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Result;
use serde::{Deserialize, Serialize};

use crate::run::{output, program};

/// A version is told at once.
const LIMIT: Duration = Duration::from_secs(10);

/// Instructions by case, each divided by what its case divides by.
pub(crate) type Counts = BTreeMap<String, f64>;

const HEAD: &str = "\
# Instructions as callgrind counts them: per packet, per packet and viewer, datagram, request, answer, or second of
# an idle session. Written by `cargo xtask instructions --keep`; a count that grows by more than 3 % fails
# `cargo xtask test`, where compiler, C library and valgrind are the ones named here.
";

/// What decides the counts besides our code.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Made(BTreeMap<String, String>);

impl Made {
    /// By what is installed here.
    ///
    /// # Errors
    /// One of them does not tell its version.
    pub(super) fn here() -> Result<Made> {
        let rustc = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
        let made = [
            ("machine", first_line("uname", "-m")?),
            ("rustc", first_line(&rustc, "--version")?),
            ("libc", first_line("getconf", "GNU_LIBC_VERSION")?),
            ("valgrind", first_line("valgrind", "--version")?),
        ];
        Ok(Made(made.into_iter().map(|(name, version)| (name.to_owned(), version)).collect()))
    }

    /// Why counts of one cannot be compared with counts of the other.
    pub(super) fn differs_from(&self, kept: &Made) -> Option<String> {
        let differs = self.0.iter().find(|(name, version)| kept.0.get(*name) != Some(*version));
        let (name, version) = differs?;
        let kept = kept.0.get(name).map_or("nothing", String::as_str);
        Some(format!("{name} is {version} here, and was {kept}"))
    }
}

/// The file: with what the counts were made, and they, in whole instructions.
#[derive(Serialize, Deserialize)]
struct Kept {
    made: Made,
    instructions: BTreeMap<String, u64>,
}

/// # Errors
/// None: there is nothing in it that TOML does not have.
pub(super) fn write(made: &Made, counts: &Counts) -> Result<String> {
    let instructions =
        counts.iter().map(|(name, count)| (name.clone(), count.round() as u64)).collect();
    let kept = Kept { made: made.clone(), instructions };
    Ok(format!("{HEAD}\n{}", toml::to_string(&kept)?))
}

/// # Errors
/// It is no such file.
pub(super) fn read(text: &str) -> Result<(Made, Counts)> {
    let Kept { made, instructions } = toml::from_str(text)?;
    Ok((made, instructions.into_iter().map(|(name, count)| (name, count as f64)).collect()))
}

fn first_line(name: &str, argument: &str) -> Result<String> {
    let text = output(program(name, "").arg(argument), LIMIT)?;
    Ok(text.lines().next().unwrap_or_default().trim().to_owned())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again_and_another_compiler_is_named() {
        let made = |rustc: &str| {
            let pairs = [("rustc", rustc), ("valgrind", "valgrind-3")];
            Made(pairs.map(|(name, version)| (name.to_owned(), version.to_owned())).into())
        };
        let counts = Counts::from([("frame_to_10".to_owned(), 12_345.0)]);

        let read = read(&write(&made("rustc 1"), &counts).unwrap()).unwrap();

        assert_eq!(read, (made("rustc 1"), counts));
        assert_eq!(read.0.differs_from(&made("rustc 1")), None);
        let why = made("rustc 2").differs_from(&read.0).unwrap();
        assert_eq!(why, "rustc is rustc 2 here, and was rustc 1");
    }
}
