//! Simulated worlds: many at once, and the plants, faults put into a copy of the core on purpose, each of which the
//! worlds must find.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::copy::copy_tree;
use crate::paths;
use crate::report::Report;
use crate::run::{cargo, program, run};

/// A build of the core and its tests from nothing.
const BUILD_LIMIT: Duration = Duration::from_secs(20 * 60);
/// A million worlds.
const WORLDS_LIMIT: Duration = Duration::from_secs(12 * 60 * 60);
/// A plant that nobody finds takes this many worlds.
const WORLDS_FOR_A_PLANT: u64 = 2_000;
/// Planting is a handful of seconds; one that is not found takes a minute.
const PLANT_LIMIT: Duration = Duration::from_secs(10 * 60);

/// What the core gets, so that one build holds all plants.
const SWITCH: &str = "
/// Whether this fault is to be made in this run.
pub(crate) fn planted(name: &str) -> bool {
    static PLANT: std::sync::OnceLock<Option<String>> = std::sync::OnceLock::new();
    PLANT.get_or_init(|| std::env::var(\"PLANT\").ok()).as_deref() == Some(name)
}
";

/// Plays worlds.
///
/// # Errors
/// It does not build, or something did not hold in one of them.
pub(crate) fn play(words: &[String]) -> Result<()> {
    run(&mut cargo("build --workspace --bin world"), BUILD_LIMIT)?;
    let mut world = program(paths::target().join("debug/world"), "");
    run(world.args(words), WORLDS_LIMIT)
}

/// One fault that is put into the copy.
#[derive(Debug, PartialEq, Eq)]
struct Plant {
    name: String,
    /// What is wrong, in a sentence.
    says: String,
    file: PathBuf,
    instead_of: String,
    this: String,
}

/// Builds the worlds around a copy of the core with every plant in it, and turns on one after another.
///
/// # Errors
/// A plant does not fit the source any more, the copy does not build, or some were not found.
pub(crate) fn plants() -> Result<()> {
    let plants = read_all(&paths::root().join("tests/plants"))?;
    let copy = paths::target().join("plants");
    copy_tree(&copy)?;
    for plant in &plants {
        sow(&copy, plant)?;
    }
    let lib = copy.join("core/src/lib.rs");
    fs::write(&lib, fs::read_to_string(&lib)? + SWITCH)?;
    name_otherwise(&copy)?;
    let mut build = cargo("build --workspace --bin world");
    // What the copy needs of others is built already.
    run(build.current_dir(&copy).env("CARGO_TARGET_DIR", paths::target()), BUILD_LIMIT)?;
    // Away from where the one without plants belongs.
    let world = copy.join("world");
    fs::rename(paths::target().join("debug/world"), &world)?;
    let mut report = Report::new();
    for plant in &plants {
        report.step(&format!("{}: {}", plant.name, plant.says), || find(&world, plant));
    }
    ensure!(report.close(), "some plants were not found");
    Ok(())
}

/// Gives the copy's packages another version: cargo takes those of one name and version for the same, wherever they
/// lie, and both are built in one folder.
fn name_otherwise(copy: &Path) -> Result<()> {
    let manifest = copy.join("Cargo.toml");
    let text = fs::read_to_string(&manifest)?;
    let (named, version) = ("[workspace.package]\nversion = \"", "-planted\"");
    let at = text.find(named).context("no version in Cargo.toml")? + named.len();
    let end = at + text[at..].find('"').context("no end of the version in Cargo.toml")?;
    Ok(fs::write(&manifest, text[..end].to_owned() + version + &text[end + 1..])?)
}

fn find(world: &Path, plant: &Plant) -> Result<()> {
    let seeds = format!("--failures 1 --seeds 0..{WORLDS_FOR_A_PLANT}");
    let mut search = program(world, &seeds);
    search.env("PLANT", &plant.name).env("RUST_BACKTRACE", "0").stderr(Stdio::null());
    // It ends with a failure when it finds one.
    let found = run(&mut search, PLANT_LIMIT).is_err();
    ensure!(found, "{WORLDS_FOR_A_PLANT} worlds were played, and none of them showed it");
    Ok(())
}

fn read_all(folder: &Path) -> Result<Vec<Plant>> {
    let mut files: Vec<PathBuf> =
        fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
    files.sort();
    files.iter().map(|file| read(file).with_context(|| file.display().to_string())).collect()
}

/// `SENTENCE`, `in FILE`, `--- instead of`, lines, `--- this`, lines.
fn read(file: &Path) -> Result<Plant> {
    let text = fs::read_to_string(file)?;
    let (head, rest) = text.split_once("\n--- instead of\n").context("no `--- instead of`")?;
    let (instead_of, this) = rest.split_once("\n--- this\n").context("no `--- this`")?;
    let (says, place) = head.split_once("\nin ").context("no line `in FILE`")?;
    let name = file.file_stem().context("a file without a name")?.to_string_lossy();
    Ok(Plant {
        name: name.into_owned(),
        says: says.to_owned(),
        file: place.trim().into(),
        instead_of: instead_of.to_owned(),
        this: this.trim_end().to_owned(),
    })
}

fn sow(copy: &Path, plant: &Plant) -> Result<()> {
    let file = copy.join(&plant.file);
    let source = fs::read_to_string(&file)?;
    let places = source.matches(&plant.instead_of).count();
    ensure!(
        places == 1,
        "the plant {} stands at {places} places of {}: what it replaces was changed; mend tests/plants",
        plant.name,
        plant.file.display()
    );
    fs::write(&file, source.replacen(&plant.instead_of, &plant.this, 1))?;
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn every_plant_still_fits_the_source() {
        let plants = read_all(&paths::root().join("tests/plants")).unwrap();
        assert!(plants.len() >= 10);
        for plant in plants {
            let source = fs::read_to_string(paths::root().join(&plant.file)).unwrap();
            let places = source.matches(&plant.instead_of).count();
            assert_eq!(places, 1, "{}: {}", plant.name, plant.file.display());
            assert!(plant.this.contains(&format!("planted(\"{}\")", plant.name)), "{}", plant.name);
        }
    }
}
