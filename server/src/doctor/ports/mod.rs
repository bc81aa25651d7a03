//! Every mapped UDP port, proved from outside: by a reflector, or else by a TURN server's relay.
//!
//! The sockets are the very ones that `serve` would bind. Nothing is sent from them: a NAT that lets
//! in whoever was written to before would otherwise prove what no viewer can use.

mod counters;
mod listen;
mod relay;
mod witness;

use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use pinhole_core::diagnose::{PortFacts, Proof, Witness};
use pinhole_core::gather::{Audience, GatherConfig, Paths};
use pinhole_core::portmap::{Entry, PortRange, Protocol};
use pinhole_runtime::Handle;

use super::servers::Server;
use crate::reflect::client::ReflectorError;
use crate::reflect::judge::Passage;
use crate::settings::{Addresses, ReflectorSettings};

use listen::Listener;
pub(crate) use witness::Testimony;

/// Mapped ports that are proved; of more, these many are.
pub(super) const PORTS_MAX: usize = 16;

/// One mapped port and what came of it.
#[derive(Debug, Clone)]
pub(super) struct Port {
    pub(super) facts: PortFacts,
    /// How the probes came through, where any did.
    pub(super) passage: Option<Passage>,
    /// What people should know besides.
    pub(super) note: Option<String>,
}

/// The mapped ports, and the sockets behind them.
pub(crate) struct Ports {
    pub(super) ports: Vec<Port>,
    /// Mapped ports beyond [`PORTS_MAX`].
    pub(super) left_out: usize,
    listener: Listener,
}

impl Ports {
    /// Lists the ports that `serve` may bind and that are mapped, and binds them all. `bound`: the
    /// one that it would bind now.
    pub(super) fn bind(gather: &GatherConfig, addresses: &Addresses, bound: u16) -> Ports {
        let all = mapped(gather, addresses, &[bound]);
        let left_out = all.len().saturating_sub(PORTS_MAX);
        let ports: Vec<Port> = all.into_iter().take(PORTS_MAX).map(Port::untried).collect();
        let mut numbers: Vec<u16> = ports.iter().map(|port| port.facts.internal.port()).collect();
        numbers.dedup();
        let listener = Listener::bind(addresses.udp_bind, &numbers);
        let mut all = Ports { ports, left_out, listener };
        for port in &mut all.ports {
            if all.listener.taken.contains(&port.facts.internal.port()) {
                port.note = Some("another program holds the port: stop it to prove it".to_string());
            }
        }
        all
    }

    /// Whether there are any, and nothing is known of them yet.
    pub(super) fn are_untried(&self) -> bool {
        let untried = |port: &Port| port.facts.proof == Proof::Untried;
        !self.free().is_empty() && self.ports.iter().all(untried)
    }

    /// The same of a server at work, which holds the ports that it has bound; others that it might
    /// have bound are not proved.
    pub(crate) fn of_server(
        gather: &GatherConfig,
        addresses: &Addresses,
        bound: &[u16],
        server: Handle,
    ) -> Ports {
        let mut all = mapped(gather, addresses, bound);
        all.retain(|(_, internal)| bound.contains(&internal.port()));
        let ports = all.into_iter().take(PORTS_MAX).map(Port::untried).collect();
        let listener = Listener::beside(server, addresses.udp_bind, bound);
        Ports { ports, left_out: 0, listener }
    }

    /// What is known of them.
    pub(crate) fn facts(&self) -> Vec<PortFacts> {
        self.ports.iter().map(|port| port.facts.clone()).collect()
    }

    /// Has a reflector send to them: over each family of their addresses by a connection of its own.
    /// Where there are none, it is only asked for the time.
    ///
    /// # Errors
    /// It is not reached, refuses, or breaks off; what is known by then is kept.
    pub(crate) async fn prove_by_reflector(
        &mut self,
        reflector: &ReflectorSettings,
        until: Instant,
    ) -> Result<Testimony, ReflectorError> {
        witness::prove(reflector, self, until).await
    }

    /// Sends to them through a TURN server's relay; returns the peers that it refused.
    pub(super) async fn prove_by_relay(
        &mut self,
        server: Server,
        until: Instant,
    ) -> Vec<(IpAddr, u16)> {
        relay::prove(server, self, until).await
    }

    /// The places of those that can be tried.
    fn free(&self) -> Vec<usize> {
        let places = 0..self.ports.len();
        places
            .filter(|place| {
                let port = self.ports[*place].facts.internal.port();
                !self.listener.taken.contains(&port)
            })
            .collect()
    }
}

impl Port {
    fn untried((external, internal): (SocketAddr, SocketAddr)) -> Port {
        let (proof, witness, sent_from) = (Proof::Untried, Witness::None, None);
        let facts = PortFacts { external, internal, proof, witness, sent_from };
        Port { facts, passage: None, note: None }
    }
}

/// External and internal addresses, in the order of the ports. None where viewers are not told them.
fn mapped(
    gather: &GatherConfig,
    addresses: &Addresses,
    bound: &[u16],
) -> Vec<(SocketAddr, SocketAddr)> {
    if gather.audience == Audience::Lan || gather.paths == Paths::Relay {
        return Vec::new();
    }
    let range = addresses.udp_ports.clone();
    let of_map = gather.map.entries().iter().filter(|entry| entry.protocol() == Protocol::Udp);
    // An entry for all ports says nothing about which are in use.
    let of_map = of_map.map(Entry::local_ports).filter(|ports| ports.count() < 1024);
    let mut ports: Vec<u16> = match range {
        Some(range) => range.collect(),
        None => of_map.flat_map(PortRange::ports).chain(bound.iter().copied()).collect(),
    };
    ports.sort_unstable();
    ports.dedup();
    let mut ips: Vec<IpAddr> = gather.bases.iter().map(SocketAddr::ip).collect();
    // Nobody forwards to loopback where there is another address.
    if ips.iter().any(|ip| !ip.is_loopback()) {
        ips.retain(|ip| !ip.is_loopback());
    }
    let mut all: Vec<(SocketAddr, SocketAddr)> = Vec::new();
    for internal in ports.iter().flat_map(|port| ips.iter().map(|ip| SocketAddr::new(*ip, *port))) {
        for external in gather.map.external_over(Protocol::Udp, internal) {
            if !all.iter().any(|(known, _)| *known == external) {
                all.push((external, internal));
            }
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use pinhole_core::portmap::PortMap;

    use super::*;

    fn list(map: &[&str], range: Option<(u16, u16)>, bound: u16) -> Vec<String> {
        let bases = vec!["10.0.0.5:9".parse().unwrap(), "127.0.0.1:9".parse().unwrap()];
        let map = PortMap::parse(map.iter().copied()).unwrap();
        let gather = GatherConfig { map, audience: Audience::Public, ..GatherConfig::lan(bases) };
        let udp_ports = range.map(|(low, high)| low..=high);
        let addresses = Addresses { udp_ports, ..Addresses::default() };
        let all = mapped(&gather, &addresses, &[bound]);
        all.iter().map(|(external, internal)| format!("{external} {internal}")).collect()
    }

    #[test]
    fn the_ports_that_serve_may_bind_are_listed_with_their_outside_addresses() {
        let map = ["5000-5001/udp=192.0.2.1:30000-30001", "5000/udp=192.0.2.2:7"];
        assert_eq!(
            list(&map, None, 5000),
            [
                "192.0.2.1:30000 10.0.0.5:5000",
                "192.0.2.2:7 10.0.0.5:5000",
                "192.0.2.1:30001 10.0.0.5:5001"
            ]
        );
        assert_eq!(list(&map, Some((5001, 5009)), 5001), ["192.0.2.1:30001 10.0.0.5:5001"]);
        assert_eq!(
            list(&["1-65535/udp=192.0.2.1:1-65535"], None, 77),
            ["192.0.2.1:77 10.0.0.5:77"]
        );
        assert!(list(&[], None, 5000).is_empty());
    }
}
