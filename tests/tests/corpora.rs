//! The fuzz targets over their committed corpora, and over damaged copies of them.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use pinhole_tests::fuzz::{Joined, TARGETS, datagrams, record};

/// Damaged copies of each file.
const DAMAGED: u64 = 8;

#[test]
fn every_target_takes_its_whole_corpus() {
    let mut harm = Vec::new();
    for (name, target) in TARGETS {
        let files = corpus(name);
        assert!(files.len() >= 3, "fuzz/corpus/{name} has {} files", files.len());
        for file in files {
            harm.extend(run(&file.display().to_string(), *target, &fs::read(&file).unwrap()));
        }
    }
    assert!(harm.is_empty(), "panics, whose messages stand above:\n{}", harm.join("\n"));
}

#[test]
fn every_target_takes_damaged_copies() {
    let mut harm = Vec::new();
    for (name, target) in TARGETS {
        // A session is set up for each run: fewer of them.
        let copies = if ["datagrams", "script"].contains(name) { 2 } else { DAMAGED };
        for file in corpus(name) {
            let bytes = fs::read(&file).unwrap();
            for seed in 0..copies {
                let what = format!("{}, damaged with seed {seed}", file.display());
                harm.extend(run(&what, *target, &damaged(&bytes, seed)));
            }
        }
    }
    assert!(harm.is_empty(), "panics, whose messages stand above:\n{}", harm.join("\n"));
}

#[test]
fn what_a_viewer_really_sends_can_be_sent_again() {
    let mut joined = Joined::new();
    for _ in 0..50 {
        joined.step();
    }
    assert!(joined.sent_by_viewer.len() > 5, "{}", joined.sent_by_viewer.len());

    datagrams(&record(joined.sent_by_viewer.iter().map(Vec::as_slice)));
}

#[test]
fn every_target_has_a_corpus_and_a_program() {
    let folders = |path: &str, ending: &str| -> BTreeSet<String> {
        let entries = fs::read_dir(root().join(path)).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.map(|name| name.trim_end_matches(ending).to_owned()).collect()
    };
    let targets: BTreeSet<String> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(folders("fuzz/corpus", ""), targets);
    assert_eq!(folders("fuzz/fuzz_targets", ".rs"), targets);
}

/// Runs a target; the input's name if it panics.
fn run(what: &str, target: fn(&[u8]), bytes: &[u8]) -> Option<String> {
    let outcome = catch_unwind(AssertUnwindSafe(|| target(bytes)));
    outcome.is_err().then(|| {
        eprintln!("so much for {what}");
        what.to_owned()
    })
}

/// Some bytes changed, some cut out, some doubled.
fn damaged(bytes: &[u8], seed: u64) -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut bytes = bytes.to_vec();
    for _ in 0..random.usize(1..8) {
        if bytes.is_empty() {
            return bytes;
        }
        let at = random.usize(..bytes.len());
        match random.u8(..4) {
            0 => bytes[at] = random.u8(..),
            1 => bytes[at] ^= 1 << random.u8(..8),
            2 => drop(bytes.drain(at..bytes.len().min(at + random.usize(1..40)))),
            _ => {
                let piece = bytes[at..bytes.len().min(at + random.usize(1..40))].to_vec();
                bytes.splice(at..at, piece);
            }
        }
    }
    bytes
}

fn corpus(name: &str) -> Vec<PathBuf> {
    let folder = root().join("fuzz/corpus").join(name);
    let mut files: Vec<PathBuf> =
        fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}
