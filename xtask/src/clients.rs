//! Real clients: each file of tests/clients/ is a program of its own that starts the server it needs.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::paths;
use crate::run::{program, run};

/// One client, with its browser.
const CLIENT_LIMIT: Duration = Duration::from_secs(6 * 60);

/// Runs every client, also after one has failed.
///
/// Clients measure frame rates of browsers that decode on the same two cores: one that fails is
/// run once more, and the output says so.
///
/// # Errors
/// There are none, or some failed twice.
pub(crate) fn run_all() -> Result<()> {
    let files = files_in(&paths::clients(), &["mjs", "py"])?;
    let mut failed = Vec::new();
    for file in &files {
        let Err(error) = run_client(file) else { continue };
        println!("{error:#}; once more");
        if let Err(error) = run_client(file) {
            println!("{error:#}");
            failed.push(file.file_name().unwrap_or_default().to_string_lossy().into_owned());
        }
    }
    if !failed.is_empty() {
        bail!("{} of {} failed: {}", failed.len(), files.len(), failed.join(", "));
    }
    Ok(())
}

fn run_client(file: &Path) -> Result<()> {
    let python = file.extension().is_some_and(|extension| extension == "py");
    let mut client = program(if python { paths::python() } else { "node".into() }, "");
    client.env("PINHOLE", paths::program()).env("SHAPER", paths::shaper());
    run(client.arg(file), CLIENT_LIMIT)
}

/// The player's own tests.
///
/// # Errors
/// There are none.
pub(crate) fn player_tests() -> Result<Vec<PathBuf>> {
    files_in(&paths::root().join("web/tests"), &["js", "mjs"])
}

/// Files with these endings, in order of their names; at least one.
fn files_in(folder: &Path, endings: &[&str]) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let entries = fs::read_dir(folder).with_context(|| folder.display().to_string())?;
    for entry in entries {
        let path = entry?.path();
        let fits = path.extension().is_some_and(|ending| endings.iter().any(|e| ending == *e));
        if fits && path.is_file() {
            files.push(path);
        }
    }
    if files.is_empty() {
        bail!("{} holds no tests", folder.display());
    }
    files.sort();
    Ok(files)
}
