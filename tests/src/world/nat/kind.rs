//! The named kinds of NAT, the same as in the laboratory of real ones, and the rule that says which
//! pairs of them a direct path crosses.

use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;

use super::{Depends, Forward, NatConfig, Ports};

/// A kind of NAT.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum NatKind {
    /// No NAT: a public address.
    None,
    /// No NAT, a firewall that lets in answers only.
    Fw,
    /// Endpoint-independent mapping and filtering (full cone).
    Full,
    /// Endpoint-independent mapping, address-dependent filtering (restricted cone).
    Adr,
    /// Endpoint-independent mapping, address- and port-dependent filtering.
    Port,
    /// Like `Port`, the source port preserved (a Linux router).
    Keep,
    /// Address- and port-dependent mapping and filtering, random ports (symmetric).
    Sym,
    /// The same with ports that count.
    SymSeq,
    /// Address-dependent mapping and filtering.
    SymAdr,
    /// `Sym` with a static forward of port 30000.
    Fwd,
    /// The same forward, by which packets leave too.
    OneToOne,
}

impl NatKind {
    /// What it is like, with `forwarded` as the inside of its static forward; `None` for no NAT.
    pub fn config(self, forwarded: SocketAddr) -> Option<NatConfig> {
        use Depends::{Address, AddressAndPort, Nothing};
        let (mapping, filtering, ports) = match self {
            NatKind::None => return None,
            NatKind::Fw => (Nothing, AddressAndPort, Ports::Untranslated),
            NatKind::Full => (Nothing, Nothing, Ports::Random),
            NatKind::Adr => (Nothing, Address, Ports::Random),
            NatKind::Port => (Nothing, AddressAndPort, Ports::Random),
            NatKind::Keep => (Nothing, AddressAndPort, Ports::Preserved),
            NatKind::Sym | NatKind::Fwd | NatKind::OneToOne => {
                (AddressAndPort, AddressAndPort, Ports::Random)
            }
            NatKind::SymSeq => (AddressAndPort, AddressAndPort, Ports::Sequential),
            NatKind::SymAdr => (Address, Address, Ports::Random),
        };
        let mut config = NatConfig::new(mapping, filtering, ports);
        if matches!(self, NatKind::Fwd | NatKind::OneToOne) {
            let both_ways = self == NatKind::OneToOne;
            config.forwards = vec![Forward { outside: FORWARDED, inside: forwarded, both_ways }];
        }
        Some(config)
    }

    /// Whether a socket behind it has another port for each destination.
    fn maps_per_destination(self) -> bool {
        use NatKind::{Fwd, Sym, SymAdr, SymSeq};
        matches!(self, Sym | SymSeq | SymAdr | Fwd)
    }

    /// Whether only the very ports that were sent to get in.
    fn filters_by_port(self) -> bool {
        use NatKind::{Fw, Fwd, Keep, Port, Sym, SymSeq};
        matches!(self, Fw | Port | Keep | Sym | SymSeq | Fwd)
    }
}

/// What may stand before a server.
pub const SERVERS: [&str; 13] = [
    "none",
    "fw",
    "full",
    "adr",
    "port",
    "keep",
    "sym",
    "symseq",
    "symadr",
    "port+sym",
    "fwd",
    "fwd+map",
    "one2one+map",
];
/// What may stand before a viewer.
pub const VIEWERS: [&str; 12] = [
    "none", "fw", "full", "adr", "port", "keep", "sym", "symseq", "symadr", "port+sym", "fwd",
    "one2one",
];

/// The outside port of the static forward.
pub const FORWARDED: u16 = 30_000;

/// One side of a path: its NATs from the inside out, and whether a forward in them is told to the
/// other side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Side {
    /// Its NATs, from the inside out. `None` alone is no NAT.
    pub nats: Vec<NatKind>,
    /// Whether the static forward is told as a candidate.
    pub map: bool,
}

impl FromStr for Side {
    type Err = String;

    /// `port+sym` is a NAT behind a NAT, `fwd+map` a forward that is told.
    fn from_str(text: &str) -> Result<Side, String> {
        let (names, map) = text.strip_suffix("+map").map_or((text, false), |names| (names, true));
        Ok(Side { nats: parse_kinds(names)?, map })
    }
}

impl fmt::Display for Side {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<String> =
            self.nats.iter().map(|nat| format!("{nat:?}").to_lowercase()).collect();
        write!(out, "{}{}", names.join("+"), if self.map { "+map" } else { "" })
    }
}

/// Parses `port+sym`.
///
/// # Errors
/// Names what is no kind.
pub fn parse_kinds(names: &str) -> Result<Vec<NatKind>, String> {
    let kind = |name: &str| match name {
        "none" => Ok(NatKind::None),
        "fw" => Ok(NatKind::Fw),
        "full" => Ok(NatKind::Full),
        "adr" => Ok(NatKind::Adr),
        "port" => Ok(NatKind::Port),
        "keep" => Ok(NatKind::Keep),
        "sym" => Ok(NatKind::Sym),
        "symseq" => Ok(NatKind::SymSeq),
        "symadr" => Ok(NatKind::SymAdr),
        "fwd" => Ok(NatKind::Fwd),
        "one2one" => Ok(NatKind::OneToOne),
        other => Err(format!("`{other}` is no kind of NAT")),
    };
    names.split('+').map(kind).collect()
}

impl Side {
    /// Whether its sockets have another port for each destination.
    fn maps_per_destination(&self) -> bool {
        !self.map && self.nats.iter().any(|nat| nat.maps_per_destination())
    }

    /// Whether only the very ports that it sent to get in.
    pub fn filters_by_port(&self) -> bool {
        !self.map && self.nats.iter().any(|nat| nat.filters_by_port())
    }
}

/// Whether a direct path exists: unless one side maps per destination and the other filters by
/// port, or both map per destination. A forward that is told is as good as a public address, and so
/// is one by which packets leave too. A side that counts its ports is predicted where the server is
/// that side.
pub fn goes_direct(server: &Side, viewer: &Side) -> bool {
    let (server_maps, viewer_maps) = (server.maps_per_destination(), viewer.maps_per_destination());
    let predicted = server.nats == [NatKind::SymSeq] && !viewer_maps;
    let blocked = (server_maps && viewer.filters_by_port() && !predicted)
        || (viewer_maps && server.filters_by_port())
        || (server_maps && viewer_maps);
    !blocked
}
