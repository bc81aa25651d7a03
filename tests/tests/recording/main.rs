//! `--record`: a file that tells what happened, and no secret.
#![allow(clippy::unwrap_used)]

mod again;
mod refusal;
mod scenes;
mod secrets;
mod sniffer;
mod spellings;
mod story;

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use pinhole_core::trace::Recording;

/// A file of this test's own; removed when dropped.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Scratch {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("pinhole-recording-{}-{number}.jsonl", std::process::id());
        Scratch(Path::new(env!("CARGO_TARGET_TMPDIR")).join(name))
    }

    fn text(&self) -> String {
        std::fs::read_to_string(&self.0).unwrap()
    }

    fn read(&self) -> Recording {
        Recording::read(BufReader::new(File::open(&self.0).unwrap())).unwrap()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // It may never have been made.
        let _ = std::fs::remove_file(&self.0);
    }
}
