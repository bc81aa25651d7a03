//! From settings to addresses: host names resolved, the port map checked, sockets bound, candidates listed.

use std::net::{IpAddr, SocketAddr, ToSocketAddrs as _};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use pinhole_core::gather::{Audience, CandidateKind, LocalCandidate, local_candidates};
use pinhole_core::portmap::PortMap;
use pinhole_runtime::Sockets;

use super::StartError;
use crate::settings::{Addresses, PortRange};

/// How long a host name may take to resolve at start.
const RESOLVE_TIME: Duration = Duration::from_secs(5);

/// Bound sockets and what viewers are told of them.
pub(super) struct Bound {
    pub(super) sockets: Sockets,
    pub(super) bases: Vec<SocketAddr>,
    pub(super) candidates: Vec<LocalCandidate>,
    pub(super) audience: Audience,
    /// Host names and what they stand for now.
    pub(super) resolved: Vec<(String, IpAddr)>,
}

/// Resolves, checks, binds, lists. Blocks while names are resolved.
///
/// `on_this_machine`: HTTP listens on loopback only, so a viewer may sit here, and loopback is offered too, last. Not
/// to a public audience: behind a reverse proxy the viewers are elsewhere, and a browser that is told a loopback
/// address asks its user for permission to use the local network.
pub(super) fn bind(addresses: &Addresses, on_this_machine: bool) -> Result<Bound, StartError> {
    let mut resolved = Vec::new();
    let (map, mapped_ports) = port_map(addresses, &mut resolved)?;
    let audience = addresses.advertise.unwrap_or(match map.is_empty() {
        true => Audience::Lan,
        false => Audience::Public,
    });
    if audience == Audience::Public && map.is_empty() {
        let text = "--advertise public needs an outside address: --map LOCAL/udp=HOST:PORT or --public-ip ADDR";
        return Err(StartError::Addresses(text.to_string()));
    }
    // Ports that are forwarded are the ports to bind, where nothing else was said.
    let ports = addresses.udp_ports.clone().or(mapped_ports);
    let sockets = Sockets::bind(addresses.udp_bind, ports)?;
    map.check_bound(&[sockets.port()])
        .map_err(|error| StartError::Addresses(format!("--map: {error}")))?;
    let loopback = on_this_machine && audience != Audience::Public;
    let mut bases = sockets.bases();
    let mut candidates = local_candidates(&bases, &map, audience);
    if loopback {
        let all = sockets.bases_with_loopback();
        for base in all.into_iter().filter(|base| !bases.contains(base)).collect::<Vec<_>>() {
            bases.push(base);
            candidates.push(LocalCandidate { base, address: base, kind: CandidateKind::Host });
        }
    }
    if candidates.is_empty() {
        let text = "there is no address to offer to viewers; give one with --map, --public-ip or --udp-bind";
        return Err(StartError::Addresses(text.to_string()));
    }
    Ok(Bound { sockets, bases, candidates, audience, resolved })
}

/// The map of `--map` and `--public-ip` together, and the local ports that `--map` names.
fn port_map(
    addresses: &Addresses,
    resolved: &mut Vec<(String, IpAddr)>,
) -> Result<(PortMap, Option<PortRange>), StartError> {
    let mut entries = Vec::new();
    let mut ports: Option<PortRange> = None;
    for entry in &addresses.map {
        entries.push(with_address(entry, resolved)?);
        if let (None, Some(range)) = (&ports, local_ports(entry)) {
            ports = Some(range);
        }
    }
    let refuse = |error: &dyn std::fmt::Display| StartError::Addresses(error.to_string());
    let mut map = PortMap::parse(entries.iter().map(String::as_str))
        .map_err(|error| refuse(&format!("--map: {error}")))?;
    for host in &addresses.public_ip {
        let address = resolve(host, resolved)?;
        map = map
            .merge(PortMap::same_ports(address))
            .map_err(|error| refuse(&format!("--public-ip {host}: {error}")))?;
    }
    Ok((map, ports))
}

/// The local ports of a map entry; the map itself reports an entry that has none.
fn local_ports(entry: &str) -> Option<PortRange> {
    let (local, _) = entry.split_once('/')?;
    let (low, high) = local.split_once('-').unwrap_or((local, local));
    let (low, high) = (low.trim().parse().ok()?, high.trim().parse().ok()?);
    (0 < low && low <= high).then_some(low..=high)
}

/// A map entry with its host name replaced by an address, as the core takes it.
fn with_address(
    entry: &str,
    resolved: &mut Vec<(String, IpAddr)>,
) -> Result<String, StartError> {
    let Some((local, outside)) = entry.split_once('=') else { return Ok(entry.to_string()) };
    let Some((host, ports)) = outside.rsplit_once(':') else { return Ok(entry.to_string()) };
    match resolve(host, resolved)? {
        IpAddr::V4(address) => Ok(format!("{local}={address}:{ports}")),
        IpAddr::V6(address) => Ok(format!("{local}=[{address}]:{ports}")),
    }
}

/// An address, or the first IPv4 address of a host name, or else its first IPv6 one.
fn resolve(host: &str, resolved: &mut Vec<(String, IpAddr)>) -> Result<IpAddr, StartError> {
    let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
    if let Ok(address) = bare.parse() {
        return Ok(address);
    }
    let refuse = |what: String| {
        let advice = "give its address instead, or see that the name resolves on this machine";
        Err(StartError::Addresses(format!("the host name {host:?} {what}; {advice}")))
    };
    if bare.is_empty() {
        return refuse("is empty".to_string());
    }
    let (sender, receiver) = mpsc::channel();
    let name = host.to_string();
    // The resolver cannot be cancelled; a thread that still waits ends with its answer, or with the program.
    thread::spawn(move || {
        let found = (name.as_str(), 0).to_socket_addrs();
        let _ = sender.send(found.map(|found| found.map(|found| found.ip()).collect::<Vec<_>>()));
    });
    let found = match receiver.recv_timeout(RESOLVE_TIME) {
        Ok(Ok(found)) => found,
        Ok(Err(error)) => return refuse(format!("cannot be resolved ({error})")),
        Err(_) => return refuse(format!("was not resolved within {} s", RESOLVE_TIME.as_secs())),
    };
    let Some(address) = found.iter().find(|found| found.is_ipv4()).or(found.first()).copied() else {
        return refuse("has no address".to_string());
    };
    resolved.push((host.to_string(), address));
    Ok(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_of_a_map_entry_becomes_an_address_and_the_rest_stays() {
        let mut resolved = Vec::new();
        let mut with = |entry: &str| with_address(entry, &mut resolved).unwrap();

        assert_eq!(with("1-5/udp=203.0.113.1:2-6"), "1-5/udp=203.0.113.1:2-6");
        assert_eq!(with("1/udp=[2001:db8::1]:2"), "1/udp=[2001:db8::1]:2");
        assert_eq!(with("1/udp=localhost:2"), "1/udp=127.0.0.1:2");
        assert_eq!(with("nonsense"), "nonsense");
        assert_eq!(resolved, [("localhost".to_string(), "127.0.0.1".parse().unwrap())]);
    }

    #[test]
    fn a_name_that_does_not_resolve_is_refused_by_name() {
        let refusal = resolve("no such host", &mut Vec::new()).unwrap_err().to_string();
        assert!(refusal.contains("no such host"), "{refusal}");
        assert!(resolve("", &mut Vec::new()).is_err());
    }

    #[test]
    fn mapped_local_ports_are_the_ones_to_bind() {
        assert_eq!(local_ports("10111-10115/udp=h:1-5"), Some(10111..=10115));
        assert_eq!(local_ports("10111/udp=h:1"), Some(10111..=10111));
        assert_eq!(local_ports("x/udp=h:1"), None);
    }
}
