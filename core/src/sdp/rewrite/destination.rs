//! Addresses as SDP writes them, and the default destination of a section: its c= and its port.

use std::net::IpAddr;

use super::privacy::Privacy;

/// What stands where an address is expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Host<'a> {
    /// An address; an IPv4 one in the form of IPv6 is taken for what it is, a zone left out.
    Ip(IpAddr),
    /// A name that multicast DNS resolves, on the local network only.
    Mdns(&'a str),
    /// Another name.
    Name(&'a str),
}

impl<'a> Host<'a> {
    pub(super) fn parse(text: &'a str) -> Host<'a> {
        // `%eth0` behind a link-local address, `/127` behind a multicast one.
        let address = text.split(['%', '/']).next().unwrap_or(text);
        match address.parse::<IpAddr>() {
            Ok(ip) => Host::Ip(ip.to_canonical()),
            Err(_) if is_mdns(text) => Host::Mdns(text),
            Err(_) => Host::Name(text),
        }
    }

    pub(super) fn ip(self) -> Option<IpAddr> {
        match self {
            Host::Ip(ip) => Some(ip),
            Host::Mdns(_) | Host::Name(_) => None,
        }
    }

    /// One text for each host.
    pub(super) fn shown(self) -> String {
        match self {
            Host::Ip(ip) => ip.to_string(),
            Host::Mdns(name) | Host::Name(name) => name.to_ascii_lowercase(),
        }
    }
}

fn is_mdns(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name);
    let end = name.len().checked_sub(".local".len()).and_then(|at| name.get(at..));
    end.is_some_and(|end| end.eq_ignore_ascii_case(".local"))
}

/// Where media goes by default: what `c=` and the port of `m=` say together.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Destination {
    /// As [`Host::shown`].
    pub(super) host: String,
    pub(super) port: u16,
}

impl Destination {
    pub(super) fn new(host: Host<'_>, port: u16) -> Destination {
        Destination { host: host.shown(), port }
    }

    /// `0.0.0.0` or `::` and port 9: no candidate is the default one yet, RFC 8840 §4.1.1.
    pub(super) fn none(v6: bool) -> Destination {
        Destination { host: if v6 { "::" } else { "0.0.0.0" }.to_owned(), port: 9 }
    }

    pub(super) fn host(&self) -> Host<'_> {
        Host::parse(&self.host)
    }

    pub(super) fn is_v6(&self) -> bool {
        self.host().ip().is_some_and(|ip| ip.is_ipv6())
    }

    /// Whether the address is none, so that nothing is to be rewritten.
    pub(super) fn is_unspecified(&self) -> bool {
        self.host().ip().is_some_and(|ip| ip.is_unspecified())
    }

    /// Whether a public audience must not see it; names of the local network go with them.
    pub(super) fn is_hidden(&self, privacy: Privacy<'_>, mdns_hidden: bool) -> bool {
        match self.host() {
            Host::Ip(ip) => privacy.hides(ip),
            Host::Mdns(_) => mdns_hidden,
            Host::Name(_) => false,
        }
    }

    /// `IN IP4 203.0.113.10`.
    pub(super) fn connection(&self) -> String {
        format!("IN {} {}", if self.is_v6() { "IP6" } else { "IP4" }, self.host)
    }
}

/// The address in `IN IP4 address`, of `c=`, `o=` and `a=rtcp`.
pub(super) fn connection_host(value: &str) -> Option<Host<'_>> {
    let mut words = value.split_ascii_whitespace();
    (words.next() == Some("IN")).then_some(())?;
    matches!(words.next(), Some("IP4" | "IP6")).then_some(())?;
    words.next().map(Host::parse)
}
