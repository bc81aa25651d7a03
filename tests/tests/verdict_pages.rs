//! Each verdict has its page, and each page says what to do.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use pinhole_core::diagnose::Verdict;

/// Lines of a page: enough to act on, few enough to be read.
const LINES: std::ops::RangeInclusive<usize> = 15..=40;

#[test]
fn each_verdict_has_its_page_and_no_page_is_left_over() {
    let codes: BTreeSet<String> = codes().into_iter().map(str::to_owned).collect();
    let pages: BTreeSet<String> = fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name != "README.md")
        .map(|name| name.strip_suffix(".md").unwrap_or(&name).to_owned())
        .collect();
    let missing: Vec<_> = codes.difference(&pages).collect();
    let left_over: Vec<_> = pages.difference(&codes).collect();
    assert!(
        missing.is_empty() && left_over.is_empty(),
        "no page: {missing:?}; no verdict: {left_over:?}"
    );
}

#[test]
fn the_index_names_each_verdict_once() {
    let index = page("README");
    for code in codes() {
        let link = format!("| [{code}]({code}.md) |");
        assert_eq!(index.matches(&link).count(), 1, "{link} in docs/verdicts/README.md");
    }
    let rows = index.lines().filter(|line| line.starts_with("| [")).count();
    assert_eq!(rows, codes().len(), "rows of docs/verdicts/README.md");
}

#[test]
fn each_page_says_how_it_looks_what_to_do_and_how_to_check() {
    for code in codes() {
        let text = page(code);
        assert_eq!(text.lines().next(), Some(format!("# {code}").as_str()), "{code}.md");
        for part in
            ["## How it looks", "## What to do", "## Check", "Sources: ", &format!("[{code}]")]
        {
            assert!(text.contains(part), "{code}.md lacks {part:?}");
        }
        let lines = text.lines().count();
        assert!(LINES.contains(&lines), "{code}.md has {lines} lines");
        let long = text.lines().find(|line| line.chars().count() > 112);
        assert_eq!(long, None, "a long line in {code}.md");
    }
}

#[test]
fn links_between_the_pages_lead_somewhere() {
    for code in codes().into_iter().chain(["README"]) {
        let text = page(code);
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            assert!(folder().join(link).is_file(), "{code}.md links to {link}");
        }
    }
}

fn codes() -> Vec<&'static str> {
    Verdict::ALL.iter().map(|verdict| verdict.code()).collect()
}

fn page(name: &str) -> String {
    let path = folder().join(format!("{name}.md"));
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/verdicts")
}
