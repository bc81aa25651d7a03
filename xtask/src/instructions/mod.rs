//! `cargo xtask instructions`: what callgrind counts, against what is kept in `benches/instructions.toml`.
//!
//! Wall time on a shared machine tells differences of a tenth at best; instructions are the same from run to run,
//! within a thousandth or two. What moves them besides our own code:
//!
//! - The compiler, the C library (malloc, memcpy) and valgrind itself. The file names those that it was counted with,
//!   and where one differs nothing is compared: counting goes on, so that nothing of it rots, and a line says so.
//! - The processor does not: valgrind shows every program the same one, with AVX2 and AES-NI and without AVX-512, so
//!   that the dispatchers of the crypto library and of memcpy choose the same code everywhere.
//! - The random numbers of handshakes and hash maps, by less than what is tolerated.
//!
//! `benches/src/bin/instructions.rs` is what is counted. It is built with the program's own release build, of which
//! it takes everything but itself.

mod kept;
mod profile;

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::paths;
use crate::run::{cargo, program, run};
pub(crate) use kept::Counts;
use kept::Made;

/// What a count may grow by, in percent; what it falls by is told, and should be kept.
const TOLERATED_PERCENT: f64 = 3.0;
const BUILD_LIMIT: Duration = Duration::from_secs(20 * 60);
/// Both groups at once take a minute on two cores.
const COUNT_LIMIT: Duration = Duration::from_secs(10 * 60);
/// The groups of cases; each is a process of its own.
const GROUPS: [&str; 2] = ["few", "many"];
/// The same work with a hundred times as many sessions: may cost so much more, in percent.
const FLAT_PERCENT: f64 = 10.0;
const FEW: &str = "10";
const MANY: &str = "1000";

/// What to do with the counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wish {
    /// Compare them with those that are kept.
    Compare,
    /// Keep them.
    Keep,
}

impl Wish {
    /// # Errors
    /// A word is not understood.
    pub(crate) fn parse(words: impl Iterator<Item = String>) -> Result<Wish> {
        let words: Vec<String> = words.collect();
        match words.as_slice() {
            [] => Ok(Wish::Compare),
            [keep] if keep == "--keep" => Ok(Wish::Keep),
            _ => bail!("{:?} is not understood here", words.join(" ")),
        }
    }
}

/// Counts, and compares or keeps.
///
/// # Errors
/// Something grew by more than is tolerated, or costs more with more sessions, or cannot be counted.
pub(crate) fn instructions(wish: Wish) -> Result<()> {
    // Both packages, so that what it depends on has the features that the program's own build gave it.
    let words = "build --release -p pinhole -p pinhole-benches --bin instructions";
    run(&mut cargo(words), BUILD_LIMIT)?;
    let target = paths::target();
    let counts = count_all(&target.join("release"), &target.join("instructions"))?;
    let uneven = uneven(&counts);
    let file = kept_at();
    let made = Made::here()?;
    match wish {
        Wish::Keep => {
            fs::write(&file, kept::write(&made, &counts)?)?;
            print(&counts, &Counts::new());
            println!("kept in {}", file.display());
        }
        Wish::Compare => compare(&file, &made, &counts)?,
    }
    if !uneven.is_empty() {
        bail!("with a thousand sessions more than with ten: {}", uneven.join(", "));
    }
    Ok(())
}

/// Counts all groups of the program in the folder `built`, and leaves what callgrind writes in another.
///
/// # Errors
/// It cannot be counted.
pub(crate) fn count_all(built: &Path, folder: &Path) -> Result<Counts> {
    fs::create_dir_all(folder)?;
    let counting = GROUPS.map(|group| {
        let (built, folder) = (built.to_owned(), folder.to_owned());
        std::thread::spawn(move || count(&built, &folder, group))
    });
    let mut counts = Counts::new();
    for group in counting {
        let Ok(counted) = group.join() else { bail!("a thread of the counting failed") };
        counts.extend(counted?);
    }
    Ok(counts)
}

fn compare(file: &Path, made: &Made, counts: &Counts) -> Result<()> {
    let text = fs::read_to_string(file).context("run `cargo xtask instructions --keep` first")?;
    let (kept_made, kept) = kept::read(&text)?;
    print(counts, &kept);
    if let Some(why) = made.differs_from(&kept_made) {
        println!("not compared: {why}; --keep counts anew");
        return Ok(());
    }
    let grown = grown(counts, &kept);
    if !grown.is_empty() {
        bail!("more instructions than are kept in {}: {}", file.display(), grown.join(", "));
    }
    Ok(())
}

/// What grew, and what is on one side only.
fn grown(counts: &Counts, kept: &Counts) -> Vec<String> {
    let names = counts.keys().chain(kept.keys().filter(|name| !counts.contains_key(*name)));
    let grown = names.filter_map(|name| match (counts.get(name), kept.get(name)) {
        (Some(now), Some(before)) => {
            let percent = percent(*now, *before);
            (percent > TOLERATED_PERCENT).then(|| format!("{name} {percent:+.1} %"))
        }
        (Some(_), None) => Some(format!("{name} is not kept yet")),
        (None, _) => Some(format!("{name} is not counted any more")),
    });
    grown.collect()
}

/// What costs more with many sessions than with few.
fn uneven(counts: &Counts) -> Vec<String> {
    let uneven = counts.iter().filter_map(|(name, many)| {
        let few = counts.get(&format!("{}{FEW}", name.strip_suffix(MANY)?))?;
        let percent = percent(*many, *few);
        (percent > FLAT_PERCENT).then(|| format!("{name} {percent:+.1} %"))
    });
    uneven.collect()
}

fn percent(now: f64, before: f64) -> f64 {
    (now / before - 1.0) * 100.0
}

fn print(counts: &Counts, kept: &Counts) {
    for (name, now) in counts {
        let change = kept.get(name).map(|before| format!("{:+.1} %", percent(*now, *before)));
        println!("{name:<26} {now:>10.0} {:>8}", change.unwrap_or_default());
    }
}

/// Counts one group of cases.
fn count(built: &Path, folder: &Path, group: &str) -> Result<Counts> {
    let (written, told) =
        (folder.join(format!("{group}.out")), folder.join(format!("{group}.txt")));
    let words = "--tool=callgrind --quiet --toggle-collect=*pinhole_benches::measured::*";
    let mut valgrind = program("valgrind", words);
    valgrind
        .arg(format!("--callgrind-out-file={}", written.display()))
        .arg(built.join("instructions"))
        .arg(group)
        .stdout(File::create(&told)?);
    run(&mut valgrind, COUNT_LIMIT)?;
    let profile = fs::read_to_string(&written)?;
    let mut counts = Counts::new();
    for line in fs::read_to_string(&told)?.lines() {
        let (name, units) = line.split_once(' ').with_context(|| format!("{line:?}"))?;
        let instructions = profile::inclusive(&profile, name);
        let instructions = instructions.with_context(|| format!("{name} was not counted"))?;
        counts.insert(name.to_owned(), instructions as f64 / units.parse::<f64>()?);
    }
    Ok(counts)
}

fn kept_at() -> PathBuf {
    paths::root().join("benches/instructions.toml")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(counts: &[(&str, f64)]) -> Counts {
        counts.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect()
    }

    #[test]
    fn what_grows_beyond_what_is_tolerated_is_named_and_what_is_new_or_gone_too() {
        let kept = counts(&[("a", 1_000.0), ("b", 1_000.0), ("gone", 1.0)]);
        let now = counts(&[("a", 1_029.0), ("b", 1_031.0), ("new", 1.0)]);
        let grown = grown(&now, &kept);
        assert_eq!(grown, ["b +3.1 %", "new is not kept yet", "gone is not counted any more"]);
    }

    #[test]
    fn what_costs_more_beside_more_sessions_is_named() {
        let counts = counts(&[
            ("check_of_10", 100.0),
            ("check_of_1000", 109.0),
            ("report_of_10", 100.0),
            ("report_of_1000", 111.0),
            ("frame_to_50", 1.0),
        ]);
        assert_eq!(uneven(&counts), ["report_of_1000 +11.0 %"]);
    }
}
