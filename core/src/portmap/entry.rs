//! One entry of a port map, as text and as a value.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use super::error::PortMapError;
use super::range::PortRange;

/// What a mapped port carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Protocol {
    /// UDP.
    Udp,
    /// TCP.
    Tcp,
}

impl Protocol {
    /// As texts for people name it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Protocol::Udp => "UDP",
            Protocol::Tcp => "TCP",
        }
    }
}

/// A run of local ports and the equally long run of external ones that reaches them.
///
/// Displays as it is parsed: `[LOCAL-IP:]LOCAL[-LOCAL]/udp=HOST:PORT[-PORT]`, IPv6 in brackets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Entry {
    /// The interface it is about; all of them if `None`.
    local_ip: Option<IpAddr>,
    local: PortRange,
    protocol: Protocol,
    host: IpAddr,
    external: PortRange,
}

impl Entry {
    /// Parses one entry; `resolve` finds the address of a host that is a name.
    pub(super) fn parse(
        entry: &str,
        resolve: impl FnMut(&str) -> Option<IpAddr>,
    ) -> Result<Entry, PortMapError> {
        let not_an_entry = || PortMapError::NotAnEntry { entry: entry.to_owned() };
        let (inside, outside) = entry.split_once('=').ok_or_else(not_an_entry)?;
        let (inside, protocol) = inside.rsplit_once('/').ok_or_else(not_an_entry)?;
        let protocol = parse_protocol(protocol, entry)?;
        let (local_ip, local) = match split_port(inside) {
            Some((address, ports)) => (Some(parse_local(address, entry)?), ports),
            None => (None, inside),
        };
        let local = PortRange::parse_in(local, entry)?;
        let (host, external) = split_port(outside).ok_or_else(not_an_entry)?;
        let host = parse_host(host, entry, resolve)?;
        let external = PortRange::parse_in(external, entry)?;
        Entry { local_ip, local, protocol, host, external }.checked(entry)
    }

    /// All ports of both protocols to the same ports of `host`, for one local address or all.
    pub(super) fn same_ports(local_ip: Option<IpAddr>, host: IpAddr) -> [Entry; 2] {
        let entry = |protocol| {
            let (local, external) = (PortRange::ALL, PortRange::ALL);
            Entry { local_ip, local, protocol, host, external }
        };
        [entry(Protocol::Udp), entry(Protocol::Tcp)]
    }

    /// Refuses what the parts allow and the whole does not; `text` is what errors show.
    pub(super) fn checked(self, text: &str) -> Result<Entry, PortMapError> {
        let entry = || text.to_owned();
        let (local, external) = (self.local.count(), self.external.count());
        if local != external {
            return Err(PortMapError::SizesDiffer { entry: entry(), local, external });
        }
        if let Some(what) = unusable(self.host) {
            return Err(PortMapError::HostUnusable { entry: entry(), host: self.host, what });
        }
        if let Some(address) = self.local_ip {
            if let Some(what) = unusable(address) {
                return Err(PortMapError::LocalUnusable { entry: entry(), address, what });
            }
            if address.is_ipv4() != self.host.is_ipv4() {
                let (local, external) = (address, self.host);
                return Err(PortMapError::FamiliesDiffer { entry: entry(), local, external });
            }
        }
        Ok(self)
    }

    /// The local address it is about; `None` is every one of the host's family.
    pub fn local_ip(&self) -> Option<IpAddr> {
        self.local_ip
    }

    /// The local ports.
    pub fn local_ports(&self) -> PortRange {
        self.local
    }

    /// What the ports carry.
    pub fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// The external address.
    pub fn host(&self) -> IpAddr {
        self.host
    }

    /// The external ports, as many as local ones.
    pub fn external_ports(&self) -> PortRange {
        self.external
    }

    /// The external address of a local socket address, if this entry maps it.
    pub(super) fn external_of(&self, base: SocketAddr) -> Option<SocketAddr> {
        let ip = base.ip().to_canonical();
        if ip.is_ipv4() != self.host.is_ipv4() || self.local_ip.is_some_and(|local| local != ip) {
            return None;
        }
        let port = self.local.translate(base.port(), self.external)?;
        Some(SocketAddr::new(self.host, port))
    }

    /// Whether it is about a bound address: its own, or for all of its family.
    pub(super) fn is_about(&self, bound: IpAddr) -> bool {
        let bound = bound.to_canonical();
        let same_family = bound.is_ipv4() == self.host.is_ipv4();
        same_family && self.local_ip.is_none_or(|local| bound.is_unspecified() || local == bound)
    }

    /// The local port behind an external one.
    pub(super) fn local_port_of(&self, external: u16) -> Option<u16> {
        self.external.translate(external, self.local)
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.local_ip {
            Some(IpAddr::V4(address)) => write!(f, "{address}:")?,
            Some(IpAddr::V6(address)) => write!(f, "[{address}]:")?,
            None => {}
        }
        write!(f, "{}/{}=", self.local, self.protocol)?;
        match self.host {
            IpAddr::V4(host) => write!(f, "{host}:{}", self.external),
            IpAddr::V6(host) => write!(f, "[{host}]:{}", self.external),
        }
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Protocol::Udp => "udp",
            Protocol::Tcp => "tcp",
        })
    }
}

/// An address or name before its ports, both as text.
fn split_port(text: &str) -> Option<(&str, &str)> {
    text.rsplit_once(':').filter(|(host, _ports)| !host.is_empty())
}

fn parse_protocol(protocol: &str, entry: &str) -> Result<Protocol, PortMapError> {
    if protocol.eq_ignore_ascii_case("udp") {
        Ok(Protocol::Udp)
    } else if protocol.eq_ignore_ascii_case("tcp") {
        Ok(Protocol::Tcp)
    } else {
        let (entry, protocol) = (entry.to_owned(), protocol.to_owned());
        Err(PortMapError::Protocol { entry, protocol })
    }
}

fn parse_local(address: &str, entry: &str) -> Result<IpAddr, PortMapError> {
    parse_host(address, entry, |_name| None)
}

/// An IPv4 address, an IPv6 address in brackets, or a name. An IPv4 address in IPv6 form is taken
/// for what it is.
fn parse_host(
    host: &str,
    entry: &str,
    mut resolve: impl FnMut(&str) -> Option<IpAddr>,
) -> Result<IpAddr, PortMapError> {
    let texts = || (entry.to_owned(), host.to_owned());
    let bracketed = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let address = match bracketed {
        Some(inner) => inner.parse().ok().map(IpAddr::V6),
        None if host.contains(':') => {
            let (entry, host) = texts();
            return Err(PortMapError::NoBrackets { entry, host });
        }
        None => host.parse::<Ipv4Addr>().ok().map(IpAddr::V4).or_else(|| resolve(host)),
    };
    let (entry, host) = texts();
    address.map(|ip| ip.to_canonical()).ok_or(PortMapError::HostNotAnIp { entry, host })
}

/// What kind of address nobody can send a datagram to, if it is one.
fn unusable(address: IpAddr) -> Option<&'static str> {
    if address.is_unspecified() {
        Some("no address but a wildcard")
    } else if address.is_multicast() {
        Some("a multicast address")
    } else if address == IpAddr::V4(Ipv4Addr::BROADCAST) {
        Some("the broadcast address")
    } else {
        None
    }
}
