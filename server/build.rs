//! Lists the files of `web/` and the pages on verdicts for `http/page.rs`, so that a file added there is
//! served without being named twice.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

fn main() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    list(&root.join("web"), &["html", "js", "css", "svg", "png"], "web.rs");
    list(&root.join("docs/verdicts"), &["md"], "verdicts.rs");
}

/// Writes a table of the names and bytes of the files of `folder` with these extensions.
fn list(folder: &Path, extensions: &[&str], name: &str) {
    println!("cargo::rerun-if-changed={}", folder.display());
    let served = |path: &PathBuf| {
        let extension = path.extension().and_then(|extension| extension.to_str());
        extension.is_some_and(|extension| extensions.contains(&extension))
    };
    let entries = fs::read_dir(folder).expect("web/ and docs/ stand beside server/");
    let mut files: Vec<PathBuf> =
        entries.flatten().map(|entry| entry.path()).filter(served).collect();
    files.sort();
    let mut table = "&[\n".to_string();
    for file in files.iter().map(|file| file.canonicalize().expect("it was just listed")) {
        println!("cargo::rerun-if-changed={}", file.display());
        let name = file.file_name().expect("a file has a name").to_string_lossy();
        let _ =
            writeln!(table, "    ({name:?}, include_bytes!({:?})),", file.display().to_string());
    }
    table += "]\n";
    let out = env::var_os("OUT_DIR").expect("cargo sets OUT_DIR");
    fs::write(Path::new(&out).join(name), table).expect("OUT_DIR can be written");
}
