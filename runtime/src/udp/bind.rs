//! Binds the sockets, and knows the addresses that reach them.
use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::ops::RangeInclusive;

use if_addrs::Interface;

use super::socket::{Batching, Socket};
use crate::network::reaching;

/// Tries of a port that the system chooses, until it is free in both families.
const ANY_PORT_TRIES: usize = 16;

/// UDP sockets, bound but not yet running; bound first, because the endpoint's candidates depend on
/// them.
pub struct Sockets {
    pub(crate) sockets: Vec<Socket>,
    interfaces: Vec<Interface>,
}

/// Why sockets cannot be bound.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Every port of the range is in use.
    #[error("{}", taken(.ports, *.address))]
    Taken {
        /// The ports tried.
        ports: RangeInclusive<u16>,
        /// The address they were tried on.
        address: IpAddr,
    },
    /// The range holds no port.
    #[error(
        "the UDP port range {}-{} is empty or begins with 0; give it as LOW-HIGH, from 1 to 65535",
        .0.start(), .0.end()
    )]
    NoPorts(RangeInclusive<u16>),
    /// The user may not bind this port.
    #[error(
        "no permission to bind UDP port {0}; take a port above 1023, or allow this program lower \
         ones (CAP_NET_BIND_SERVICE)"
    )]
    Permission(u16),
    /// The address belongs to another machine.
    #[error("{0} is no address of this machine; `ip address` shows which are")]
    NotOurs(IpAddr),
    /// The operating system refused something else.
    #[error("{what}: {error}")]
    Io {
        /// What was tried.
        what: &'static str,
        /// What the system said.
        error: io::Error,
    },
}

fn taken(ports: &RangeInclusive<u16>, address: IpAddr) -> String {
    match (ports.start(), ports.end()) {
        (0, _) => format!("no UDP port of {address} is free in both IPv4 and IPv6; give a range"),
        (first, last) if first == last => format!(
            "UDP port {first} is taken on {address}; stop the program that holds it, or give another"
        ),
        (first, last) => format!(
            "all UDP ports {first}-{last} are taken on {address}; stop the programs that hold them, \
             or give other ports"
        ),
    }
}

impl Sockets {
    /// Binds one UDP port: the first free one of `ports` (`None`: any), on `address` alone or
    /// (`None`) on all interfaces, IPv4 and IPv6. An unspecified address means all interfaces of its
    /// family.
    pub fn bind(
        address: Option<IpAddr>,
        ports: Option<RangeInclusive<u16>>,
    ) -> Result<Sockets, BindError> {
        let sockets = match ports {
            None => bind_any(address)?,
            Some(ports) => bind_first(address, ports)?,
        };
        let interfaces = if_addrs::get_if_addrs().map_err(|error| BindError::Io {
            what: "cannot list this machine's addresses",
            error,
        })?;
        Ok(Sockets { sockets, interfaces })
    }

    /// Binds one more port in the same way, for one more event loop: a runtime started with several
    /// ports has as many loops, and each viewer stays on one of them.
    pub fn bind_also(
        &mut self,
        address: Option<IpAddr>,
        ports: Option<RangeInclusive<u16>>,
    ) -> Result<(), BindError> {
        let more = match ports {
            None => bind_any(address)?,
            Some(ports) => bind_first(address, ports)?,
        };
        self.sockets.extend(more);
        Ok(())
    }

    /// Has runs leave in no better way than this, whatever the system offers: for network cards and
    /// drivers that damage what they are given together. Counts for the ports that are bound by now.
    pub fn limit_batching(&mut self, best: Batching) {
        self.sockets.iter_mut().for_each(|socket| socket.limit_batching(best));
    }

    /// The addresses that datagrams can arrive at: one per usable interface address (no docker or
    /// other virtual bridge, no link-local), with the bound port, IPv4 first; loopback only where it
    /// is all there is, or asked for by address.
    pub fn bases(&self) -> Vec<SocketAddr> {
        self.bases_where(false)
    }

    /// The same and loopback, last: for a server whose viewers may sit on this machine.
    pub fn bases_with_loopback(&self) -> Vec<SocketAddr> {
        self.bases_where(true)
    }

    /// The bound port, the first where there are several.
    pub fn port(&self) -> u16 {
        self.sockets.first().map_or(0, |socket| socket.bound().port())
    }

    /// The bound ports, in the order in which they were bound.
    pub fn ports(&self) -> Vec<u16> {
        let mut ports: Vec<u16> = self.sockets.iter().map(|it| it.bound().port()).collect();
        ports.dedup();
        ports
    }

    /// The sockets of each port.
    pub(crate) fn by_port(mut self) -> Vec<Sockets> {
        let mut parts = Vec::new();
        while let Some(port) = self.sockets.first().map(|socket| socket.bound().port()) {
            let others = self.sockets.iter().take_while(|it| it.bound().port() == port).count();
            let rest = self.sockets.split_off(others);
            let sockets = std::mem::replace(&mut self.sockets, rest);
            parts.push(Sockets { sockets, interfaces: self.interfaces.clone() });
        }
        parts
    }

    /// The sockets themselves, for a loop of one's own.
    pub fn into_sockets(self) -> Vec<Socket> {
        self.sockets
    }

    /// What was found out about the sockets, for the start-up log: "UDP port 40000 of 0.0.0.0 and ::,
    /// GSO up to 64 segments, GRO, receive buffer 4194304 bytes, send buffer 2097152 bytes".
    pub fn describe(&self) -> String {
        let ports: Vec<_> = self.ports().iter().map(u16::to_string).collect();
        let of_first = self.sockets.iter().filter(|it| it.bound().port() == self.port());
        let addresses: Vec<_> = of_first.map(|socket| socket.bound().ip().to_string()).collect();
        let found = self.sockets.first().map_or_else(String::new, Socket::describe);
        let word = if ports.len() == 1 { "port" } else { "ports" };
        format!("UDP {word} {} of {}, {found}", ports.join(", "), addresses.join(" and "))
    }

    fn bases_where(&self, loopback: bool) -> Vec<SocketAddr> {
        let bound: Vec<_> = self.sockets.iter().map(Socket::bound).collect();
        reaching(&bound, &self.interfaces, loopback)
    }
}

/// The first port of a range that is free everywhere it must be.
fn bind_first(
    address: Option<IpAddr>,
    ports: RangeInclusive<u16>,
) -> Result<Vec<Socket>, BindError> {
    if ports.is_empty() || *ports.start() == 0 {
        return Err(BindError::NoPorts(ports));
    }
    let mut taken_on = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
    for port in ports.clone() {
        match bind_port(address, port) {
            Err(BindError::Taken { address, .. }) => taken_on = address,
            decided => return decided,
        }
    }
    Err(BindError::Taken { ports, address: taken_on })
}

/// A port that the system chooses.
fn bind_any(address: Option<IpAddr>) -> Result<Vec<Socket>, BindError> {
    let mut last = None;
    for _ in 0..ANY_PORT_TRIES {
        match bind_port(address, 0) {
            Err(error @ BindError::Taken { .. }) => last = Some(error),
            decided => return decided,
        }
    }
    Err(last.expect("the loop above ran at least once and ended with an error each time"))
}

/// One port, or 0 for any: on one address, or in both families as far as the machine has both.
fn bind_port(address: Option<IpAddr>, port: u16) -> Result<Vec<Socket>, BindError> {
    if let Some(address) = address {
        return Ok(vec![bind_one(address, port)?]);
    }
    let v4 = bind_family(Ipv4Addr::UNSPECIFIED.into(), port)?;
    // The second family takes the port that the first was given.
    let port = v4.as_ref().map_or(port, |socket| socket.bound().port());
    let v6 = bind_family(Ipv6Addr::UNSPECIFIED.into(), port)?;
    let sockets: Vec<_> = v4.into_iter().chain(v6).collect();
    if sockets.is_empty() {
        let error = io::Error::from(ErrorKind::Unsupported);
        return Err(BindError::Io { what: "this machine has neither IPv4 nor IPv6", error });
    }
    Ok(sockets)
}

/// `None` where the machine does without this family.
fn bind_family(wildcard: IpAddr, port: u16) -> Result<Option<Socket>, BindError> {
    match bind_one(wildcard, port) {
        Ok(socket) => Ok(Some(socket)),
        Err(BindError::NotOurs(_)) => Ok(None),
        Err(BindError::Io { error, .. })
            if matches!(error.raw_os_error(), Some(libc::EAFNOSUPPORT | libc::EPROTONOSUPPORT)) =>
        {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

fn bind_one(address: IpAddr, port: u16) -> Result<Socket, BindError> {
    Socket::bind(SocketAddr::new(address, port)).map_err(|error| match error.kind() {
        ErrorKind::AddrInUse => BindError::Taken { ports: port..=port, address },
        ErrorKind::PermissionDenied => BindError::Permission(port),
        ErrorKind::AddrNotAvailable => BindError::NotOurs(address),
        _ => BindError::Io { what: "cannot bind a UDP socket", error },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCALHOST: Option<IpAddr> = Some(IpAddr::V4(Ipv4Addr::LOCALHOST));

    #[test]
    fn both_families_share_one_port() {
        let sockets = Sockets::bind(None, None).unwrap();

        assert!(sockets.sockets.iter().all(|socket| socket.bound().port() == sockets.port()));
        assert_ne!(sockets.port(), 0);
        assert!(!sockets.bases().is_empty());
        println!("{}: {:?}", sockets.describe(), sockets.bases());
    }

    #[test]
    fn an_address_asked_for_is_the_only_base() {
        let sockets = Sockets::bind(LOCALHOST, None).unwrap();

        assert_eq!(sockets.bases(), [SocketAddr::new(LOCALHOST.unwrap(), sockets.port())]);
        assert_eq!(sockets.bases_with_loopback(), sockets.bases());
    }

    #[test]
    fn loopback_is_told_where_asked_for() {
        let sockets = Sockets::bind(None, None).unwrap();

        let loopback = SocketAddr::new(LOCALHOST.unwrap(), sockets.port());
        assert!(sockets.bases_with_loopback().contains(&loopback));
    }

    #[test]
    fn the_first_free_port_of_a_range_is_taken() {
        let (taken, first) = free_range();

        let sockets = Sockets::bind(None, Some(first..=first + 9)).unwrap();

        assert!(sockets.port() > first, "{} is taken by {taken:?}", sockets.port());
        assert!(sockets.port() <= first + 9);
    }

    #[test]
    fn several_ports_are_told_apart() {
        let mut sockets = Sockets::bind(None, None).unwrap();
        sockets.bind_also(None, None).unwrap();
        sockets.bind_also(LOCALHOST, None).unwrap();

        let ports = sockets.ports();
        assert_eq!(ports.len(), 3, "{ports:?}");
        let words = sockets.describe();
        let named = format!("UDP ports {}, {}, {} of ", ports[0], ports[1], ports[2]);
        assert!(words.starts_with(&named), "{words}");
        let parts = sockets.by_port();
        let of_parts: Vec<_> = parts.iter().flat_map(Sockets::ports).collect();
        assert_eq!((parts.len(), of_parts), (3, ports));
    }

    #[test]
    fn a_range_that_is_taken_is_named() {
        let (_taken, port) = free_range();

        let error = Sockets::bind(LOCALHOST, Some(port..=port)).err().unwrap();

        let text = format!(
            "UDP port {port} is taken on 127.0.0.1; stop the program that holds it, or give another"
        );
        assert_eq!(error.to_string(), text);
    }

    #[test]
    fn a_range_without_ports_is_refused() {
        #[allow(clippy::reversed_empty_ranges)]
        let error = Sockets::bind(None, Some(10..=5)).err().unwrap();

        assert!(error.to_string().contains("10-5"), "{error}");
    }

    #[test]
    fn an_address_of_another_machine_is_named() {
        let stranger = "203.0.113.77".parse().unwrap();

        let error = Sockets::bind(Some(stranger), None).err().unwrap();

        assert!(matches!(error, BindError::NotOurs(address) if address == stranger), "{error}");
    }

    /// A port in use on 127.0.0.1 with at least nine after it.
    fn free_range() -> (std::net::UdpSocket, u16) {
        loop {
            let taken = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
            let port = taken.local_addr().unwrap().port();
            if port < u16::MAX - 9 {
                return (taken, port);
            }
        }
    }
}
