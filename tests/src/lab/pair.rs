//! The nominated pair as the viewer tells it, and what path it makes.

use std::fmt;
use std::net::IpAddr;

use serde_json::Value;

use super::site::{RELAY_PORTS, TURN_ADDRESS};

/// One end of a pair.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// host, srflx, prflx or relay.
    pub kind: String,
    /// An address, or an mDNS name where a browser hides it.
    pub address: String,
    /// Zero where it is hidden.
    pub port: u16,
    /// udp or tcp.
    pub transport: String,
}

/// The viewer's candidate and the server's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pair {
    /// The viewer's.
    pub local: Candidate,
    /// The server's, as the viewer sees it.
    pub remote: Candidate,
}

/// What a path costs: in the order of preference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PathKind {
    /// To the server's own address on the same LAN.
    Lan,
    /// From one site to the other.
    Direct,
    /// The same over TCP.
    Tcp,
    /// Through a TURN server.
    Relay,
}

impl Pair {
    /// Reads what a viewer says; `None` without a pair.
    pub fn parse(pair: &Value) -> Option<Pair> {
        Some(Pair {
            local: Candidate::parse(&pair["local"])?,
            remote: Candidate::parse(&pair["remote"])?,
        })
    }

    /// The path by its addresses, not by what the candidates are called: a relayed address that only a check revealed is
    /// called peer-reflexive. `lan`: the server's address on a LAN that the viewer is on.
    pub fn path(&self, lan: Option<&str>) -> PathKind {
        if self.local.is_relayed() || self.remote.is_relayed() {
            PathKind::Relay
        } else if self.remote.transport == "tcp" {
            PathKind::Tcp
        } else if lan == Some(self.remote.address.as_str()) {
            PathKind::Lan
        } else {
            PathKind::Direct
        }
    }
}

impl Candidate {
    fn parse(end: &Value) -> Option<Candidate> {
        Some(Candidate {
            kind: end["type"].as_str()?.to_owned(),
            address: end["address"].as_str().unwrap_or_default().to_owned(),
            port: end["port"].as_u64().and_then(|port| port.try_into().ok()).unwrap_or_default(),
            transport: end["transport"].as_str()?.to_owned(),
        })
    }

    fn is_relayed(&self) -> bool {
        let relays = [TURN_ADDRESS, "2001:db8::1"];
        self.kind == "relay"
            || (relays.contains(&self.address.as_str()) && RELAY_PORTS.contains(&self.port))
    }

    /// Whether this is one of the candidates that a pattern names: alternatives separated by ` or `, each
    /// `KIND ADDRESS`, `KIND ADDRESS:PORT` or `KIND ADDRESS:LOWEST-HIGHEST`, where the kind may be several with `|`. An
    /// IPv6 address stands in brackets, and a kind alone fits a hidden one. ` tcp` at the end asks for TCP, else it is UDP.
    pub fn fits(&self, pattern: &str) -> bool {
        pattern.split(" or ").any(|one| self.fits_one(one.trim()))
    }

    fn fits_one(&self, pattern: &str) -> bool {
        let mut words = pattern.split_whitespace();
        let (kind, place) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let transport = words.next().unwrap_or("udp");
        let (address, ports) = split_ports(place);
        self.transport == transport
            && kind.split('|').any(|kind| kind == self.kind)
            && same_address(address, &self.address)
            && ports.is_none_or(|(low, high)| (low..=high).contains(&self.port))
    }
}

/// An address in brackets or without a second colon, and the ports behind it.
fn split_ports(place: &str) -> (&str, Option<(u16, u16)>) {
    let after = place.rfind(']').map_or(0, |bracket| bracket + 1);
    let colon = place[after..].find(':').map(|colon| colon + after);
    let address = place[..colon.unwrap_or(place.len())].trim_matches(['[', ']']);
    let ports = colon.and_then(|colon| {
        let ports = &place[colon + 1..];
        let (low, high) = ports.split_once('-').unwrap_or((ports, ports));
        Some((low.parse().ok()?, high.parse().ok()?))
    });
    (address, ports)
}

fn same_address(a: &str, b: &str) -> bool {
    match (a.parse::<IpAddr>(), b.trim_matches(['[', ']']).parse::<IpAddr>()) {
        (Ok(a), Ok(b)) => a == b,
        _ => a == b,
    }
}

impl fmt::Display for Pair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} -> {}", self.local, self.remote)
    }
}

impl fmt::Display for Candidate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Candidate { kind, address, port, transport } = self;
        match address.contains(':') {
            true => write!(f, "{kind} [{address}]:{port} {transport}"),
            false => write!(f, "{kind} {address}:{port} {transport}"),
        }
    }
}

impl fmt::Display for PathKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            PathKind::Lan => "lan",
            PathKind::Direct => "direct",
            PathKind::Tcp => "tcp",
            PathKind::Relay => "relay",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(kind: &str, address: &str, port: u16) -> Candidate {
        let (kind, address) = (kind.to_owned(), address.to_owned());
        Candidate { kind, address, port, transport: "udp".to_owned() }
    }

    #[test]
    fn a_candidate_fits_kind_address_ports_and_transport() {
        let mapped = candidate("srflx", "192.0.2.10", 30000);
        for pattern in [
            "srflx 192.0.2.10",
            "srflx 192.0.2.10:30000",
            "prflx|srflx 192.0.2.10:30000-30009",
            "host 10.10.0.2 or srflx 192.0.2.10",
        ] {
            assert!(mapped.fits(pattern), "{pattern}");
        }
        for pattern in [
            "host 192.0.2.10",
            "srflx 192.0.2.1",
            "srflx 192.0.2.10:30001-30009",
            "srflx 192.0.2.10:30000 tcp",
            "",
        ] {
            assert!(!mapped.fits(pattern), "{pattern}");
        }
        let v6 = candidate("host", "2001:db8:a::2", 5000);
        assert!(v6.fits("host [2001:db8:a:0::2]:5000") && v6.fits("host [2001:db8:a::2]"));
        assert!(!v6.fits("host [2001:db8:a::3]:5000"));
    }

    #[test]
    fn a_path_is_what_its_addresses_are() {
        let (host, mapped) =
            (candidate("host", "10.20.0.2", 1), candidate("srflx", "192.0.2.10", 2));
        let relayed = candidate("prflx", "192.0.2.1", 60500);
        let path = |local: &Candidate, remote: &Candidate, lan| {
            Pair { local: local.clone(), remote: remote.clone() }.path(lan)
        };
        assert_eq!(path(&host, &mapped, None), PathKind::Direct);
        assert_eq!(path(&host, &mapped, Some("192.0.2.10")), PathKind::Lan);
        assert_eq!(path(&host, &relayed, None), PathKind::Relay);
        assert_eq!(path(&relayed, &mapped, None), PathKind::Relay);
        // A tunnel's entrance has the TURN server's address, but none of its relay's ports.
        assert_eq!(path(&host, &candidate("srflx", "192.0.2.1", 40000), None), PathKind::Direct);
        let tcp = Candidate { transport: "tcp".to_owned(), ..mapped };
        assert_eq!(path(&host, &tcp, None), PathKind::Tcp);
    }
}
