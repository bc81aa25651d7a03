//! The counts that are kept, and with what they were made.

use std::collections::BTreeMap;
use std::process::Command;

use anyhow::{Context, Result};

/// Instructions by case, each divided by what its case divides by.
pub(super) type Counts = BTreeMap<String, f64>;

const HEAD: &str = "\
# Instructions as callgrind counts them: per packet, per packet and viewer, datagram, request, answer, or second of
# an idle session. Written by `cargo xtask instructions --keep`; a count that grows by more than 3 % fails
# `cargo xtask test`, where compiler, C library and valgrind are the ones named here.
";

/// What decides the counts besides our code.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
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

pub(super) fn write(made: &Made, counts: &Counts) -> String {
    let mut text = format!("{HEAD}\n[made]\n");
    for (name, version) in &made.0 {
        text += &format!("{name} = {version:?}\n");
    }
    text += "\n[instructions]\n";
    for (name, count) in counts {
        text += &format!("{name} = {count:.0}\n");
    }
    text
}

/// # Errors
/// A line is none that [`write()`] writes.
pub(super) fn read(text: &str) -> Result<(Made, Counts)> {
    let (mut made, mut counts) = (Made::default(), Counts::new());
    let lines = text.lines().map(str::trim);
    for line in lines.filter(|line| !line.is_empty() && !line.starts_with(['#', '['])) {
        let (name, value) = line.split_once(" = ").with_context(|| format!("{line:?}"))?;
        match value.strip_prefix('"').and_then(|value| value.strip_suffix('"')) {
            Some(version) => _ = made.0.insert(name.to_owned(), version.to_owned()),
            None => {
                let count = value.parse().with_context(|| format!("{line:?}"))?;
                counts.insert(name.to_owned(), count);
            }
        }
    }
    Ok((made, counts))
}

fn first_line(program: &str, argument: &str) -> Result<String> {
    let output = Command::new(program).arg(argument).output();
    let output = output.with_context(|| format!("`{program} {argument}`"))?;
    let text = String::from_utf8(output.stdout)?;
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

        let read = read(&write(&made("rustc 1"), &counts)).unwrap();

        assert_eq!(read, (made("rustc 1"), counts));
        assert_eq!(read.0.differs_from(&made("rustc 1")), None);
        let why = made("rustc 2").differs_from(&read.0).unwrap();
        assert_eq!(why, "rustc is rustc 2 here, and was rustc 1");
    }
}
