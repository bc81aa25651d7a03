//! Which lines of a file count, and which of them were reached.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

/// One source file.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct File {
    /// From the root of the repository.
    pub(super) path: PathBuf,
    /// Lines that hold code.
    pub(super) lines: usize,
    /// Those that nothing reaches.
    pub(super) missed: Vec<usize>,
}

/// Reads the records of lcov, one for each file of code below `core/src`.
pub(super) fn read(lcov: &str, root: &Path) -> Vec<File> {
    let mut files: BTreeMap<PathBuf, BTreeMap<usize, u64>> = BTreeMap::new();
    let mut path = PathBuf::new();
    for line in lcov.lines() {
        if let Some(source) = line.strip_prefix("SF:") {
            path = Path::new(source).strip_prefix(root).unwrap_or(Path::new(source)).to_owned();
        } else if let Some((number, count)) =
            line.strip_prefix("DA:").and_then(|rest| rest.split_once(','))
        {
            let (Ok(number), Ok(count)) = (number.parse(), count.parse::<u64>()) else { continue };
            *files.entry(path.clone()).or_default().entry(number).or_default() += count;
        }
    }
    files.retain(|path, _| path.starts_with("core/src") && !is_test(path));
    let own = files.into_iter().map(|(path, lines)| {
        let text = fs::read_to_string(root.join(&path)).unwrap_or_default();
        own_lines(path, &lines, code_ends(&text))
    });
    own.collect()
}

/// A file that holds tests and nothing else.
fn is_test(path: &Path) -> bool {
    let name = path.file_stem().unwrap_or_default().to_string_lossy();
    name.ends_with("tests") || path.components().any(|part| part.as_os_str() == "tests")
}

/// The line at which the unit tests begin, which stand at the end of their file.
fn code_ends(text: &str) -> usize {
    let lines: Vec<&str> = text.lines().collect();
    let begins = |pair: &[&str]| pair[0].starts_with("#[cfg(test)]") && pair[1].starts_with("mod ");
    lines.windows(2).position(begins).map_or(usize::MAX, |at| at + 1)
}

fn own_lines(path: PathBuf, lines: &BTreeMap<usize, u64>, end: usize) -> File {
    let own = lines.range(..end);
    let missed = own.clone().filter(|(_, count)| **count == 0).map(|(line, _)| *line).collect();
    File { path, lines: own.count(), missed }
}

/// How much of all files is reached.
pub(super) fn per_cent(files: &[File]) -> f64 {
    let all: usize = files.iter().map(|file| file.lines).sum();
    let missed: usize = files.iter().map(|file| file.missed.len()).sum();
    100.0 * (all - missed) as f64 / all.max(1) as f64
}

/// A line a file.
pub(super) fn table(files: &[File]) -> String {
    let mut table = format!("\n{:<48} {:>6} {:>7} {:>8}\n", "file", "lines", "missed", "reached");
    for file in files {
        table += &format!(
            "{:<48} {:>6} {:>7} {:>7.1} %\n",
            file.path.display().to_string(),
            file.lines,
            file.missed.len(),
            per_cent(std::slice::from_ref(file)),
        );
    }
    table
}

impl fmt::Display for File {
    /// Its lines that nothing reaches, runs of them together.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.path.display())?;
        let mut rest = self.missed.as_slice();
        while let Some(&first) = rest.first() {
            let run = rest.iter().zip(first..).take_while(|(line, next)| *line == next).count();
            match run {
                1 => write!(f, " {first}")?,
                run => write!(f, " {first}-{}", first + run - 1)?,
            }
            rest = rest.get(run..).unwrap_or_default();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_unit_tests_do_not_count_and_runs_are_told_together() {
        let text = "fn a() {\n}\nfn b() {\n}\n\n#[cfg(test)]\nmod tests {\n}\n";
        let lines = BTreeMap::from([(1, 3), (2, 3), (3, 0), (4, 0), (7, 9), (8, 0)]);

        let file = own_lines("core/src/x.rs".into(), &lines, code_ends(text));

        assert_eq!((file.lines, file.missed.as_slice()), (4, &[3, 4][..]));
        assert_eq!(file.to_string(), "core/src/x.rs: 3-4");
        assert!((per_cent(&[file]) - 50.0).abs() < 1e-9);
    }

    #[test]
    fn counts_of_one_line_in_several_binaries_are_added() {
        let lcov = "SF:/r/core/src/x.rs\nDA:1,0\nDA:2,0\nend_of_record\n\
            SF:/r/core/src/x.rs\nDA:1,4\nend_of_record\nSF:/r/core/src/a/tests.rs\nDA:1,1\n";

        let files = read(lcov, Path::new("/r"));

        assert_eq!(files.len(), 1);
        assert_eq!((files[0].lines, files[0].missed.as_slice()), (2, &[2][..]));
    }
}
