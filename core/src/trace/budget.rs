//! What a file of bounded size takes, and what it leaves out first.
//!
//! Up to half of its size it takes everything. From there on sums of media, frames and timeouts are
//! left out, from seven eighths on also single packets; each time an entry says so. Within ten
//! seconds of any offer everything is taken all the same, to the end: the first seconds of a session
//! are what most reports are about. A last entry says that the file is full.

use super::entry::{Class, Entry, What};

/// How long after an offer everything is worth its room.
const EARLY_US: u64 = 10_000_000;
/// Kept for the last entries of the recording itself.
const RESERVE_BYTES: u64 = 512;

/// Room of a file.
#[derive(Debug, Clone)]
pub struct Budget {
    bytes_max: u64,
    bytes: u64,
    /// The least class that is kept outside of the first seconds of a session.
    keeps: Class,
    early_until_us: u64,
    full: bool,
}

/// What becomes of an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Admission {
    /// Write it.
    Take,
    /// Write this entry before it, and then ask again.
    Announce(Entry),
    /// Leave it out.
    Omit,
    /// Write this last entry and nothing more, ever.
    Close(Entry),
}

impl Budget {
    /// A file of so many bytes.
    pub fn new(bytes_max: u64) -> Budget {
        Budget { bytes_max, bytes: 0, keeps: Class::Bulk, early_until_us: 0, full: false }
    }

    /// Tells that so many bytes were written.
    pub fn on_written(&mut self, bytes: u64) {
        self.bytes += bytes;
    }

    /// Whether [`Admission::Close`] was given.
    pub fn is_full(&self) -> bool {
        self.full
    }

    /// Decides about an entry whose line has so many bytes.
    pub fn admit(&mut self, entry: &Entry, line_bytes: u64) -> Admission {
        if self.full {
            return Admission::Omit;
        }
        if entry.what.begins_attempt() {
            self.early_until_us = entry.at_us.saturating_add(EARLY_US);
        }
        let keeps = match self.bytes {
            bytes if bytes < self.bytes_max / 2 => Class::Bulk,
            bytes if bytes < self.bytes_max / 8 * 7 => Class::Routine,
            _ => Class::Story,
        };
        if keeps > self.keeps {
            self.keeps = keeps;
            let bytes_left = self.bytes_max.saturating_sub(self.bytes);
            let keeps = match keeps {
                Class::Bulk => "bulk",
                Class::Routine => "routine",
                Class::Story => "story",
            };
            let what = What::Thinned { keeps: keeps.to_owned(), bytes_left };
            return Admission::Announce(Entry { at_us: entry.at_us, what });
        }
        let early = entry.at_us < self.early_until_us;
        if entry.what.class() < self.keeps && !early {
            return Admission::Omit;
        }
        if self.bytes + line_bytes + RESERVE_BYTES > self.bytes_max {
            self.full = true;
            let what = What::End { reason: "full".to_owned() };
            return Admission::Close(Entry { at_us: entry.at_us, what });
        }
        Admission::Take
    }
}
