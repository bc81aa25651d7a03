//! `cargo xtask str0m-patches`: what str0m would save us, patched.
//!
//! The patches in `benches/str0m-patches` could be offered upstream, each for itself; the program is built without
//! them. They are applied to copies of the published sources, of which a copy of the project is built in a target
//! folder of its own: the project's lock file, and what it was built from, stay as they are.

mod sources;

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, bail};

use crate::instructions::{self, Counts};
use crate::paths;
use crate::run::{cargo, run, succeeds};

/// From nothing, on two slow cores.
const BUILD_LIMIT: Duration = Duration::from_secs(40 * 60);

/// What is asked for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Wish {
    /// The numbers of the patches, `01` and so on. `None`: all.
    only: Option<Vec<String>>,
}

impl Wish {
    /// # Errors
    /// A word is not understood.
    pub(crate) fn parse(words: impl Iterator<Item = String>) -> Result<Wish> {
        let words: Vec<String> = words.collect();
        match words.as_slice() {
            [] => Ok(Wish { only: None }),
            [only, none] if only == "--only" && none == "none" => Ok(Wish { only: Some(vec![]) }),
            [only, numbers] if only == "--only" => {
                Ok(Wish { only: Some(numbers.split(',').map(str::to_owned).collect()) })
            }
            _ => bail!("{:?} is not understood here", words.join(" ")),
        }
    }
}

/// Counts instructions with str0m as it is pinned, and with the patches, and prints both.
///
/// Both are built from copies: what a compiler inlines is not the same where a crate lies elsewhere.
///
/// # Errors
/// A tool is missing, a patch does not apply, or something does not build.
pub(crate) fn str0m_patches(wish: &Wish) -> Result<()> {
    need("valgrind", "valgrind")?;
    let patches = sources::patches(wish.only.as_deref())?;
    let counted = |variant: &str, patches: &[PathBuf]| {
        build(variant, patches, "instructions")?;
        let counts = folder().join("counts").join(variant);
        fs::create_dir_all(&counts)?;
        fs::copy(release().join("instructions"), counts.join("instructions"))?;
        instructions::count_all(&counts, &counts)
    };
    let pinned = counted("pinned", &[])?;
    let patched = counted("patched", &patches)?;
    print!("{}", table(&pinned, &patched));
    Ok(())
}

/// Builds the program with all patches.
///
/// # Errors
/// A tool is missing, a patch does not apply, or it does not build.
pub(crate) fn build_program() -> Result<()> {
    build("patched", &sources::patches(None)?, "pinhole")
}

/// Where it is then.
pub(crate) fn program_at() -> PathBuf {
    release().join("pinhole")
}

fn folder() -> PathBuf {
    paths::target().join("str0m-patches")
}

fn release() -> PathBuf {
    folder().join("build/release")
}

/// Applies patches to copies in a folder of this name, and builds one program of the workspace.
fn build(variant: &str, patches: &[PathBuf], bin: &str) -> Result<()> {
    need("git", "git")?;
    let prepared = sources::prepare(&folder().join(variant), patches)?;
    // Both packages, as for the counts without patches.
    let mut build = cargo("build --release -p pinhole -p pinhole-benches --bin");
    build.arg(bin).current_dir(&prepared.project).env("CARGO_TARGET_DIR", folder().join("build"));
    for (name, path) in &prepared.crates {
        let path = toml::Value::from(path.display().to_string());
        build.arg("--config").arg(format!("patch.crates-io.{name}.path={path}"));
    }
    run(&mut build, BUILD_LIMIT)
}

fn need(name: &str, package: &str) -> Result<()> {
    if !succeeds(name, &["--version"]) {
        bail!("{name} cannot be started: install it, on Debian with `apt-get install {package}`");
    }
    Ok(())
}

fn table(pinned: &Counts, patched: &Counts) -> String {
    let mut text = format!("{:<26} {:>10} {:>10} {:>9}\n", "count", "as pinned", "patched", "");
    for (name, before) in pinned {
        let Some(after) = patched.get(name) else { continue };
        let percent = (after / before - 1.0) * 100.0;
        text += &format!("{name:<26} {before:>10.0} {after:>10.0} {percent:>+7.1} %\n");
    }
    text
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Wish> {
        Wish::parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn patches_are_chosen_by_their_numbers() {
        assert_eq!(parse("").unwrap().only, None);
        assert_eq!(parse("--only none").unwrap().only, Some(vec![]));
        assert_eq!(parse("--only 01,05").unwrap().only, Some(vec!["01".into(), "05".into()]));
        assert!(parse("--only").is_err());
        assert!(parse("01").is_err());
    }

    #[test]
    fn the_table_shows_what_both_counted() {
        let counts = |pairs: &[(&str, f64)]| -> Counts {
            pairs.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect()
        };

        let table = table(&counts(&[("a", 200.0), ("b", 1.0)]), &counts(&[("a", 150.0)]));

        assert!(table.contains("a "), "{table}");
        assert!(table.contains("200        150   -25.0 %"), "{table}");
        assert_eq!(table.lines().count(), 2);
    }
}
