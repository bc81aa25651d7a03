//! The checked map of internal to external addresses: which outside address and port reaches which
//! of our own.
//!
//! A server in a private network is reached through ports that somebody forwards to it, often under
//! other numbers. The map says so, in one form for flag, environment, file and API:
//! `LOCAL[-LOCAL]/udp=HOST:PORT[-PORT]`, where a local address may stand before `LOCAL` for servers
//! with several. Several external addresses for one local port are allowed. What cannot work is
//! refused with [`PortMapError`], whose text names the mistake and the fix, so that it shows at
//! start and not as a viewer that never connects.
//!
//! Pure values: names are resolved by the shells, which hand their addresses to
//! [`PortMap::parse_resolving`]. TCP entries are kept for candidates over TCP (RFC 6544).

mod aliases;
mod audience;
mod entry;
mod error;
mod range;

use std::fmt;
use std::net::{IpAddr, SocketAddr};

pub use aliases::{parse_epr, parse_nat1to1};
pub use audience::Audience;
pub use entry::{Entry, Protocol};
pub use error::PortMapError;
pub use range::PortRange;

/// Entries of a map; one more is refused with [`PortMapError::TooMany`]. Ranges make do with few,
/// and each entry is compared with all others.
pub const ENTRIES_MAX: usize = 256;

/// A checked map; empty by default.
///
/// What it displays is what [`PortMap::parse`] reads.
///
/// ```
/// use pinhole_core::portmap::PortMap;
/// let map = PortMap::parse(["10111-10115/udp=203.0.113.10:30111-30115"])?;
/// let outside = map.external("192.168.1.5:10113".parse().expect("an address"));
/// assert_eq!(outside, ["203.0.113.10:30113".parse().expect("an address")]);
/// # Ok::<(), pinhole_core::portmap::PortMapError>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PortMap {
    /// In the order given, which is the order of preference.
    entries: Vec<Entry>,
}

impl PortMap {
    /// Parses entries as `--map` takes them: `LOCAL[-LOCAL]/udp=HOST:PORT[-PORT]`. Hosts must be IP
    /// addresses here. Each text may hold several entries, separated by commas or blanks, as in the
    /// environment.
    pub fn parse<'a>(entries: impl IntoIterator<Item = &'a str>) -> Result<PortMap, PortMapError> {
        PortMap::parse_resolving(entries, |_name| None)
    }

    /// Parses entries whose hosts may be names, which `resolve` turns into addresses; `None`
    /// refuses the entry with [`PortMapError::HostNotAnIp`].
    pub fn parse_resolving<'a>(
        entries: impl IntoIterator<Item = &'a str>,
        mut resolve: impl FnMut(&str) -> Option<IpAddr>,
    ) -> Result<PortMap, PortMapError> {
        let mut map = PortMap::default();
        for text in entries {
            for entry in split_list(text) {
                map.push(Entry::parse(entry, &mut resolve)?)?;
            }
        }
        Ok(map)
    }

    /// `--public-ip ADDR`: every local port to the same port of `address`.
    pub fn same_ports(address: IpAddr) -> PortMap {
        PortMap { entries: Entry::same_ports(None, address).to_vec() }
    }

    /// Adds the entries of another map; refused where the two overlap.
    pub fn merge(mut self, other: PortMap) -> Result<PortMap, PortMapError> {
        for entry in other.entries {
            self.push(entry)?;
        }
        Ok(self)
    }

    /// Whether nothing is mapped.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Its entries in the order given.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The outside addresses of a local UDP socket address, in the order of the entries. An IPv4
    /// address has IPv4 ones, an IPv6 address IPv6 ones.
    pub fn external(&self, base: SocketAddr) -> Vec<SocketAddr> {
        self.external_over(Protocol::Udp, base)
    }

    /// The outside addresses of a local socket address of one protocol.
    pub fn external_over(&self, protocol: Protocol, base: SocketAddr) -> Vec<SocketAddr> {
        self.entries_over(protocol).filter_map(|entry| entry.external_of(base)).collect()
    }

    /// The local address behind an outside one: the address if the entry names one, and the port.
    /// No two entries claim one outside address, so there is at most one.
    pub fn internal_over(
        &self,
        protocol: Protocol,
        external: SocketAddr,
    ) -> Option<(Option<IpAddr>, u16)> {
        let host = external.ip().to_canonical();
        let to_host = |entry: &&Entry| entry.protocol() == protocol && entry.host() == host;
        self.entries
            .iter()
            .filter(to_host)
            .find_map(|entry| Some((entry.local_ip(), entry.local_port_of(external.port())?)))
    }

    /// Whether an entry maps a local port, of whichever local address: for TCP, whether the HTTP
    /// port can be offered as a candidate.
    pub fn covers(&self, protocol: Protocol, port: u16) -> bool {
        self.entries_over(protocol).any(|entry| entry.local_ports().contains(port))
    }

    /// Refuses a map that says nothing about one of the bound UDP ports. An empty map maps nothing
    /// on purpose and is never refused.
    pub fn check_bound(&self, ports: &[u16]) -> Result<(), PortMapError> {
        self.check_bound_over(Protocol::Udp, ports)
    }

    /// Refuses a map that says nothing about one of the bound ports of a protocol, unless it is
    /// empty.
    pub fn check_bound_over(&self, protocol: Protocol, ports: &[u16]) -> Result<(), PortMapError> {
        if self.is_empty() {
            return Ok(());
        }
        match ports.iter().find(|&&port| !self.covers(protocol, port)) {
            None => Ok(()),
            Some(&port) => {
                let covered =
                    self.entries_over(protocol).map(|entry| entry.local_ports().to_string());
                let covered = covered.collect::<Vec<_>>().join(", ");
                Err(PortMapError::NotCovered { protocol, port, covered })
            }
        }
    }

    /// Refuses an entry about a local address, or a family, that nothing is bound to: it would map
    /// nothing. `bound` are the addresses of all sockets; an unspecified one stands for every
    /// address of its family.
    pub fn check_bases(&self, bound: &[IpAddr]) -> Result<(), PortMapError> {
        let idle = |entry: &&Entry| !bound.iter().any(|address| entry.is_about(*address));
        let Some(entry) = self.entries.iter().find(idle) else { return Ok(()) };
        let bound: Vec<String> = bound.iter().map(ToString::to_string).collect();
        Err(PortMapError::NoSuchBase {
            entry: entry.to_string(),
            address: entry.local_ip(),
            bound: bound.join(", "),
        })
    }

    fn entries_over(&self, protocol: Protocol) -> impl Iterator<Item = &Entry> {
        self.entries.iter().filter(move |entry| entry.protocol() == protocol)
    }

    fn push(&mut self, entry: Entry) -> Result<(), PortMapError> {
        if self.entries.len() >= ENTRIES_MAX {
            return Err(PortMapError::TooMany);
        }
        if let Some(conflict) = self.entries.iter().find_map(|earlier| conflict(earlier, &entry)) {
            return Err(conflict);
        }
        self.entries.push(entry);
        Ok(())
    }
}

impl fmt::Display for PortMap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, entry) in self.entries.iter().enumerate() {
            let separator = if at == 0 { "" } else { "," };
            write!(f, "{separator}{entry}")?;
        }
        Ok(())
    }
}

/// The parts of a list as people write it in the environment.
fn split_list(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| c == ',' || c.is_whitespace()).filter(|part| !part.is_empty())
}

/// A datagram to an external address reaches one socket: no two entries may claim it.
fn conflict(earlier: &Entry, later: &Entry) -> Option<PortMapError> {
    if earlier.protocol() != later.protocol() || earlier.host() != later.host() {
        return None;
    }
    let port = earlier.external_ports().first_shared(later.external_ports())?;
    let external = SocketAddr::new(later.host(), port);
    let entries = (earlier.to_string(), later.to_string());
    let same_socket = earlier.local_port_of(port) == later.local_port_of(port)
        && match (earlier.local_ip(), later.local_ip()) {
            (Some(one), Some(other)) => one == other,
            (None, _) | (_, None) => true,
        };
    Some(if same_socket {
        PortMapError::Twice { earlier: entries.0, later: entries.1, external }
    } else {
        PortMapError::TwoLocals { earlier: entries.0, later: entries.1, external }
    })
}

#[cfg(test)]
mod tests;
