//! From settings to addresses: host names resolved, the port map checked, sockets bound, candidates
//! listed.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, ToSocketAddrs as _};
use std::os::fd::AsFd;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use pinhole_core::gather::{
    Audience, CandidateKind, GatherConfig, LocalCandidate, Paths, ServerConfig, local_candidates,
};
use pinhole_core::portmap::{PortMap, Protocol, parse_nat1to1};
use pinhole_runtime::{Bases, Sockets};
use socket2::{Domain, SockRef, Socket, Type};

use super::{StartError, loops};
use crate::settings::{Addresses, PortRange, TcpPort};

/// Connections that wait to be accepted.
const LISTEN_BACKLOG: i32 = 256;
/// How long a host name may take to resolve at start.
const RESOLVE_TIME: Duration = Duration::from_secs(5);

/// Bound sockets and what viewers are told of them.
pub(crate) struct Bound {
    pub(crate) sockets: Sockets,
    pub(crate) gather: GatherConfig,
    /// The candidates that are known at start.
    pub(crate) candidates: Vec<LocalCandidate>,
    /// Host names and what they stand for now.
    pub(crate) resolved: Vec<(String, IpAddr)>,
    /// How the addresses are found again when interfaces change.
    pub(crate) bases: Bases,
    /// The TCP port of its own, where there is one.
    pub(crate) tcp: Option<TcpListener>,
    /// What the operator may want to know.
    pub(crate) notes: Vec<String>,
}

/// Resolves, checks, binds, lists. Blocks while names of the map are resolved; those of `servers`
/// are left to the runtime.
///
/// `http`: where HTTP listens. On loopback, a viewer may sit here, and loopback is offered too,
/// last. Not to a public audience: behind a reverse proxy the viewers are elsewhere, and a browser
/// that is told a loopback address asks its user for permission to use the local network.
///
/// `loops`: event loops that are wanted, each with a UDP port of its own; fewer where there are fewer.
pub(crate) fn bind(
    addresses: &Addresses,
    http: &[SocketAddr],
    servers: Vec<ServerConfig>,
    loops: usize,
) -> Result<Bound, StartError> {
    let mut resolved = Vec::new();
    let (map, mapped_ports) = port_map(addresses, &mut resolved)?;
    let audience = audience(addresses, &map, !servers.is_empty());
    if audience == Audience::Public && map.is_empty() && servers.is_empty() {
        let text = "--advertise public needs an outside address: --map LOCAL/udp=HOST:PORT or \
                    --public-ip ADDR, or a server that finds one: --ice-server stun:HOST";
        return Err(StartError::Addresses(text.to_string()));
    }
    // Ports that are forwarded are the ports to bind, where nothing else was said.
    let ports = addresses.udp_ports.clone().or(mapped_ports);
    let mut sockets = Sockets::bind(addresses.udp_bind, ports)?;
    check_bound(&map, &sockets)?;
    let fewer = loops::bind_more(&mut sockets, loops, addresses, &map);
    sockets.limit_batching(addresses.udp_send);
    let (tcp, tcp_bound) = bind_tcp(addresses, http)?;
    let on_this_machine = http.iter().all(|http| http.ip().is_loopback());
    let bases = Bases::new(&sockets, tcp_bound, on_this_machine && audience != Audience::Public);
    let (udp_bases, tcp_bases) = bases.now().map_err(|error| {
        StartError::Addresses(format!("this machine's addresses cannot be listed: {error}"))
    })?;
    let paths = addresses.paths;
    let gather = GatherConfig { bases: udp_bases, tcp_bases, map, audience, paths, servers };
    let candidates = local_candidates(&gather);
    if candidates.is_empty() && gather.servers.is_empty() {
        let text = "there is no address to offer to viewers; give one with --map, --public-ip or \
                    --udp-bind, or a server that finds one: --ice-server stun:HOST";
        return Err(StartError::Addresses(text.to_string()));
    }
    let notes = fewer.into_iter().chain(notes(&gather, &candidates)).collect();
    Ok(Bound { sockets, gather, candidates, resolved, bases, tcp, notes })
}

/// A map without any UDP is one for viewers over TCP alone, and says nothing about the UDP port.
fn check_bound(map: &PortMap, sockets: &Sockets) -> Result<(), StartError> {
    if !map.entries().iter().any(|entry| entry.protocol() == Protocol::Udp) {
        return Ok(());
    }
    map.check_bound(&sockets.ports())
        .map_err(|error| StartError::Addresses(format!("--map: {error}")))
}

/// The listener for viewers over TCP, where it is one of its own, and the addresses that the one
/// in use is bound to.
fn bind_tcp(
    addresses: &Addresses,
    http: &[SocketAddr],
) -> Result<(Option<TcpListener>, Vec<SocketAddr>), StartError> {
    let port = match addresses.tcp_port {
        TcpPort::Off => return Ok((None, Vec::new())),
        TcpPort::Http => return Ok((None, http.to_vec())),
        TcpPort::Own(port) => port,
    };
    let listening = match addresses.udp_bind {
        Some(address) => listen(SocketAddr::new(address, port)),
        // One listener of both families; a machine may have only the older.
        None => listen((Ipv6Addr::UNSPECIFIED, port).into())
            .or_else(|_| listen((Ipv4Addr::UNSPECIFIED, port).into())),
    };
    let listener = listening.map_err(|error| {
        let text = format!(
            "cannot listen on TCP port {port}: {error}; another program may use it: choose one \
             with --tcp-port, or none: --tcp-port off"
        );
        StartError::Addresses(text)
    })?;
    let bound = listened(&listener, listener.local_addr().ok());
    Ok((Some(listener), bound))
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    if address.is_ipv6() {
        socket.set_only_v6(false)?;
    }
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(LISTEN_BACKLOG)?;
    Ok(socket.into())
}

/// The addresses that a listener is bound to: one of all IPv6 addresses has those of IPv4 too,
/// unless it was told otherwise.
pub(super) fn listened(listener: &impl AsFd, address: Option<SocketAddr>) -> Vec<SocketAddr> {
    let both = |address: &SocketAddr| {
        address.is_ipv6()
            && address.ip().is_unspecified()
            && SockRef::from(listener).only_v6().is_ok_and(|only| !only)
    };
    let v4 = address.filter(both).map(|both| (Ipv4Addr::UNSPECIFIED, both.port()).into());
    v4.into_iter().chain(address).collect()
}

/// What is missing for viewers without UDP.
fn notes(gather: &GatherConfig, candidates: &[LocalCandidate]) -> Vec<String> {
    let over_tcp = candidates.iter().any(|candidate| candidate.protocol == Protocol::Tcp);
    let Some(base) = gather.tcp_bases.first() else { return Vec::new() };
    if gather.audience == Audience::Lan || gather.paths == Paths::Relay {
        return Vec::new();
    }
    let mapped = candidates.iter().any(|candidate| {
        candidate.protocol == Protocol::Tcp && candidate.kind != CandidateKind::Host
    });
    if mapped || (over_tcp && gather.audience == Audience::Public) {
        return Vec::new();
    }
    let port = base.port();
    vec![format!(
        "no TCP address outside: viewers without UDP need a TURN server, or TCP port {port} \
         forwarded and --map {port}/tcp=HOST:PORT"
    )]
}

/// Who is told what, where `--advertise` does not say.
pub(crate) fn audience(addresses: &Addresses, map: &PortMap, has_servers: bool) -> Audience {
    addresses.advertise.unwrap_or(match (map.is_empty(), has_servers) {
        (false, _) => Audience::Public,
        (true, true) => Audience::Both,
        (true, false) => Audience::Lan,
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
    use pinhole_runtime::Batching;

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

    #[test]
    fn runs_leave_in_no_better_way_than_was_said() {
        let here = Some(IpAddr::V4(Ipv4Addr::LOCALHOST));
        for (udp_send, words) in [
            (Batching::Sendmmsg, ", no GSO, sendmmsg, "),
            (Batching::Plain, ", no GSO, one datagram a call, "),
        ] {
            let addresses = Addresses { udp_bind: here, udp_send, ..Addresses::default() };
            let bound = bind(&addresses, &[], Vec::new(), 1).map_err(|error| error.to_string());
            let told = bound.unwrap().sockets.describe();
            assert!(told.contains(words), "{told}");
        }
    }
}
