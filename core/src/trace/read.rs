//! Reads a recording back.

use std::io::{BufRead, ErrorKind, Read as _};

use super::entry::{Entry, What};
use super::header::{Header, MINOR, VERSION};

/// The longest line: an SDP of 256 KiB, each byte of it escaped.
pub const LINE_BYTES_MAX: usize = 2 * 1024 * 1024;
/// Entries; a longer recording is refused.
pub const ENTRIES_MAX: usize = 4_000_000;

/// A recording in memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recording {
    /// The first line.
    pub header: Header,
    /// The others, in their order.
    pub entries: Vec<Entry>,
    /// Lines of kinds that this version does not know.
    pub skipped: usize,
}

/// Why a recording cannot be read. Each text says where and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// The reader failed.
    #[error("line {line} cannot be read: {kind}")]
    Io {
        /// Which, from 1.
        line: usize,
        /// What the system said.
        kind: ErrorKind,
    },
    /// Nothing.
    #[error("the file is empty; a recording begins with a line that has \"pinhole_record\"")]
    Empty,
    /// The first line is something else.
    #[error("this is no recording: line 1 should be JSON with \"pinhole_record\", but {0}")]
    NoHeader(String),
    /// A later version.
    #[error(
        "the recording has version {0}, this program reads up to {VERSION}; use the program that \
         wrote it, or a newer one"
    )]
    TooNew(u64),
    /// No such version.
    #[error("the recording has version {0}, which there never was; line 1 is damaged")]
    NoVersion(u64),
    /// A line is damaged.
    #[error("line {line} is damaged: {problem}; delete it to read the rest")]
    Damaged {
        /// Which, from 1.
        line: usize,
        /// What is wrong.
        problem: String,
    },
    /// A line beyond [`LINE_BYTES_MAX`].
    #[error("line {line} has more than {LINE_BYTES_MAX} bytes; no recorder writes such a line")]
    LongLine {
        /// Which, from 1.
        line: usize,
    },
    /// More than [`ENTRIES_MAX`].
    #[error("the recording has more than {ENTRIES_MAX} lines; cut it")]
    TooLong,
}

impl Recording {
    /// Reads a recording to its end. A last line without a line end, of a program that was killed,
    /// is left out where it does not parse.
    pub fn read(mut input: impl BufRead) -> Result<Recording, RecordError> {
        let mut line = Vec::new();
        if !next_line(&mut input, &mut line, 1)? {
            return Err(RecordError::Empty);
        }
        let header = parse_header(&line)?;
        let mut recording = Recording { header, entries: Vec::new(), skipped: 0 };
        let mut number = 2;
        while next_line(&mut input, &mut line, number)? {
            let cut_off = !line.ends_with(b"\n");
            match parse_entry(&line, recording.header.minor > MINOR) {
                Ok(Some(Entry { what: What::Unknown, .. }) | None) => recording.skipped += 1,
                Ok(Some(entry)) => recording.entries.push(entry),
                Err(_) if cut_off => recording.skipped += 1,
                Err(problem) => return Err(RecordError::Damaged { line: number, problem }),
            }
            if recording.entries.len() + recording.skipped > ENTRIES_MAX {
                return Err(RecordError::TooLong);
            }
            number += 1;
        }
        Ok(recording)
    }

    /// Writes it as lines.
    pub fn to_lines(&self) -> String {
        let mut lines = self.header.to_line();
        for entry in &self.entries {
            lines.push_str(&entry.to_line());
        }
        lines
    }
}

impl Header {
    /// The first line, with its line end.
    pub fn to_line(&self) -> String {
        json_line(self)
    }
}

impl Entry {
    /// Its line, with its line end.
    pub fn to_line(&self) -> String {
        json_line(self)
    }
}

fn json_line(value: &impl serde::Serialize) -> String {
    let mut line = serde_json::to_string(value).expect("strings, numbers and lists are JSON");
    line.push('\n');
    line
}

/// False: there is no more.
fn next_line(
    input: &mut impl BufRead,
    line: &mut Vec<u8>,
    number: usize,
) -> Result<bool, RecordError> {
    line.clear();
    let read = input.by_ref().take(LINE_BYTES_MAX as u64).read_until(b'\n', line);
    let read = read.map_err(|error| RecordError::Io { line: number, kind: error.kind() })?;
    if read == LINE_BYTES_MAX && !line.ends_with(b"\n") {
        return Err(RecordError::LongLine { line: number });
    }
    Ok(read > 0)
}

fn parse_header(line: &[u8]) -> Result<Header, RecordError> {
    let no_header = |problem: String| RecordError::NoHeader(problem);
    let value: serde_json::Value =
        serde_json::from_slice(line).map_err(|error| no_header(error.to_string()))?;
    let version = value.get("pinhole_record").and_then(serde_json::Value::as_u64);
    match version {
        None => return Err(no_header("it has no such number".to_owned())),
        Some(0) => return Err(RecordError::NoVersion(0)),
        Some(version) if version > u64::from(VERSION) => return Err(RecordError::TooNew(version)),
        Some(_) => {}
    }
    serde_json::from_value(value)
        .map_err(|error| RecordError::Damaged { line: 1, problem: error.to_string() })
}

/// `None`: of a later minor version, which may say more than we understand.
fn parse_entry(line: &[u8], is_later: bool) -> Result<Option<Entry>, String> {
    match serde_json::from_slice(line) {
        Ok(entry) => Ok(Some(entry)),
        Err(error) if is_later && !error.is_syntax() && !error.is_eof() => Ok(None),
        Err(error) => Err(error.to_string()),
    }
}
