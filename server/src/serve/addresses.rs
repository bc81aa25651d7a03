//! From settings to addresses: host names resolved, the port map checked, sockets bound, candidates
//! listed.

use std::net::{IpAddr, ToSocketAddrs as _};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use pinhole_core::gather::{Audience, GatherConfig, LocalCandidate, local_candidates};
use pinhole_core::portmap::{PortMap, Protocol, parse_nat1to1};
use pinhole_runtime::Sockets;

use super::StartError;
use crate::settings::{Addresses, PortRange};

/// How long a host name may take to resolve at start.
const RESOLVE_TIME: Duration = Duration::from_secs(5);

/// Bound sockets and what viewers are told of them.
pub(super) struct Bound {
    pub(super) sockets: Sockets,
    pub(super) gather: GatherConfig,
    /// The candidates that are known at start.
    pub(super) candidates: Vec<LocalCandidate>,
    /// Host names and what they stand for now.
    pub(super) resolved: Vec<(String, IpAddr)>,
}

/// Resolves, checks, binds, lists. Blocks while names are resolved.
///
/// `on_this_machine`: HTTP listens on loopback only, so a viewer may sit here, and loopback is
/// offered too, last. Not to a public audience: behind a reverse proxy the viewers are elsewhere,
/// and a browser that is told a loopback address asks its user for permission to use the local
/// network.
pub(super) fn bind(addresses: &Addresses, on_this_machine: bool) -> Result<Bound, StartError> {
    let mut resolved = Vec::new();
    let (map, mapped_ports) = port_map(addresses, &mut resolved)?;
    let audience = audience(addresses, &map);
    if audience == Audience::Public && map.is_empty() {
        let text = "--advertise public needs an outside address: --map LOCAL/udp=HOST:PORT or \
                    --public-ip ADDR";
        return Err(StartError::Addresses(text.to_string()));
    }
    // Ports that are forwarded are the ports to bind, where nothing else was said.
    let ports = addresses.udp_ports.clone().or(mapped_ports);
    let sockets = Sockets::bind(addresses.udp_bind, ports)?;
    map.check_bound(&[sockets.port()])
        .map_err(|error| StartError::Addresses(format!("--map: {error}")))?;
    let bases = match on_this_machine && audience != Audience::Public {
        true => sockets.bases_with_loopback(),
        false => sockets.bases(),
    };
    let gather = GatherConfig { map, audience, ..GatherConfig::lan(bases) };
    let candidates = local_candidates(&gather);
    if candidates.is_empty() {
        let text = "there is no address to offer to viewers; give one with --map, --public-ip or \
                    --udp-bind";
        return Err(StartError::Addresses(text.to_string()));
    }
    Ok(Bound { sockets, gather, candidates, resolved })
}

/// Who is told what, where `--advertise` does not say.
pub(crate) fn audience(addresses: &Addresses, map: &PortMap) -> Audience {
    addresses.advertise.unwrap_or(match map.is_empty() {
        true => Audience::Lan,
        false => Audience::Public,
    })
}

/// The map of `--map` and `--public-ip` together, and the local UDP ports that `--map` names first.
pub(crate) fn port_map(
    addresses: &Addresses,
    resolved: &mut Vec<(String, IpAddr)>,
) -> Result<(PortMap, Option<PortRange>), StartError> {
    let mut unresolved = None;
    let map = PortMap::parse_resolving(addresses.map.iter().map(String::as_str), |host| {
        resolve(host, resolved).map_err(|error| unresolved = Some(error)).ok()
    });
    let mut map = match (map, unresolved) {
        (_, Some(error)) => return Err(error),
        (Err(error), None) => return Err(StartError::Addresses(format!("--map: {error}"))),
        (Ok(map), None) => map,
    };
    let ports = map
        .entries()
        .iter()
        .find(|entry| entry.protocol() == Protocol::Udp)
        .map(|entry| entry.local_ports().first()..=entry.local_ports().last());
    for text in &addresses.public_ip {
        let (host, local) =
            text.split_once('/').map_or((text.as_str(), None), |(host, local)| (host, Some(local)));
        let address = resolve(host, resolved)?;
        let refuse = |error| StartError::Addresses(format!("--public-ip {text}: {error}"));
        let written = local.map_or(address.to_string(), |local| format!("{address}/{local}"));
        map = parse_nat1to1(&written).and_then(|same| map.merge(same)).map_err(refuse)?;
    }
    Ok((map, ports))
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
    // The resolver cannot be cancelled; a thread that still waits ends with its answer, or with the
    // program.
    thread::spawn(move || {
        let found = (name.as_str(), 0).to_socket_addrs();
        let _ = sender.send(found.map(|found| found.map(|found| found.ip()).collect::<Vec<_>>()));
    });
    let found = match receiver.recv_timeout(RESOLVE_TIME) {
        Ok(Ok(found)) => found,
        Ok(Err(error)) => return refuse(format!("cannot be resolved ({error})")),
        Err(_) => return refuse(format!("was not resolved within {} s", RESOLVE_TIME.as_secs())),
    };
    let Some(address) = found.iter().find(|found| found.is_ipv4()).or(found.first()).copied()
    else {
        return refuse("has no address".to_string());
    };
    resolved.push((host.to_string(), address));
    Ok(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mapped(map: &[&str], public_ip: &[&str]) -> Result<(PortMap, Option<PortRange>), String> {
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_string()).collect();
        let addresses =
            Addresses { map: texts(map), public_ip: texts(public_ip), ..Addresses::default() };
        port_map(&addresses, &mut Vec::new()).map_err(|error| error.to_string())
    }

    #[test]
    fn map_and_public_addresses_make_one_map_with_names_resolved() {
        let (map, ports) = mapped(&["10111-10115/udp=localhost:20111-20115"], &[]).unwrap();
        let base = "10.0.0.5:10112".parse().unwrap();
        assert_eq!(map.external(base), ["127.0.0.1:20112".parse().unwrap()]);
        assert_eq!(ports, Some(10111..=10115));

        let (map, ports) = mapped(&[], &["203.0.113.1", "[2001:db8::1]"]).unwrap();
        assert_eq!(map.external(base), ["203.0.113.1:10112".parse().unwrap()]);
        assert_eq!(ports, None);

        let (map, _) = mapped(&[], &["203.0.113.1/10.0.0.6"]).unwrap();
        assert_eq!(map.external(base), []);
    }

    #[test]
    fn a_map_that_cannot_work_is_refused_with_its_flag() {
        for (map, public_ip, part) in [
            (&["1-5/udp=203.0.113.1:1-4"][..], &[][..], "--map"),
            (&["nonsense"], &[], "--map"),
            (&[], &["203.0.113.1/x"], "--public-ip"),
            (&["1/udp=no-such-host.invalid:1"], &[], "no-such-host.invalid"),
        ] {
            let refusal = mapped(map, public_ip).unwrap_err();
            assert!(refusal.contains(part), "{refusal}");
        }
    }

    #[test]
    fn a_name_that_does_not_resolve_is_refused_by_name() {
        let refusal = resolve("no such host", &mut Vec::new()).unwrap_err().to_string();
        assert!(refusal.contains("no such host"), "{refusal}");
        assert!(resolve("", &mut Vec::new()).is_err());
    }
}
