//! A STUN server with up to two addresses and two ports.

use std::net::{IpAddr, SocketAddr};

/// What a server does with CHANGE-REQUEST.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    Honoured,
    /// Error 420.
    Refused,
    /// Answers as if it were not there.
    Overlooked,
    /// Answers nothing.
    Silent,
}

#[derive(Debug, Clone)]
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    /// Told as OTHER-ADDRESS; the server is there too, at all four combinations.
    pub(crate) other: Option<SocketAddr>,
    pub(crate) change: Change,
    /// Whether the other address is where it says.
    pub(crate) other_is_there: bool,
    pub(crate) is_dead: bool,
    pub(crate) knows_response_port: bool,
}

impl Server {
    pub(crate) fn plain(address: &str) -> Server {
        Server {
            address: address.parse().unwrap(),
            other: None,
            change: Change::Refused,
            other_is_there: false,
            is_dead: false,
            knows_response_port: false,
        }
    }

    pub(crate) fn full(address: &str, other: &str) -> Server {
        Server {
            other: Some(other.parse().unwrap()),
            change: Change::Honoured,
            other_is_there: true,
            knows_response_port: true,
            ..Server::plain(address)
        }
    }

    pub(crate) fn dead(address: &str) -> Server {
        Server { is_dead: true, ..Server::plain(address) }
    }

    fn is_at(&self, to: SocketAddr) -> bool {
        let Some(other) = self.other.filter(|_| self.other_is_there) else {
            return to == self.address;
        };
        let ips = [self.address.ip(), other.ip()];
        let ports = [self.address.port(), other.port()];
        ips.contains(&to.ip()) && ports.contains(&to.port())
    }

    /// The answer to a request that came in at `to`: its source, its destination and its bytes.
    pub(crate) fn answer(
        &self,
        from: SocketAddr,
        to: SocketAddr,
        request: &[u8],
    ) -> Option<(SocketAddr, SocketAddr, Vec<u8>)> {
        if self.is_dead || !self.is_at(to) || request.get(..2) != Some(&[0, 1]) {
            return None;
        }
        let change = attribute(request, 0x0003).map_or(0, |value| value[3]);
        let port = attribute(request, 0x0027).map(|value| u16::from_be_bytes([value[0], value[1]]));
        let (mut source, mut destination) = (to, from);
        if change != 0 {
            match self.change {
                Change::Honoured => source = self.changed(to, change),
                Change::Refused => return Some((to, from, error(request, 420))),
                Change::Overlooked => {}
                Change::Silent => return None,
            }
        }
        if let Some(port) = port.filter(|_| self.knows_response_port) {
            destination.set_port(port);
        }
        let other = self.other.map(|_| self.changed(to, 6));
        Some((source, destination, success(request, from, other, source)))
    }

    fn changed(&self, to: SocketAddr, change: u8) -> SocketAddr {
        let other = self.other.unwrap_or(self.address);
        let swap = |one, other, now| if now == one { other } else { one };
        let ip = swap(self.address.ip(), other.ip(), to.ip());
        let port =
            if to.port() == self.address.port() { other.port() } else { self.address.port() };
        SocketAddr::new(
            if change & 4 == 0 { to.ip() } else { ip },
            if change & 2 == 0 { to.port() } else { port },
        )
    }
}

fn attribute(message: &[u8], kind: u16) -> Option<&[u8]> {
    let mut rest = message.get(20..)?;
    for _ in 0..16 {
        let length = usize::from(u16::from_be_bytes([*rest.get(2)?, *rest.get(3)?]));
        let value = rest.get(4..4 + length)?;
        if rest[..2] == kind.to_be_bytes() {
            return Some(value);
        }
        rest = rest.get(4 + length.next_multiple_of(4)..)?;
    }
    None
}

fn success(
    request: &[u8],
    mapped: SocketAddr,
    other: Option<SocketAddr>,
    origin: SocketAddr,
) -> Vec<u8> {
    let mut value = address_value(mapped);
    // XOR with cookie and transaction id, RFC 8489 §14.2.
    let key = &request[4..20];
    value[2] ^= key[0];
    value[3] ^= key[1];
    value[4..].iter_mut().zip(key).for_each(|(byte, key)| *byte ^= key);
    let mut body = header(0x0020, &value);
    body.extend(header(0x802b, &address_value(origin)));
    if let Some(other) = other {
        body.extend(header(0x802c, &address_value(other)));
    }
    respond(request, 0x0101, &body)
}

fn error(request: &[u8], code: u16) -> Vec<u8> {
    let body = header(0x0009, &[0, 0, (code / 100) as u8, (code % 100) as u8]);
    respond(request, 0x0111, &body)
}

fn address_value(address: SocketAddr) -> Vec<u8> {
    let mut value = match address.ip() {
        IpAddr::V4(_) => vec![0, 1],
        IpAddr::V6(_) => vec![0, 2],
    };
    value.extend(address.port().to_be_bytes());
    match address.ip() {
        IpAddr::V4(ip) => value.extend(ip.octets()),
        IpAddr::V6(ip) => value.extend(ip.octets()),
    }
    value
}

fn header(kind: u16, value: &[u8]) -> Vec<u8> {
    [&kind.to_be_bytes()[..], &(value.len() as u16).to_be_bytes(), value].concat()
}

fn respond(request: &[u8], kind: u16, body: &[u8]) -> Vec<u8> {
    let length = (body.len() as u16).to_be_bytes();
    [&kind.to_be_bytes()[..], &length, &request[4..20], body].concat()
}
