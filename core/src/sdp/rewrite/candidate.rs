//! One candidate, RFC 8839 §5.1 (over TCP: RFC 6544 §4.5), as a value that knows its text.

use std::net::{IpAddr, SocketAddr};

use super::destination::Host;
use super::privacy::{Privacy, unspecified};
use crate::portmap::Protocol;

/// Component 256 is the last, RFC 8839 §5.1.
const COMPONENT_MAX: u16 = 256;
/// `rport` where there is none to tell: the discard port.
const NO_PORT: &str = "9";
/// What RFC 8445 §5.1.2.2 puts between host (126) and server-reflexive candidates (100).
const BELOW_HOST: u32 = (126 - 100) << 24;
/// One step of the local preference, RFC 8445 §5.1.2.1.
const STEP: u32 = 1 << 8;
/// FNV-1a, 32 bits.
const FNV_OFFSET: u32 = 0x811c_9dc5;
const FNV_PRIME: u32 = 0x0100_0193;

/// How a candidate is known, as far as rewriting asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Host,
    /// Server-reflexive, peer-reflexive, or of a type to come.
    Reflexive,
    Relayed,
}

/// A candidate and the fields that it was read from.
#[derive(Debug, Clone)]
pub(super) struct Candidate<'a> {
    /// As it was read.
    pub(super) line: &'a str,
    /// `a=` or nothing.
    prefix: &'a str,
    fields: Vec<&'a str>,
    pub(super) component: u16,
    /// `None`: neither UDP nor TCP.
    pub(super) protocol: Option<Protocol>,
    pub(super) priority: u32,
    pub(super) host: Host<'a>,
    pub(super) port: u16,
    pub(super) kind: Kind,
    /// Where in the fields the related address stands.
    related: Option<usize>,
    /// Opens connections and accepts none: its port stands for nothing, RFC 6544 §4.5.
    pub(super) active: bool,
}

impl<'a> Candidate<'a> {
    /// Whether a line of SDP claims to be a candidate.
    pub(super) fn is_one(line: &str) -> bool {
        line.starts_with("a=candidate:")
    }

    /// Reads `candidate:…`, with or without `a=`; the error says what is wrong.
    pub(super) fn parse(line: &'a str) -> Result<Candidate<'a>, &'static str> {
        let bare = line.strip_prefix("a=").unwrap_or(line);
        let prefix = line.get(..line.len() - bare.len()).unwrap_or_default();
        let value = bare.strip_prefix("candidate:").ok_or("it does not begin with `candidate:`")?;
        let fields: Vec<&str> = value.split_ascii_whitespace().collect();
        let &[
            _foundation,
            component,
            transport,
            priority,
            host,
            port,
            typ,
            kind,
            ref extensions @ ..,
        ] = fields.as_slice()
        else {
            return Err("it has fewer than 8 fields");
        };
        if value.starts_with(' ') {
            return Err("it has no foundation");
        }
        if typ != "typ" {
            return Err("its seventh field is not `typ`");
        }
        let pairs = || extensions.chunks(2).enumerate();
        let related = pairs().find(|(_, pair)| pair.first() == Some(&"raddr"));
        let active = pairs().any(|(_, pair)| pair == ["tcptype", "active"]);
        let component = component.parse().ok().filter(|id| (1..=COMPONENT_MAX).contains(id));
        Ok(Candidate {
            line,
            prefix,
            component: component.ok_or("its component is no number from 1 to 256")?,
            protocol: protocol(transport),
            priority: priority.parse().map_err(|_| "its priority is no number of 32 bits")?,
            host: Host::parse(host),
            port: port.parse().map_err(|_| "its port is no number up to 65535")?,
            kind: match kind {
                "host" => Kind::Host,
                "relay" => Kind::Relayed,
                _ => Kind::Reflexive,
            },
            related: related.map(|(pair, _)| 8 + 2 * pair),
            active,
            fields,
        })
    }

    pub(super) fn foundation(&self) -> &'a str {
        self.fields.first().copied().unwrap_or_default()
    }

    /// For a text: `10.0.0.5:5000/udp`.
    pub(super) fn shown(&self) -> String {
        let [transport, host, port] =
            [2, 4, 5].map(|at| self.fields.get(at).copied().unwrap_or_default());
        match self.host {
            Host::Ip(IpAddr::V6(_)) => format!("[{host}]:{port}/{transport}"),
            _ => format!("{host}:{port}/{transport}"),
        }
    }

    /// Where it is, as a socket address.
    pub(super) fn address(&self) -> Option<SocketAddr> {
        Some(SocketAddr::new(self.host.ip()?, self.port))
    }

    /// What no two candidates of a section share: component, transport, address, port.
    pub(super) fn key(&self) -> Key {
        let transport = self.fields.get(2).copied().unwrap_or_default().to_ascii_lowercase();
        Key { component: self.component, transport, host: self.host.shown(), port: self.port }
    }

    /// The key it has at another address.
    pub(super) fn key_at(&self, at: SocketAddr) -> Key {
        Key { host: Host::Ip(at.ip()).shown(), port: at.port(), ..self.key() }
    }

    /// Its line with a related address that must not be seen taken back, RFC 8839 §5.1: `None`
    /// where it has no such.
    pub(super) fn without_base(&self, privacy: Privacy<'_>) -> Option<String> {
        let at = self.related?;
        let base = Host::parse(self.fields.get(at + 1)?);
        let hidden = match base {
            Host::Ip(ip) => privacy.hides(ip),
            Host::Mdns(_) => true,
            Host::Name(_) => false,
        };
        let mask = unspecified(self.host.ip().is_some_and(|ip| ip.is_ipv6())).to_string();
        let fields = self.fields.iter().enumerate().map(|(index, field)| match index {
            _ if index == at + 1 => mask.as_str(),
            _ if index == at + 3 && self.fields.get(at + 2) == Some(&"rport") => NO_PORT,
            _ => field,
        });
        hidden.then(|| self.written(fields))
    }

    /// The line of the server-reflexive candidate that this host candidate has at an outside
    /// address. It names no base: `raddr` is unspecified, `rport` the discard port.
    pub(super) fn outside(&self, at: SocketAddr, priority: u32, foundation: &str) -> String {
        let (ip, port) = (at.ip().to_string(), at.port().to_string());
        let (priority, base) = (priority.to_string(), unspecified(at.is_ipv6()).to_string());
        let field = |index: usize| self.fields.get(index).copied().unwrap_or_default();
        let head = [foundation, field(1), field(2), &priority, &ip, &port, "typ", "srflx"];
        let related = ["raddr", &base, "rport", NO_PORT];
        // A host candidate has no related address (RFC 8839 §5.1); where one has, it goes.
        let pairs = self.fields.get(8..).unwrap_or_default().chunks(2);
        let others = pairs.filter(|pair| !matches!(pair.first(), Some(&("raddr" | "rport"))));
        self.written(head.into_iter().chain(related).chain(others.flatten().copied()))
    }

    /// The priority of the same candidate one kind lower, `place` steps below that: all that its
    /// stack meant by the local preference stays.
    pub(super) fn priority_outside(&self, place: usize) -> u32 {
        let lower = self.priority.checked_sub(BELOW_HOST).unwrap_or(self.priority / 2);
        let steps = u32::try_from(place).unwrap_or(u32::MAX).saturating_mul(STEP);
        lower.saturating_sub(steps).max(1)
    }

    fn written<'f>(&self, fields: impl Iterator<Item = &'f str>) -> String {
        format!("{}candidate:{}", self.prefix, fields.collect::<Vec<_>>().join(" "))
    }
}

/// What makes a candidate one of its own.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    pub(super) component: u16,
    transport: String,
    host: String,
    port: u16,
}

fn protocol(transport: &str) -> Option<Protocol> {
    if transport.eq_ignore_ascii_case("udp") {
        Some(Protocol::Udp)
    } else if transport.eq_ignore_ascii_case("tcp") {
        Some(Protocol::Tcp)
    } else {
        None
    }
}

/// The next lower priority that none of the component has yet (RFC 8445 §5.1.2 wants each of its
/// own), as far as there are any.
pub(super) fn unique(priority: u32, is_taken: impl Fn(u32) -> bool) -> u32 {
    let mut lower = priority;
    for _ in 0..super::CANDIDATES_MAX {
        if !is_taken(lower) || lower <= STEP {
            break;
        }
        lower -= STEP;
    }
    lower
}

/// The foundation of a mapped candidate (RFC 8445 §5.1.1.3): eight hex digits, the same for one
/// transport and one outside address, and none that is taken. As in what we tell ourselves, the
/// outside address stands for the base, whose digest would give it away.
pub(super) fn foundation(
    at: IpAddr,
    protocol: Protocol,
    is_taken: impl Fn(&str) -> bool,
) -> String {
    let address = match at {
        IpAddr::V4(v4) => v4.to_ipv6_mapped(),
        IpAddr::V6(v6) => v6,
    };
    let step = |digest: u32, byte: u8| (digest ^ u32::from(byte)).wrapping_mul(FNV_PRIME);
    let bytes = address.octets().into_iter().chain([u8::from(protocol == Protocol::Tcp)]);
    let mut digest = bytes.fold(FNV_OFFSET, step);
    // Another stack's foundation that is the same by chance: the next digest is another one.
    for salt in 0..=u8::MAX {
        if !is_taken(&format!("{digest:08x}")) {
            break;
        }
        digest = step(digest, salt);
    }
    format!("{digest:08x}")
}
