//! Lists the files of `web/` for `http/page.rs`, so that a file added there is served without being named twice.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

fn main() {
    let web = Path::new(env!("CARGO_MANIFEST_DIR")).join("../web");
    println!("cargo::rerun-if-changed={}", web.display());
    let served = |path: &PathBuf| {
        let extension = path.extension().and_then(|extension| extension.to_str());
        matches!(extension, Some("html" | "js" | "css" | "svg" | "png"))
    };
    let entries = fs::read_dir(&web).expect("web/ stands beside server/");
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
    fs::write(Path::new(&out).join("web.rs"), table).expect("OUT_DIR can be written");
}
