//! A range of ports.

use std::fmt;
use std::str::FromStr;

use super::error::PortMapError;

/// One or more ports in a row, none of them 0.
///
/// Reads and displays as `10111` or `10111-10115`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PortRange {
    first: u16,
    last: u16,
}

impl PortRange {
    /// Every port there is: 1 to 65535.
    pub const ALL: PortRange = PortRange { first: 1, last: u16::MAX };

    /// The lowest port.
    pub fn first(self) -> u16 {
        self.first
    }

    /// The highest port.
    pub fn last(self) -> u16 {
        self.last
    }

    /// How many ports, at least 1.
    pub fn count(self) -> usize {
        usize::from(self.last - self.first) + 1
    }

    /// Whether `port` is one of them.
    pub fn contains(self, port: u16) -> bool {
        (self.first..=self.last).contains(&port)
    }

    /// Its ports, the lowest first.
    pub fn ports(self) -> impl Iterator<Item = u16> {
        self.first..=self.last
    }

    /// The lowest port that is also in `other`.
    pub(super) fn first_shared(self, other: PortRange) -> Option<u16> {
        let first = self.first.max(other.first);
        (first <= self.last.min(other.last)).then_some(first)
    }

    /// The port of `other` that stands where `port` stands in this range.
    pub(super) fn translate(self, port: u16, other: PortRange) -> Option<u16> {
        let offset = port.checked_sub(self.first)?;
        other.first.checked_add(offset).filter(|&port| other.contains(port))
    }

    /// Parses a range that stands in the longer text `entry`, which errors show.
    pub(super) fn parse_in(range: &str, entry: &str) -> Result<PortRange, PortMapError> {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let (first, last) = (parse_port(first, entry)?, parse_port(last, entry)?);
        if first > last {
            let entry = entry.to_owned();
            return Err(PortMapError::Reversed { entry, first, last });
        }
        Ok(PortRange { first, last })
    }
}

impl fmt::Display for PortRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.first == self.last {
            write!(f, "{}", self.first)
        } else {
            write!(f, "{}-{}", self.first, self.last)
        }
    }
}

impl FromStr for PortRange {
    type Err = PortMapError;

    fn from_str(text: &str) -> Result<PortRange, PortMapError> {
        PortRange::parse_in(text, text)
    }
}

fn parse_port(port: &str, entry: &str) -> Result<u16, PortMapError> {
    // `u16::from_str` takes a plus sign; we do not.
    let digits = port.bytes().all(|byte| byte.is_ascii_digit());
    match port.parse::<u16>() {
        Ok(0) => Err(PortMapError::PortZero { entry: entry.to_owned() }),
        Ok(number) if digits => Ok(number),
        Ok(_) | Err(_) => {
            Err(PortMapError::NotAPort { entry: entry.to_owned(), port: port.to_owned() })
        }
    }
}
