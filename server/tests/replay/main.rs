//! `pinhole replay`: what it prints, and with which code it ends.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

/// A recording that is kept for tests.
fn kept(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/recordings").join(format!("{name}.jsonl"))
}

fn run(words: &[&str], file: &Path) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pinhole"));
    command.env_clear().args(["replay"]).args(words).arg(file).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// A file of this test's own, removed when dropped.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str, text: &str) -> Scratch {
        let name = format!("pinhole-replay-{}-{name}.jsonl", std::process::id());
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::write(&path, text).unwrap();
        Scratch(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

#[test]
fn a_session_is_told_so_that_a_person_can_follow_it() {
    for name in ["relay", "wrong-password", "viewer-renumbered"] {
        let output = run(&[], &kept(name));

        let snapshot =
            Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/replay/{name}.txt"));
        // To see another story and take it: UPDATE_SNAPSHOTS=1.
        if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
            fs::write(&snapshot, &output.stdout).unwrap();
        }
        let expected = fs::read_to_string(&snapshot).unwrap();
        assert_eq!(text(&output.stdout), expected, "{name}: {}", text(&output.stderr));
        assert_eq!(output.status.code(), Some(0));
    }
}

#[test]
fn one_session_is_told_alone_and_one_that_is_not_there_is_named() {
    let output = run(&["--session", "0"], &kept("relay"));
    assert!(text(&output.stdout).contains("answers as session 0"));

    let output = run(&["--session", "7"], &kept("relay"));

    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("there is no session 7; it has 0"));
}

#[test]
fn every_packet_is_told_where_that_is_asked_for() {
    let lines = |words: &[&str]| text(&run(words, &kept("relay")).stdout).lines().count();

    assert!(lines(&["--verbose"]) > lines(&[]) + 10);
}

#[test]
fn json_says_the_same_to_a_program() {
    let output = run(&["--json"], &kept("wrong-password"));

    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&told["version"], &told["same"]), (&1.into(), &true.into()));
    assert_eq!(told["differences"], Value::Array(Vec::new()));
    assert!(told["same_decisions"].as_u64().unwrap() >= 4);
    let story = told["story"].as_array().unwrap();
    let is_verdict = |row: &Value| row["text"].as_str().unwrap().contains("stale-answer");
    let verdict = story.iter().find(|row| is_verdict(row)).unwrap();
    assert_eq!((&verdict["who"], &verdict["session"]), (&"pinhole".into(), &0.into()));
    assert!(verdict["below"].as_array().unwrap().len() > 3);
    let keys: Vec<&String> = told.as_object().unwrap().keys().collect();
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/replay.md");
    let docs = fs::read_to_string(docs).unwrap();
    for key in keys {
        assert!(docs.contains(&format!("`{key}`")), "docs/replay.md does not promise {key}");
    }
}

#[test]
fn what_is_decided_otherwise_is_shown_in_pairs_and_the_code_says_so() {
    let recorded = fs::read_to_string(kept("relay")).unwrap();
    assert!(recorded.contains("\"path\":\"turn-udp\""));
    let bent =
        Scratch::new("bent", &recorded.replace("\"path\":\"turn-udp\"", "\"path\":\"direct\""));

    let output = run(&[], &bent.0);

    assert_eq!(output.status.code(), Some(1));
    let text = text(&output.stdout);
    let (_, differences) = text.split_once("but\n").unwrap();
    let lines: Vec<&str> = differences.lines().map(str::trim).collect();
    assert!(lines[0].starts_with("recorded  0.") && lines[0].contains("sends directly"), "{text}");
    let replayed = lines.iter().find(|line| line.starts_with("replayed  0.")).unwrap();
    assert!(replayed.contains("through the TURN relay"), "{text}");
}

#[test]
fn a_file_that_cannot_be_read_is_refused_with_the_line_and_what_to_do() {
    let whole = fs::read_to_string(kept("direct")).unwrap();
    let damaged: String = whole
        .lines()
        .enumerate()
        .map(|(n, line)| if n == 4 { "{\"at_us\":\n".to_owned() } else { format!("{line}\n") })
        .collect();
    let later = whole.replacen("\"pinhole_record\":1", "\"pinhole_record\":2", 1);
    let nobody = whole.replacen("\"audience\":\"lan\"", "\"audience\":\"moon\"", 1);
    for (name, content, expected) in [
        ("empty", "", "the file is empty"),
        ("other", "v=0\r\n", "this is no recording: line 1 should be JSON"),
        (
            "later",
            &later,
            "has version 2, this program reads up to 1; use the program that wrote it",
        ),
        ("damaged", &damaged, "line 5 is damaged"),
        ("nobody", &nobody, "line 1 is damaged: its field \"audience\""),
    ] {
        let file = Scratch::new(name, content);

        let output = run(&[], &file.0);

        assert_eq!(output.status.code(), Some(2), "{name}");
        let said = text(&output.stderr);
        assert!(said.contains(expected) && output.stdout.is_empty(), "{name}: {said}");
    }
    let output = run(&[], Path::new("/nowhere/at/all"));
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("cannot open /nowhere/at/all"));
}

#[test]
fn what_was_cut_off_or_lost_is_run_up_to_there_and_said() {
    let whole = fs::read_to_string(kept("direct")).unwrap();
    let half = whole.get(..whole.len() / 2).unwrap();
    let lines: Vec<&str> = whole.lines().collect();
    let at = lines.len() / 2;
    let at_us = serde_json::from_str::<Value>(lines[at]).unwrap()["at_us"].clone();
    let lost = format!("{{\"at_us\":{at_us},\"kind\":\"lost\",\"entries\":3}}");
    let thinned =
        format!("{{\"at_us\":{at_us},\"kind\":\"thinned\",\"keeps\":\"story\",\"bytes_left\":9}}");
    let with = |line: &str| {
        let (before, after) = lines.split_at(at);
        [before, &[line], after].concat().join("\n") + "\n"
    };
    for (name, content, expected) in [
        ("half", half.to_owned(), "the recording has no end"),
        ("lost", with(&lost), "3 entries were lost at"),
        ("thinned", with(&thinned), "only a part was recorded, for want of room"),
    ] {
        let file = Scratch::new(name, &content);

        let output = run(&[], &file.0);

        assert_eq!(output.status.code(), Some(0), "{name}: {}", text(&output.stdout));
        // It may be wrapped.
        let said = text(&output.stdout).split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(said.contains(expected), "{name}: {said}");
    }
}
