//! Recordings that are kept as tests: `tests/recordings/NAME.jsonl`, each run again by `tests/tests/replays.rs`.
//!
//! [`keep`] makes one of a recording from anywhere: hides addresses, leaves out what a re-run has no use for, and
//! writes it only if it is decided the same as it was recorded, or as it is decided now where that is asked for.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result, bail};
use pinhole_core::Certificate;
use pinhole_core::trace::{
    Comparison, Direction, Entry, Packet, Recording, Replayed, STEPS_MAX, What, compare, replay,
};

/// A recording that is kept has no more bytes.
pub const BYTES_MAX: usize = 200_000;

/// How one is kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct KeepOptions {
    /// Addresses stay as they were recorded: for those of a lab or of documentation.
    pub addresses_as_recorded: bool,
    /// What is decided now is right, and not what was recorded: of a bug that has been mended since.
    pub decisions_as_replayed: bool,
}

/// The folder of recordings that are kept.
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("recordings")
}

/// Reads a recording.
///
/// # Errors
/// There is no such file, or it is no recording; the text says which line.
pub fn read(file: &Path) -> Result<Recording> {
    let open = File::open(file).with_context(|| format!("cannot open {}", file.display()))?;
    Recording::read(BufReader::new(open)).with_context(|| file.display().to_string())
}

/// Runs a recording again and compares.
///
/// # Errors
/// No endpoint can be made from its header.
pub fn run_again(recording: &Recording) -> Result<(Replayed, Comparison)> {
    let certificate = Certificate::generate()?;
    let replayed = replay(Instant::now(), recording, &certificate, STEPS_MAX)?;
    let comparison = compare(recording, &replayed);
    Ok((replayed, comparison))
}

/// The differences, for a person.
pub fn differences(comparison: &Comparison) -> String {
    let mut text = String::new();
    let line =
        |entry: &Option<Entry>| entry.as_ref().map_or("nothing\n".to_owned(), Entry::to_line);
    for difference in &comparison.differences {
        let _ = write!(text, "recorded {}", line(&difference.recorded));
        let _ = write!(text, "replayed {}", line(&difference.replayed));
    }
    text
}

/// Makes a test of a recording: writes it to `folder` as `NAME.jsonl`, and says how many decisions it holds.
///
/// # Errors
/// It is not decided the same, holds what looks like a secret, is too long, or the name is taken; the text says
/// what to do.
pub fn keep(file: &Path, name: &str, folder: &Path, options: KeepOptions) -> Result<usize> {
    let is_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if name.is_empty() || !name.chars().all(is_name) {
        bail!("{name:?} is no name: use lower-case letters, digits and hyphens");
    }
    let target = folder.join(format!("{name}.jsonl"));
    if target.exists() {
        bail!("{} is there already: choose another name", target.display());
    }
    let mut recording = read(file)?;
    if let Some(line) = recording.entries.iter().find_map(secret_in) {
        bail!("this stands where a stand-in should: {line:?}; it was not written by a recorder");
    }
    if !options.addresses_as_recorded {
        recording = recording.hide_addresses();
    }
    if options.decisions_as_replayed {
        let (replayed, _) = run_again(&recording)?;
        recording = with_decisions(recording, &replayed);
    }
    let (replayed, comparison) = run_again(&recording)?;
    if !comparison.is_same() {
        let differences = differences(&comparison);
        bail!(
            "it is not decided the same now, so it would be a test that fails:\n{differences}Where now is right, \
             keep it with --decisions as-replayed. Where addresses make the difference, with --addresses as-recorded"
        );
    }
    if comparison.same == 0 {
        bail!("nothing is decided in it: record from the offer on");
    }
    let recording = reduced(recording, &replayed, &comparison)?;
    let text = recording.to_lines();
    if text.len() > BYTES_MAX {
        let kilobytes = text.len() / 1000;
        bail!("it has {kilobytes} kB, more than {} kB: record a shorter one", BYTES_MAX / 1000);
    }
    fs::create_dir_all(folder)?;
    fs::write(&target, text).with_context(|| target.display().to_string())?;
    Ok(comparison.same)
}

/// Without what a re-run has no use for, if it is decided the same without.
fn reduced(recording: Recording, replayed: &Replayed, whole: &Comparison) -> Result<Recording> {
    let mut small = recording.clone();
    small.entries.truncate(replayed.entries.saturating_add(1));
    small.entries.retain(|entry| match &entry.what {
        What::Timeouts { .. } | What::KeyframeWanted | What::BitrateTarget { .. } => false,
        What::Media(tally) => tally.direction == Direction::In,
        What::PacketOut { packet: Packet::Stun(message), .. } => message.class == "request",
        _ => true,
    });
    let (_, comparison) = run_again(&small)?;
    Ok(if comparison == *whole { small } else { recording })
}

/// With what is decided now. Answers stay: packets name the ufrags in them.
fn with_decisions(mut recording: Recording, replayed: &Replayed) -> Recording {
    recording.entries.retain(|entry| !is_judged(&entry.what));
    let new = replayed.decisions.iter().filter(|entry| is_judged(&entry.what)).cloned();
    recording.entries.extend(new);
    // What follows from an input comes after it: the order of equal times stays.
    recording.entries.sort_by_key(|entry| entry.at_us);
    recording
}

fn is_judged(what: &What) -> bool {
    matches!(
        what,
        What::Session { .. }
            | What::Path { .. }
            | What::Diagnosis { .. }
            | What::CandidateOut { .. }
            | What::RestartWanted { .. }
            | What::Server { .. }
            | What::ResolveWanted { .. }
            | What::Disconnect { .. }
            | What::Dropped { .. }
    )
}

/// A credential of SDP that has not the form of a stand-in.
fn secret_in(entry: &Entry) -> Option<String> {
    let (What::Offer { sdp }
    | What::Answer { sdp, .. }
    | What::Renegotiate { sdp, .. }
    | What::Fragment { sdp, .. }
    | What::FragmentAnswer { sdp, .. }) = &entry.what
    else {
        return None;
    };
    let is_stand_in = |value: &str, letter: char, digits: usize| {
        let number = value.strip_prefix(letter).unwrap_or_default();
        number.len() >= digits && number.bytes().all(|byte| byte.is_ascii_digit())
    };
    let is_secret = |line: &&str| {
        let value = |name| line.strip_prefix(name).map(str::trim);
        value("a=ice-ufrag:").is_some_and(|value| !is_stand_in(value, 'u', 5))
            || value("a=ice-pwd:").is_some_and(|value| !is_stand_in(value, 'p', 23))
            || value("a=fingerprint:").is_some_and(|value| {
                let print = value.split(' ').nth(1).unwrap_or("00:00:00:00");
                !print.starts_with("00:00:00:00")
            })
    };
    sdp.lines().find(is_secret).map(str::to_owned)
}
