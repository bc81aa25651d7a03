//! Every recording in `tests/recordings/` is decided the same as when it was made. `cargo xtask keep FILE NAME` puts
//! one there.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::{Path, PathBuf};

use pinhole_core::trace::{Recording, What};
use pinhole_tests::keeping::{BYTES_MAX, KeepOptions, differences, folder, keep, read, run_again};

fn kept() -> Vec<PathBuf> {
    let files = fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> =
        files.filter(|path| path.extension().is_some_and(|ending| ending == "jsonl")).collect();
    files.sort();
    files
}

#[test]
fn every_kept_recording_is_decided_as_it_was() {
    let files = kept();
    assert!(files.len() >= 4, "{files:?}");
    let mut faults = Vec::new();
    for file in files {
        let (replayed, comparison) = run_again(&read(&file).unwrap()).unwrap();
        if !comparison.is_same() || comparison.same < 2 {
            faults.push(format!(
                "{}: {} decisions are the same, but\n{}{:?}\nsee it all with: pinhole replay {0}",
                file.display(),
                comparison.same,
                differences(&comparison),
                replayed.caveats
            ));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n\n"));
}

#[test]
fn a_recording_of_the_first_minor_version_is_run_too() {
    let text = fs::read_to_string(folder().join("direct.jsonl")).unwrap();
    let lines = text.lines().filter(|line| !line.contains("\"kind\":\"heard\""));
    let lines: String = lines.map(|line| format!("{line}\n")).collect();
    let first = lines.replacen("\"minor\":1", "\"minor\":0", 1);
    let recording = Recording::read(first.as_bytes()).unwrap();
    assert_eq!(recording.header.minor, 0);

    let (_, comparison) = run_again(&recording).unwrap();

    assert!(comparison.is_same() && comparison.same >= 4, "{}", differences(&comparison));
}

#[test]
fn a_re_run_comes_out_the_same_each_time() {
    for file in kept() {
        let recording = read(&file).unwrap();
        let (first, _) = run_again(&recording).unwrap();
        let (second, _) = run_again(&recording).unwrap();
        let story = |decisions: &[pinhole_core::trace::Entry]| -> Vec<String> {
            decisions
                .iter()
                .map(|entry| format!("{} {:?}", entry.at_us, kind(&entry.what)))
                .collect()
        };
        assert_eq!(story(&first.decisions), story(&second.decisions), "{}", file.display());
    }
}

#[test]
fn kept_recordings_are_small_and_show_no_address_of_anybody() {
    for file in kept() {
        let text = fs::read_to_string(&file).unwrap();
        assert!(text.len() <= BYTES_MAX, "{} has {} bytes", file.display(), text.len());
        assert!(read(&file).unwrap().header.addresses_hidden, "{}", file.display());
    }
}

#[test]
fn a_recording_that_is_kept_is_decided_the_same_and_one_that_is_not_is_refused() {
    let scratch = Scratch::new("kept");
    let source = kept().remove(0);

    let decisions = keep(&source, "again", &scratch.0, KeepOptions::default()).unwrap();

    assert!(decisions >= 2);
    let taken = keep(&source, "again", &scratch.0, KeepOptions::default());
    assert!(taken.unwrap_err().to_string().contains("choose another name"));
    let name = keep(&source, "no/name", &scratch.0, KeepOptions::default());
    assert!(name.unwrap_err().to_string().contains("lower-case"));

    let bent = scratch.0.join("bent");
    fs::write(&bent, otherwise(read(&source).unwrap()).to_lines()).unwrap();
    let refused = keep(&bent, "bent", &scratch.0, KeepOptions::default()).unwrap_err();
    assert!(refused.to_string().contains("not decided the same"), "{refused}");
    let options = KeepOptions { decisions_as_replayed: true, ..KeepOptions::default() };
    assert_eq!(keep(&bent, "mended", &scratch.0, options).unwrap(), decisions);

    let secret =
        fs::read_to_string(&source).unwrap().replace("a=ice-pwd:p0000", "a=ice-pwd:geheim");
    fs::write(&bent, secret).unwrap();
    let refused = keep(&bent, "secret", &scratch.0, KeepOptions::default()).unwrap_err();
    assert!(refused.to_string().contains("stand-in"), "{refused}");
}

/// What no endpoint decides.
fn otherwise(mut recording: Recording) -> Recording {
    for entry in &mut recording.entries {
        if let What::Session { state, cause, .. } = &mut entry.what {
            (*state, *cause) = ("closed".to_owned(), Some("failed".to_owned()));
        }
    }
    recording
}

fn kind(what: &What) -> String {
    let line = serde_json::to_value(what).unwrap();
    format!("{} {}", line["kind"], line["state"])
}

/// A folder of this test's own; removed when dropped.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Scratch {
        let name = format!("pinhole-{name}-{}", std::process::id());
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir_all(&folder).unwrap();
        Scratch(folder)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
