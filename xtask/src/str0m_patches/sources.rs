//! Copies of what is patched, and of the project that is built of them.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::copy::copy_tree;
use crate::paths;
use crate::run::{cargo, output, program, run, run_and_read};

const LIMIT: Duration = Duration::from_secs(60);

/// A crate that is patched: its name, the version that the patches are for, and where it lies in str0m's repository,
/// to which the paths in the patches refer.
struct Patched {
    name: &'static str,
    version: &'static str,
    place: &'static str,
}

const CRATES: [Patched; 4] = [
    Patched { name: "str0m", version: "0.25.0", place: "" },
    Patched { name: "is", version: "0.12.0", place: "crates/is" },
    Patched { name: "str0m-proto", version: "0.8.0", place: "crates/proto" },
    Patched { name: "str0m-aws-lc-rs", version: "0.7.0", place: "crypto/aws-lc-rs" },
];

/// What is built of what.
pub(super) struct Prepared {
    /// A copy of the project.
    pub(super) project: PathBuf,
    /// Names and places of the patched crates.
    pub(super) crates: Vec<(&'static str, PathBuf)>,
}

/// The patches with these numbers, or all, in their order.
///
/// # Errors
/// There is none of a number.
pub(super) fn patches(only: Option<&[String]>) -> Result<Vec<PathBuf>> {
    let mut patches: BTreeMap<OsString, PathBuf> = BTreeMap::new();
    for entry in fs::read_dir(paths::root().join("benches/str0m-patches"))? {
        let entry = entry?;
        if entry.path().extension().is_some_and(|extension| extension == "patch") {
            patches.insert(entry.file_name(), entry.path());
        }
    }
    let Some(only) = only else { return Ok(patches.into_values().collect()) };
    let mut chosen = BTreeMap::new();
    for number in only {
        let is_it = |name: &OsString| {
            name.to_str().is_some_and(|name| name.split('-').next() == Some(number))
        };
        let found = patches.iter().find(|(name, _)| is_it(name));
        let (name, path) = found.with_context(|| format!("there is no patch {number:?}"))?;
        chosen.insert(name.clone(), path.clone());
    }
    Ok(chosen.into_values().collect())
}

/// Copies crates and project into a folder, and applies the patches. Files that are the same as the last time stay,
/// so that what was built of them need not be built again.
///
/// # Errors
/// The project uses other versions, or a patch does not apply.
pub(super) fn prepare(folder: &Path, patches: &[PathBuf]) -> Result<Prepared> {
    let fresh = folder.join("fresh");
    let _ = fs::remove_dir_all(&fresh);
    let metadata = metadata()?;
    for patched in &CRATES {
        copy_folder(&metadata.folder_of(patched)?, &fresh.join("str0m").join(patched.place))?;
    }
    for patch in patches {
        let mut apply = program("git", "apply --whitespace=nowarn");
        apply.arg(patch).current_dir(fresh.join("str0m"));
        // Not as a part of our own repository.
        apply.env("GIT_CEILING_DIRECTORIES", &fresh);
        run(&mut apply, LIMIT)?;
    }
    copy_tree(&fresh.join("project"))?;
    for part in ["str0m", "project"] {
        replace(&fresh.join(part), &folder.join(part))?;
    }
    fs::remove_dir_all(&fresh)?;
    let place = |patched: &Patched| (patched.name, folder.join("str0m").join(patched.place));
    Ok(Prepared { project: folder.join("project"), crates: CRATES.iter().map(place).collect() })
}

/// What cargo knows of the project's dependencies.
#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    version: String,
    manifest_path: PathBuf,
}

fn metadata() -> Result<Metadata> {
    let rustc = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
    let version = output(&mut program(rustc, "-vV"), LIMIT)?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    // What other platforms need would be downloaded otherwise.
    let mut metadata = cargo("metadata --format-version 1 --locked --filter-platform");
    metadata.arg(host.context("rustc does not say what it compiles for")?);
    Ok(serde_json::from_str(&run_and_read(&mut metadata, LIMIT)?)?)
}

impl Metadata {
    fn folder_of(&self, patched: &Patched) -> Result<PathBuf> {
        let Patched { name, version, .. } = patched;
        let found = self.packages.iter().find(|package| package.name == *name);
        let found = found.with_context(|| format!("the project does not use {name}"))?;
        if found.version != *version {
            bail!("the patches are for {name} {version}, and the project uses {}", found.version);
        }
        let folder = found.manifest_path.parent().context("a manifest lies in a folder")?;
        Ok(folder.to_owned())
    }
}

fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from).with_context(|| from.display().to_string())? {
        let entry = entry?;
        let to = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_folder(&entry.path(), &to)?;
        } else {
            fs::write(&to, fs::read(entry.path())?)?;
        }
    }
    Ok(())
}

/// Makes a folder the same as a fresh one, and touches what differs only.
fn replace(fresh: &Path, folder: &Path) -> Result<()> {
    fs::create_dir_all(folder)?;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let (is_folder, path) = (entry.file_type()?.is_dir(), entry.path());
        let fresh = fresh.join(entry.file_name());
        if is_folder && !fresh.is_dir() {
            fs::remove_dir_all(path)?;
        } else if !is_folder && !fresh.is_file() {
            fs::remove_file(path)?;
        }
    }
    for entry in fs::read_dir(fresh)? {
        let entry = entry?;
        let (from, to) = (entry.path(), folder.join(entry.file_name()));
        if entry.file_type()?.is_dir() {
            replace(&from, &to)?;
        } else {
            let bytes = fs::read(&from)?;
            if fs::read(&to).ok().as_deref() != Some(&bytes) {
                fs::write(&to, bytes)?;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn every_patch_says_what_it_saves_and_has_a_number_of_its_own() {
        let patches = patches(None).unwrap();
        assert!(!patches.is_empty());
        for (place, patch) in patches.iter().enumerate() {
            let name = patch.file_name().unwrap().to_str().unwrap();
            assert!(name.starts_with(&format!("{:02}-", place + 1)), "{name}");
            let text = fs::read_to_string(patch).unwrap();
            let head = text.split("diff --git").next().unwrap();
            assert!(head.contains("Measured: "), "{name} has no figure");
        }
        let name = |path: &PathBuf| path.file_name().unwrap().to_owned();
        let first = super::patches(Some(&["01".to_owned()])).unwrap();
        assert_eq!(first.iter().map(name).collect::<Vec<_>>(), [name(&patches[0])]);
        assert!(super::patches(Some(&["99".to_owned()])).is_err());
    }

    #[test]
    fn what_is_the_same_is_not_touched_and_what_is_gone_goes() {
        let folder = std::env::temp_dir().join(format!("xtask-replace-{}", std::process::id()));
        let (fresh, old) = (folder.join("fresh"), folder.join("old"));
        for (part, file, text) in
            [(&fresh, "same", "1"), (&old, "same", "1"), (&fresh, "new", "2"), (&old, "gone", "3")]
        {
            fs::create_dir_all(part.join("sub")).unwrap();
            fs::write(part.join("sub").join(file), text).unwrap();
        }
        let touched = || fs::metadata(old.join("sub/same")).unwrap().modified().unwrap();
        let before = touched();

        replace(&fresh, &old).unwrap();

        let names = fs::read_dir(old.join("sub")).unwrap().map(|entry| entry.unwrap().file_name());
        assert_eq!(names.collect::<std::collections::BTreeSet<_>>().len(), 2);
        assert_eq!(fs::read(old.join("sub/new")).unwrap(), b"2");
        assert_eq!(touched(), before);
        fs::remove_dir_all(folder).unwrap();
    }
}
