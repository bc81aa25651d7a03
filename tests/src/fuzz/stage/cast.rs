//! Who is where.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Our UDP sockets, and where we take TCP connections.
pub(crate) const BASE: SocketAddr = v4([192, 0, 2, 1], 5000);
pub(crate) const BASE_V6: SocketAddr = v6(1, 5000);
pub(crate) const TCP_BASE: SocketAddr = v4([192, 0, 2, 1], 5001);
/// A STUN server, a TURN server over UDP and one over TCP.
pub(crate) const SERVERS: [SocketAddr; 3] =
    [v4([203, 0, 113, 1], 3478), v4([203, 0, 113, 2], 3478), v4([203, 0, 113, 3], 3478)];
/// What the TURN servers know us by.
pub(crate) const USER: &str = "user";
pub(crate) const PASSWORD: &str = "pass";
/// The realm with which answers of TURN servers are signed.
pub(crate) const REALM: &str = "realm";
/// The viewer that plays.
pub(crate) const VIEWER: SocketAddr = v4([192, 0, 2, 7], 6000);
/// Somebody who knows no credentials and has overheard nothing.
pub(crate) const MUTE: SocketAddr = v4([198, 51, 100, 66], 666);

/// Who may send a datagram: people, servers, and addresses that only a forger has.
pub(crate) const SOURCES: [SocketAddr; 16] = [
    MUTE,
    VIEWER,
    v4([198, 51, 100, 7], 7000),
    v4([198, 51, 100, 7], 7001),
    v6(7, 6000),
    SERVERS[0],
    SERVERS[1],
    SERVERS[2],
    BASE,
    v4([203, 0, 113, 10], 30_000),
    v4([127, 0, 0, 1], 9),
    v4([0, 0, 0, 0], 5000),
    v4([198, 51, 100, 8], 0),
    v4([224, 0, 0, 251], 5353),
    v4([255, 255, 255, 255], 9),
    SocketAddr::new(IpAddr::V6(Ipv6Addr::LOCALHOST), 9),
];

/// Addresses of ours that a datagram may hit: sockets, an alias, loopback.
pub(crate) const LOCALS: [SocketAddr; 4] =
    [BASE, BASE_V6, v4([192, 0, 2, 2], 5000), v4([127, 0, 0, 1], 5000)];

const fn v4(ip: [u8; 4], port: u16) -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::new(ip[0], ip[1], ip[2], ip[3])), port)
}

const fn v6(last: u16, port: u16) -> SocketAddr {
    SocketAddr::new(IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, last)), port)
}
