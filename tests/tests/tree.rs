//! The shape of the sources: layers of the core, lengths of files and functions, the likeness of the runtimes.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use pinhole_tests::source::{crate_modules, files_below, functions, without_text};

/// The core's modules, bottom up: each imports only from those before it.
const LAYERS: &[&str] = &[
    "base", "adapt", "wire", "stun", "turn", "portmap", "h264", "sdp", "gather", "session",
    "diagnose", "endpoint", "trace",
];

/// Files of the core with state of a thread, each with its reason: clippy cannot except one file from a macro.
const THREAD_STATE: &[(&str, &str)] = &[(
    "core/src/session/clear.rs",
    "str0m's providers are static: no other way leads to a cipher",
)];

const FILE_LINES_MAX: usize = 400;
const FUNCTION_LINES_MAX: usize = 70;

/// Files that may be longer, each with its reason.
const LONG_FILES: &[(&str, &str)] = &[];

/// Functions that may be longer, as `file: name`, each with its reason.
const LONG_FUNCTIONS: &[(&str, &str)] = &[];

/// Files of the runtimes that may have helpers of their own: how each waits is what differs.
const WAITING: &[&str] = &["timer.rs"];

#[test]
fn modules_of_the_core_import_only_from_below() {
    let core = root().join("core/src");
    let mut faults = Vec::new();
    for file in files_below(&core, &[".rs"]) {
        let inside = file.strip_prefix(&core).unwrap();
        let first = inside.components().next().unwrap().as_os_str().to_str().unwrap();
        let Some(own) = layer(first.trim_end_matches(".rs")) else {
            assert!(first == "lib.rs", "core/src/{first} has no place in LAYERS");
            continue;
        };
        for (line, module) in crate_modules(&read(&file)) {
            if layer(&module).is_some_and(|other| other > own) {
                faults.push(format!("{}:{line} imports crate::{module}", shown(&file)));
            }
        }
    }
    assert!(faults.is_empty(), "imports from above:\n{}", faults.join("\n"));
}

#[test]
fn state_of_the_core_lives_in_its_machines() {
    let core = files_below(&root().join("core/src"), &[".rs"]).into_iter();
    let has_one = |file: &PathBuf| without_text(&read(file)).contains("thread_local!");
    let found: Vec<String> = core.filter(has_one).map(|file| shown(&file)).collect();
    let allowed: Vec<&str> = THREAD_STATE.iter().map(|(file, _)| *file).collect();
    assert_eq!(found, allowed, "files of the core with thread_local!, and those that may");
}

#[test]
fn every_module_of_the_core_has_its_layer() {
    let lib = without_text(&read(&root().join("core/src/lib.rs")));
    let modules: BTreeSet<&str> = lib
        .lines()
        .map(|line| line.trim().trim_start_matches("pub "))
        .filter_map(|line| line.strip_prefix("mod ")?.strip_suffix(';'))
        .collect();
    assert!(modules.len() >= 8, "the modules are not found any more: {modules:?}");
    let unknown: Vec<_> = modules.iter().filter(|module| layer(module).is_none()).collect();
    assert!(unknown.is_empty(), "no layer is known for {unknown:?}");
}

#[test]
fn files_are_short() {
    let mut seen = 0;
    let mut long = BTreeSet::new();
    for file in sources(&[".rs", ".js", ".mjs", ".py", ".css", ".html"]) {
        seen += 1;
        let lines = read(&file).lines().count();
        if lines >= FILE_LINES_MAX {
            long.insert(shown(&file));
        }
    }
    assert!(seen > 50, "only {seen} files are found");
    let allowed = LONG_FILES.iter().map(|(file, _)| (*file).to_owned()).collect();
    assert_eq!(long, allowed, "files of {FILE_LINES_MAX} lines or more, and those that may be");
}

#[test]
fn functions_fit_a_screen() {
    let mut seen = 0;
    let mut long = BTreeSet::new();
    for file in sources(&[".rs"]) {
        for function in functions(&read(&file)) {
            seen += 1;
            if function.lines > FUNCTION_LINES_MAX {
                long.insert(format!("{}: {}", shown(&file), function.name));
            }
        }
    }
    assert!(seen > 300, "only {seen} functions are found");
    let allowed = LONG_FUNCTIONS.iter().map(|(function, _)| (*function).to_owned()).collect();
    assert_eq!(long, allowed, "functions over {FUNCTION_LINES_MAX} lines, and those that may be");
}

#[test]
fn both_runtimes_have_the_same_files_and_functions() {
    let shape = |folder: &str| -> BTreeSet<String> {
        let folder = root().join(folder);
        let mut shape = BTreeSet::new();
        for file in files_below(&folder, &[".rs"]) {
            let name = file.strip_prefix(&folder).unwrap().to_str().unwrap().to_owned();
            let waits = WAITING.contains(&name.as_str());
            let functions = if waits { Vec::new() } else { functions(&read(&file)) };
            shape.extend(functions.iter().map(|function| format!("{name}: {}", function.name)));
            shape.insert(name);
        }
        shape
    };
    let (mio, smol) = (shape("runtime-mio/src"), shape("runtime-smol/src"));
    assert!(!mio.is_empty());
    let only_one: Vec<&String> = mio.symmetric_difference(&smol).collect();
    assert!(only_one.is_empty(), "only one runtime has {only_one:#?}");
}

fn layer(module: &str) -> Option<usize> {
    LAYERS.iter().position(|layer| *layer == module)
}

/// The project's own sources with these endings.
fn sources(endings: &[&str]) -> Vec<PathBuf> {
    files_below(&root(), endings)
}

fn read(file: &Path) -> String {
    fs::read_to_string(file).unwrap()
}

fn shown(file: &Path) -> String {
    file.strip_prefix(root()).unwrap().display().to_string()
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}
