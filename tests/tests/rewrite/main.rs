//! SDP rewritten by a port map: the promises, over made-up and real texts, and beside what people do today.
#![allow(clippy::unwrap_used)]

mod answers;
mod properties;
mod regexes;

use std::fs;
use std::path::{Path, PathBuf};

/// What real stacks wrote, and its name.
fn offers() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("offers");
    let mut files: Vec<PathBuf> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let name = |file: &Path| file.file_stem().unwrap().to_str().unwrap().to_owned();
    files.iter().map(|file| (name(file), fs::read_to_string(file).unwrap())).collect()
}
