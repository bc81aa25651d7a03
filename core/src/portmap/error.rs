//! Why a port map is refused.

use std::net::{IpAddr, SocketAddr};

use super::entry::Protocol;

/// Why a map is refused; its text says what is wrong and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the fields are the parts that each text names")]
pub enum PortMapError {
    /// Not of the form `LOCAL[-LOCAL]/udp=HOST:PORT[-PORT]`.
    #[error(
        "`{entry}` is no port map entry; write LOCAL[-LOCAL]/udp=HOST:PORT[-PORT], \
         like 10111-10115/udp=203.0.113.10:30111-30115"
    )]
    NotAnEntry { entry: String },
    /// Neither UDP nor TCP.
    #[error("`{entry}` maps `{protocol}`; write /udp or /tcp behind the local ports")]
    Protocol { entry: String, protocol: String },
    /// No number, or above 65535.
    #[error("`{port}` in `{entry}` is no port; ports are numbers from 1 to 65535")]
    NotAPort { entry: String, port: String },
    /// Port 0.
    #[error("`{entry}` names port 0, which no datagram can be sent to; give the port, 1 to 65535")]
    PortZero { entry: String },
    /// The first port is above the last.
    #[error("{first}-{last} in `{entry}` runs backwards; write {last}-{first}")]
    Reversed { entry: String, first: u16, last: u16 },
    /// The two ranges have different lengths.
    #[error(
        "`{entry}` maps {local} local ports to {external} external ones; \
         make both ranges equally long"
    )]
    SizesDiffer { entry: String, local: usize, external: usize },
    /// An IPv6 address without brackets.
    #[error("`{host}` in `{entry}` looks like IPv6; put it in brackets, like [2001:db8::10]:30111")]
    NoBrackets { entry: String, host: String },
    /// A name, or nonsense, in place of an address.
    #[error(
        "`{host}` in `{entry}` is no IP address, and no name that could be resolved; the map \
         itself holds addresses only, so write the address, like 203.0.113.10"
    )]
    HostNotAnIp { entry: String, host: String },
    /// An address that no viewer could send to.
    #[error(
        "{host} in `{entry}` is {what}, which no viewer can send to; \
         give the address under which the server is reached from outside"
    )]
    HostUnusable { entry: String, host: IpAddr, what: &'static str },
    /// The local address is no interface's own.
    #[error("{address} in `{entry}` is {what}; give an interface's own address, or leave it out")]
    LocalUnusable { entry: String, address: IpAddr, what: &'static str },
    /// IPv4 on one side, IPv6 on the other.
    #[error(
        "`{entry}` maps {local} to {external}, which is of the other address family; \
         map IPv4 to IPv4 and IPv6 to IPv6"
    )]
    FamiliesDiffer { entry: String, local: IpAddr, external: IpAddr },
    /// Two entries map the same local port to the same external address.
    #[error("`{earlier}` and `{later}` both map {external}, to the same port; drop one of them")]
    Twice { earlier: String, later: String, external: SocketAddr },
    /// Two entries map different sockets to the same external address.
    #[error(
        "`{earlier}` and `{later}` both claim {external}, but it can reach only one socket; \
         give one of them other external ports"
    )]
    TwoLocals { earlier: String, later: String, external: SocketAddr },
    /// More entries than a map may have.
    #[error(
        "a port map has at most {max} entries; use ranges, like 10111-10115/udp=HOST:30111-30115",
        max = super::ENTRIES_MAX
    )]
    TooMany,
    /// A bound port that no entry maps.
    #[error(
        "{} port {port} is bound, but the map covers only {}; add an entry for it, or bind mapped \
         ports only", protocol.name(), covered_or_other(covered, *protocol)
    )]
    NotCovered { protocol: Protocol, port: u16, covered: String },
    /// No bound address is one that an entry is about.
    #[error(
        "`{entry}` maps nothing: no socket is bound to {}; bound are {bound}. Give one of these \
         addresses, or leave the address out",
        address.map_or_else(|| "an address of its family".to_owned(), |address| address.to_string())
    )]
    NoSuchBase { entry: String, address: Option<IpAddr>, bound: String },
    /// No `ip` or `ip/local-ip`.
    #[error("`{item}` in NAT1TO1 is no address; write PUBLIC-IP or PUBLIC-IP/LOCAL-IP")]
    NotAnAlias { item: String },
}

/// The ports of a protocol, or that there are only ports of the other one.
fn covered_or_other(covered: &str, protocol: Protocol) -> &str {
    match (covered, protocol) {
        ("", Protocol::Udp) => "TCP ports",
        ("", Protocol::Tcp) => "UDP ports",
        (covered, _) => covered,
    }
}
