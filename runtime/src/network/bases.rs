//! Which of this machine's addresses reach our sockets.
use std::io;
use std::net::SocketAddr;

use if_addrs::Interface;

use crate::udp::usable;
use crate::{Socket, Sockets};

/// The sockets, and how to find the addresses that reach them.
#[derive(Debug, Clone)]
pub struct Bases {
    udp: Vec<SocketAddr>,
    tcp: Vec<SocketAddr>,
    loopback: bool,
}

impl Bases {
    /// For these UDP sockets and TCP listeners. An unspecified address stands for all interfaces of
    /// its family. `loopback`: UDP sockets of all interfaces are told under loopback too, last.
    pub fn new(sockets: &Sockets, tcp: Vec<SocketAddr>, loopback: bool) -> Bases {
        let udp = sockets.sockets.iter().map(Socket::bound).collect();
        Bases { udp, tcp, loopback }
    }

    /// The same with the UDP sockets of one port only.
    pub(crate) fn of_port(&self, port: u16) -> Bases {
        let udp = self.udp.iter().filter(|bound| bound.port() == port).copied().collect();
        Bases { udp, tcp: self.tcp.clone(), loopback: self.loopback }
    }

    /// The addresses now, of UDP and of TCP: those of usable interfaces (no docker or other virtual
    /// bridge, no link-local), IPv4 first, and loopback only where it is all there is, was asked for,
    /// or is what a socket is bound to.
    pub fn now(&self) -> io::Result<(Vec<SocketAddr>, Vec<SocketAddr>)> {
        Ok(self.among(&if_addrs::get_if_addrs()?))
    }

    /// The same, were these the interfaces.
    pub(crate) fn among(&self, interfaces: &[Interface]) -> (Vec<SocketAddr>, Vec<SocketAddr>) {
        let udp = reaching(&self.udp, interfaces, self.loopback);
        (udp, reaching(&self.tcp, interfaces, false))
    }
}

/// The addresses that reach sockets bound to these: one bound to an address is reached by that, one
/// bound to all by the usable interfaces of its family.
pub(crate) fn reaching(
    bound: &[SocketAddr],
    interfaces: &[Interface],
    loopback: bool,
) -> Vec<SocketAddr> {
    let wildcards: Vec<_> = bound.iter().filter(|bound| bound.ip().is_unspecified()).collect();
    let of_a_family = |interface: &&Interface| {
        wildcards.iter().any(|bound| bound.is_ipv4() == interface.ip().is_ipv4())
    };
    let interfaces: Vec<Interface> = interfaces.iter().filter(of_a_family).cloned().collect();
    let own = bound.iter().filter(|bound| !bound.ip().is_unspecified()).copied();
    let everywhere = usable(&interfaces, loopback).into_iter().flat_map(|address| {
        let here = wildcards.iter().filter(move |bound| bound.is_ipv4() == address.is_ipv4());
        here.map(move |bound| SocketAddr::new(address, bound.port()))
    });
    own.chain(everywhere).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::udp::interface;

    fn found(bound: &[&str], loopback: bool) -> Vec<String> {
        let interfaces = [
            interface("lo", "127.0.0.1"),
            interface("lo", "::1"),
            interface("eth0", "10.0.0.5"),
            interface("eth0", "2001:db8::5"),
            interface("docker0", "172.17.0.1"),
        ];
        let bound: Vec<SocketAddr> = bound.iter().map(|bound| bound.parse().unwrap()).collect();
        let found = reaching(&bound, &interfaces, loopback);
        found.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_wildcard_is_reached_by_the_interfaces_of_its_family_and_an_address_by_itself() {
        assert_eq!(found(&["0.0.0.0:8080"], false), ["10.0.0.5:8080"]);
        assert_eq!(found(&["[::]:8080"], false), ["[2001:db8::5]:8080"]);
        assert_eq!(
            found(&["0.0.0.0:80", "[::]:80"], true),
            ["10.0.0.5:80", "[2001:db8::5]:80", "127.0.0.1:80", "[::1]:80"]
        );
        assert_eq!(found(&["127.0.0.1:8080"], false), ["127.0.0.1:8080"]);
        assert_eq!(found(&["192.0.2.7:8080"], true), ["192.0.2.7:8080"]);
        assert_eq!(found(&["0.0.0.0:80", "0.0.0.0:81"], false), ["10.0.0.5:80", "10.0.0.5:81"]);
        assert!(found(&[], true).is_empty());
    }
}
