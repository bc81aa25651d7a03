//! A copy of the sources, for what changes them.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::paths;
use crate::run::program;

/// Puts all files that git knows, or would know, into a folder, as they lie here.
///
/// # Errors
/// Git does not list them, or a file cannot be copied.
pub(crate) fn copy_tree(copy: &Path) -> Result<()> {
    let list = program("git", "ls-files -z --cached --others --exclude-standard")
        .current_dir(paths::root())
        .output()?;
    if !list.status.success() {
        bail!("git cannot list the files: {}", String::from_utf8_lossy(&list.stderr));
    }
    let _ = fs::remove_dir_all(copy);
    for name in String::from_utf8(list.stdout)?.split_terminator('\0') {
        let (from, to) = (paths::root().join(name), copy.join(name));
        if !from.is_file() {
            continue;
        }
        fs::create_dir_all(to.parent().context("a file lies in a folder")?)?;
        fs::copy(&from, &to).with_context(|| name.to_owned())?;
    }
    Ok(())
}
