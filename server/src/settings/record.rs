//! Whether and how sessions are recorded.

use std::path::PathBuf;

use pinhole_core::trace::AddressPolicy;
use pinhole_runtime::RecordFile;

/// A smaller file would hold an offer and little else.
const BYTES_MIN: u64 = 64 * 1024;
/// A larger one is a slip of the pen, and could not be read back.
const BYTES_MAX: u64 = 1024 * 1024 * 1024;

/// Where sessions are recorded, and what is kept of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordSettings {
    /// The file.
    pub path: PathBuf,
    /// Its greatest size.
    pub bytes_max: u64,
    /// Whether addresses are kept.
    pub addresses: AddressPolicy,
}

impl RecordSettings {
    /// `None`: nothing is recorded.
    pub(super) fn new(
        path: Option<PathBuf>,
        bytes_max: u64,
        addresses: AddressPolicy,
    ) -> Option<RecordSettings> {
        path.map(|path| RecordSettings { path, bytes_max, addresses })
    }

    /// Creates the file.
    ///
    /// # Errors
    /// The text says which file, what is wrong and what to do.
    pub fn create(&self) -> Result<RecordFile, String> {
        RecordFile::create(&self.path, self.bytes_max, self.addresses).map_err(|error| {
            format!(
                "cannot record to {}: {error}; name a file that can be written with --record, or \
                 leave it out",
                self.path.display()
            )
        })
    }
}

/// Bytes, with a `k`, `M` or `G` of powers of 1024.
pub(super) fn bytes(text: &str) -> Result<u64, String> {
    let (number, unit) = match text.char_indices().last() {
        Some((at, 'k' | 'K')) => (&text[..at], 1 << 10),
        Some((at, 'M')) => (&text[..at], 1 << 20),
        Some((at, 'G')) => (&text[..at], 1 << 30),
        _ => (text, 1),
    };
    let bytes = number.parse::<u64>().ok().and_then(|number| number.checked_mul(unit));
    match bytes.filter(|_| number.bytes().all(|byte| byte.is_ascii_digit())) {
        Some(bytes @ BYTES_MIN..=BYTES_MAX) => Ok(bytes),
        Some(_) => Err("write 64k to 1G bytes".to_owned()),
        None => Err("write bytes: 64M, 500k or a plain number".to_owned()),
    }
}

/// What is kept of addresses.
pub(super) fn addresses(text: &str) -> Result<AddressPolicy, String> {
    match text {
        "keep" => Ok(AddressPolicy::Keep),
        "hide" => Ok(AddressPolicy::Hide),
        _ => Err("write keep or hide".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_written_as_people_write_them() {
        for (text, expected) in
            [("64M", 64 << 20), ("500k", 500 << 10), ("1G", 1 << 30), ("70000", 70_000)]
        {
            assert_eq!(bytes(text), Ok(expected), "{text}");
        }
        for text in ["", "M", "1k", "2G", "-1M", "1.5M", "64MB", "+64M", "99999999999G", "64ü"] {
            assert!(bytes(text).is_err(), "{text}");
        }
    }
}
