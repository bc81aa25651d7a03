//! Kept recordings, damaged in ways that leave them readable: a re-run ends, and nothing panics.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};

use fastrand::Rng;
use pinhole_tests::fuzz::replayed;
use pinhole_tests::keeping::folder;
use serde_json::Value;

/// Recordings made of each kept one; `PINHOLE_SEEDS` for more.
const SEEDS: u64 = 40;
/// Lines that a damaged recording keeps: the first seconds, where most is decided.
const LINES_MAX: usize = 160;
/// Numbers at which something may end.
const NUMBERS: [u64; 9] = [0, 1, 255, 65_535, 1 << 31, u32::MAX as u64, 1 << 53, 1 << 62, u64::MAX];
/// Addresses that nobody has, or nobody should.
const ADDRESSES: [&str; 6] =
    ["0.0.0.0:0", "[::]:9", "127.0.0.1:0", "224.0.0.1:5", "255.255.255.255:65535", "[ff02::1]:1"];

#[test]
fn a_damaged_recording_is_run_to_its_end() {
    let seeds = std::env::var("PINHOLE_SEEDS").ok().and_then(|seeds| seeds.parse().ok());
    let mut read = 0;
    for file in fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path()) {
        let text = fs::read_to_string(&file).unwrap();
        for seed in 0..seeds.unwrap_or(SEEDS) {
            let damaged = damaged(&text, seed);
            read += usize::from(pinhole_core::trace::Recording::read(damaged.as_bytes()).is_ok());
            let outcome = catch_unwind(AssertUnwindSafe(|| replayed(damaged.as_bytes())));
            if outcome.is_err() {
                let place = std::env::temp_dir().join("pinhole-replay-panics.jsonl");
                fs::write(&place, &damaged).unwrap();
                panic!("{} with seed {seed}: see {}", file.display(), place.display());
            }
        }
    }
    assert!(read > 100, "only {read} can be read after that");
}

fn damaged(text: &str, seed: u64) -> String {
    let mut random = Rng::with_seed(seed);
    let mut lines: Vec<Value> =
        text.lines().take(LINES_MAX).map(|line| serde_json::from_str(line).unwrap()).collect();
    for _ in 0..random.usize(1..12) {
        let at = random.usize(1..lines.len());
        match random.u8(..8) {
            0 => drop(lines.remove(at)),
            1 => lines.insert(random.usize(1..lines.len()), lines[at].clone()),
            2 => {
                let last = lines.len() - 1;
                lines.swap(at, last);
            }
            // Time runs away, or back.
            3 => lines[at]["at_us"] = NUMBERS[random.usize(..NUMBERS.len())].into(),
            4 if random.bool() => bend(&mut random, &mut lines[0]),
            _ => bend(&mut random, &mut lines[at]),
        }
        if lines.len() < 3 {
            break;
        }
    }
    lines.iter().map(|line| format!("{line}\n")).collect()
}

/// Changes one value somewhere below.
fn bend(random: &mut Rng, value: &mut Value) {
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            let at = random.usize(..fields.len());
            if let Some((_, value)) = fields.iter_mut().nth(at) {
                bend(random, value);
            }
        }
        Value::Array(values) if !values.is_empty() => {
            let at = random.usize(..values.len());
            match random.u8(..4) {
                0 => drop(values.remove(at)),
                1 => values.push(values[at].clone()),
                _ => bend(random, &mut values[at]),
            }
        }
        Value::Number(_) => *value = NUMBERS[random.usize(..NUMBERS.len())].into(),
        Value::String(text) => match text.parse::<std::net::SocketAddr>() {
            Ok(_) => *value = ADDRESSES[random.usize(..ADDRESSES.len())].into(),
            Err(_) => *text = bent(random, text),
        },
        Value::Bool(flag) => *flag = !*flag,
        _ => {}
    }
}

/// A text with a piece cut out, doubled, or of another kind.
fn bent(random: &mut Rng, text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let (a, b) = (random.usize(..=chars.len()), random.usize(..=chars.len()));
    let (a, b) = (a.min(b), a.max(b));
    let piece = |from: &[char]| from.iter().collect::<String>();
    match random.u8(..4) {
        0 => format!("{}{}", piece(&chars[..a]), piece(&chars[b..])),
        1 => format!("{}{}", piece(&chars[..b]), piece(&chars[a..])),
        2 => text.replacen(|c: char| c.is_ascii_digit(), "9", 3),
        _ => format!("{}{}{}", piece(&chars[..a]), "u00001", piece(&chars[a..])),
    }
}
