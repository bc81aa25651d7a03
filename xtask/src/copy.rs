//! A copy of the sources, for what changes them.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::paths;
use crate::run::program;

/// The layers of the core above those that read what comes from the network.
const UPPER_LAYERS: [&str; 5] = ["diagnose", "endpoint", "gather", "session", "trace"];

/// Copies the sources without the core's upper layers, and without the tests that need them: layers import
/// from below only.
///
/// # Errors
/// As [`copy_tree`], or a layer is not where it was.
pub(crate) fn copy_lower_layers(copy: &Path) -> Result<()> {
    copy_tree(copy)?;
    cut(&copy.join("core/src/lib.rs"))?;
    for folder in ["tests", "examples"] {
        fs::remove_dir_all(copy.join("core").join(folder))?;
    }
    Ok(())
}

/// Takes the upper layers out of the core.
fn cut(lib: &Path) -> Result<()> {
    let mut text = fs::read_to_string(lib)?;
    for layer in UPPER_LAYERS {
        let declared = [format!("pub mod {layer};\n"), format!("mod {layer};\n")];
        let line = declared.into_iter().find(|line| text.contains(line));
        text = text.replacen(&line.with_context(|| format!("no layer {layer}"))?, "", 1);
        let exports = format!("pub use {layer}::{{");
        if let Some(at) = text.find(&exports) {
            let end = text[at..].find("};\n").context("an export without an end")?;
            text.replace_range(at..at + end + "};\n".len(), "");
        }
    }
    Ok(fs::write(lib, text)?)
}

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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_upper_layers_can_be_cut_off() {
        let lib = std::env::temp_dir().join(format!("pinhole-cut-{}.rs", std::process::id()));
        fs::copy(paths::root().join("core/src/lib.rs"), &lib).unwrap();
        cut(&lib).unwrap();
        let text = fs::read_to_string(&lib).unwrap();
        fs::remove_file(&lib).unwrap();

        let code: Vec<_> = text.lines().filter(|line| !line.starts_with("//!")).collect();
        assert!(code.contains(&"pub mod portmap;"));
        assert!(!code.iter().any(|line| UPPER_LAYERS.iter().any(|layer| line.contains(layer))));
    }
}
