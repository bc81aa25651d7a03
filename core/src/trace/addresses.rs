//! Addresses: kept, or each replaced by one of the same kind.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// What a recording shows of addresses.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum AddressPolicy {
    /// Them.
    #[default]
    Keep,
    /// Others of the same kind: a private one for a private one, a documentation one (RFC 5737,
    /// RFC 3849) for a public one. Ports stay, and the same address always becomes the same.
    Hide,
}

/// Addresses that are told apart; later ones share the last of their range.
const ADDRESSES_MAX: usize = 60_000;
/// Host names that are told apart, and the bytes of one (RFC 1035 §2.3.4).
const HOSTS_MAX: usize = 8_192;
const HOST_BYTES_MAX: usize = 255;

/// Replaces addresses, or does not.
pub(super) struct Addresses {
    policy: AddressPolicy,
    given: BTreeMap<IpAddr, IpAddr>,
    /// How many of each range are given.
    counts: BTreeMap<Range, u32>,
    hosts: BTreeMap<String, usize>,
}

/// What an address is, as far as anybody decides by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Range {
    PrivateV4,
    SharedV4,
    LinkLocalV4,
    PublicV4,
    UniqueLocalV6,
    LinkLocalV6,
    PublicV6,
}

impl Addresses {
    pub(super) fn new(policy: AddressPolicy) -> Addresses {
        let (given, counts, hosts) = Default::default();
        Addresses { policy, given, counts, hosts }
    }

    pub(super) fn are_hidden(&self) -> bool {
        self.policy == AddressPolicy::Hide
    }

    pub(super) fn socket(&mut self, address: SocketAddr) -> SocketAddr {
        match self.are_hidden() {
            true => SocketAddr::new(self.ip(address.ip()), address.port()),
            // Without the scope of IPv6, which text does not carry back.
            false => SocketAddr::new(address.ip(), address.port()),
        }
    }

    pub(super) fn sockets(&mut self, addresses: &[SocketAddr]) -> Vec<SocketAddr> {
        addresses.iter().map(|address| self.socket(*address)).collect()
    }

    /// A host: a name or an address.
    pub(super) fn host(&mut self, host: &str) -> String {
        if !self.are_hidden() {
            return host.to_owned();
        }
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        if bare.parse::<IpAddr>().is_ok() {
            return self.text(host);
        }
        let next = self.hosts.len() + 1;
        let number = match self.hosts.get(host) {
            Some(number) => *number,
            None if next > HOSTS_MAX || host.len() > HOST_BYTES_MAX => 0,
            None => {
                self.hosts.insert(host.to_owned(), next);
                next
            }
        };
        let ending = if host.ends_with(".local") { "local" } else { "invalid" };
        format!("host{number}.{ending}")
    }

    /// Text with addresses in it, plain or with ports.
    pub(super) fn text(&mut self, text: &str) -> String {
        if !self.are_hidden() {
            return text.to_owned();
        }
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while !rest.is_empty() {
            let run = rest.find(|c| !is_of_address(c)).unwrap_or(rest.len());
            let (head, tail) = rest.split_at(run);
            out.push_str(&self.run(head));
            let other = tail.find(is_of_address).unwrap_or(tail.len());
            let (between, after) = tail.split_at(other);
            out.push_str(between);
            rest = after;
        }
        out
    }

    /// Text for people: addresses, and hosts that were told before.
    pub(super) fn prose(&mut self, text: &str) -> String {
        let mut text = self.text(text);
        if self.are_hidden() {
            let known: Vec<String> = self.hosts.keys().rev().cloned().collect();
            for host in known.iter().filter(|host| !host.is_empty()) {
                text = text.replace(host.as_str(), &self.host(host));
            }
        }
        text
    }

    /// Characters of addresses in a row, which may hold one with its port.
    fn run(&mut self, run: &str) -> String {
        if let Ok(ip) = run.parse::<IpAddr>() {
            return self.ip(ip).to_string();
        }
        if let Some(ip) = run.strip_prefix(':').filter(|ip| ip.parse::<Ipv6Addr>().is_ok()) {
            return format!(":{}", self.run(ip));
        }
        if let Some((ip, rest)) = run.rsplit_once(':').filter(|(ip, _)| ip.contains(':'))
            && let Ok(ip) = ip.parse::<Ipv6Addr>()
        {
            return format!("{}:{rest}", self.ip(ip.into()));
        }
        let parts = run.split(':').map(|part| match part.parse::<Ipv4Addr>() {
            Ok(ip) => self.ip(ip.into()).to_string(),
            Err(_) => part.to_owned(),
        });
        parts.collect::<Vec<_>>().join(":")
    }

    fn ip(&mut self, ip: IpAddr) -> IpAddr {
        let ip = ip.to_canonical();
        let Some(range) = range(ip) else { return ip };
        if let Some(given) = self.given.get(&ip) {
            return *given;
        }
        let count = self.counts.entry(range).or_default();
        if self.given.len() < ADDRESSES_MAX {
            *count += 1;
        }
        let hidden = nth(range, *count);
        if self.given.len() < ADDRESSES_MAX {
            self.given.insert(ip, hidden);
        }
        hidden
    }
}

fn is_of_address(c: char) -> bool {
    c.is_ascii_hexdigit() || c == ':' || c == '.'
}

/// `None`: it says nothing of anybody (loopback, unspecified, multicast, broadcast).
fn range(ip: IpAddr) -> Option<Range> {
    if ip.is_loopback() || ip.is_unspecified() || ip.is_multicast() {
        return None;
    }
    match ip {
        IpAddr::V4(v4) if v4.is_broadcast() => None,
        IpAddr::V4(v4) if v4.is_private() => Some(Range::PrivateV4),
        IpAddr::V4(v4) if v4.is_link_local() => Some(Range::LinkLocalV4),
        IpAddr::V4(v4) if v4.octets()[0] == 100 && v4.octets()[1] & 0xc0 == 64 => {
            Some(Range::SharedV4)
        }
        IpAddr::V4(_) => Some(Range::PublicV4),
        IpAddr::V6(v6) if v6.is_unique_local() => Some(Range::UniqueLocalV6),
        IpAddr::V6(v6) if v6.is_unicast_link_local() => Some(Range::LinkLocalV6),
        IpAddr::V6(_) => Some(Range::PublicV6),
    }
}

/// The address number `n`, from 1, of what stands for a range.
fn nth(range: Range, n: u32) -> IpAddr {
    let v6 = |first: u16, second: u16| {
        Ipv6Addr::new(first, second, 0, 0, 0, 0, (n >> 16) as u16, n as u16).into()
    };
    let v4 = |net: [u8; 2], most: u32| {
        let n = n.min(most);
        Ipv4Addr::new(net[0], net[1], (n >> 8) as u8, n as u8).into()
    };
    match range {
        Range::PrivateV4 => v4([10, 0], 65_000),
        Range::SharedV4 => v4([100, 64], 65_000),
        Range::LinkLocalV4 => v4([169, 254], 65_000),
        // RFC 5737 has three networks of 256.
        Range::PublicV4 => {
            let (net, host) = ((n.min(762) - 1) / 254, (n.min(762) - 1) % 254 + 1);
            let net = [[203, 0, 113], [198, 51, 100], [192, 0, 2]][net as usize % 3];
            Ipv4Addr::new(net[0], net[1], net[2], host as u8).into()
        }
        Range::UniqueLocalV6 => v6(0xfd00, 0),
        Range::LinkLocalV6 => v6(0xfe80, 0),
        Range::PublicV6 => v6(0x2001, 0xdb8),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hide() -> Addresses {
        Addresses::new(AddressPolicy::Hide)
    }

    #[test]
    fn an_address_becomes_another_of_its_kind_and_always_the_same() {
        let mut hidden = hide();
        let shown =
            |hidden: &mut Addresses, text: &str| hidden.socket(text.parse().unwrap()).to_string();

        assert_eq!(shown(&mut hidden, "8.8.8.8:3478"), "203.0.113.1:3478");
        assert_eq!(shown(&mut hidden, "9.9.9.9:1"), "203.0.113.2:1");
        assert_eq!(shown(&mut hidden, "8.8.8.8:9"), "203.0.113.1:9");
        assert_eq!(shown(&mut hidden, "192.168.7.9:5"), "10.0.0.1:5");
        assert_eq!(shown(&mut hidden, "100.99.1.2:5"), "100.64.0.1:5");
        assert_eq!(shown(&mut hidden, "127.0.0.1:5"), "127.0.0.1:5");
        assert_eq!(shown(&mut hidden, "[2a00:1450::1]:5"), "[2001:db8::1]:5");
        assert_eq!(shown(&mut hidden, "[fd12:3456::1]:5"), "[fd00::1]:5");
        assert_eq!(shown(&mut hidden, "[fe80::abcd]:5"), "[fe80::1]:5");
    }

    #[test]
    fn addresses_in_text_are_found_wherever_they_stand() {
        let mut hidden = hide();
        for (text, expected) in [
            ("c=IN IP4 8.8.8.8\r\n", "c=IN IP4 203.0.113.1\r\n"),
            ("1 typ srflx raddr 8.8.8.8 rport 9", "1 typ srflx raddr 203.0.113.1 rport 9"),
            ("10111/udp=8.8.8.8:30111", "10111/udp=203.0.113.1:30111"),
            ("10111/udp=[2a00::5]:30111", "10111/udp=[2001:db8::1]:30111"),
            ("a=x-foo:8.8.8.8:12", "a=x-foo:203.0.113.1:12"),
            ("a=x:2a00::5 b", "a=x:2001:db8::1 b"),
            ("coturn 4.6.1", "coturn 4.6.1"),
        ] {
            assert_eq!(hidden.text(text), expected);
        }
        assert_eq!(hidden.host("turn.example.org"), "host1.invalid");
        assert_eq!(hidden.host("turn.example.org"), "host1.invalid");
        assert_eq!(hidden.host("x-y.local"), "host2.local");
    }

    #[test]
    fn nothing_grows_without_bound() {
        let mut hidden = hide();
        for n in 0..70_000u32 {
            let ip = Ipv4Addr::from(0x0800_0000 + n);
            let hidden = hidden.socket(SocketAddr::new(ip.into(), 1)).ip();
            assert!(crate::gather::is_public(hidden), "{hidden}");
        }
        assert_eq!(hidden.given.len(), ADDRESSES_MAX);
    }
}
