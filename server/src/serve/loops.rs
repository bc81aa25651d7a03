//! How many event loops run, and the UDP port of each.
//!
//! Each loop has a port of its own, so that the system hands it its own viewers' datagrams and no
//! others. One port for several loops (SO_REUSEPORT) is not offered: the system would choose a loop
//! by the addresses of a datagram, which say nothing of its session, and every other datagram would
//! have to be handed over to another thread. One loop serves hundreds of viewers; whoever has more
//! forwards a second port.

use std::num::NonZeroUsize;
use std::thread::available_parallelism;

use pinhole_core::portmap::{Entry, PortMap, PortRange, Protocol};
use pinhole_runtime::{BindError, Sockets};

use crate::settings::{Addresses, Settings};

/// The loops that are wanted: what was asked for, or one for each core but that of the encoder. None
/// would be without a place for a viewer, and a recording is of one loop.
pub(super) fn wanted(settings: &Settings) -> usize {
    if settings.record.is_some() {
        return 1;
    }
    let cores = available_parallelism().map_or(1, NonZeroUsize::get);
    let count = settings.threads.unwrap_or(cores.saturating_sub(1));
    count.min(settings.max_viewers).max(1)
}

/// Binds a port for each loop after the first, as far as there are any. Returns what the operator
/// should hear where there are too few.
pub(super) fn bind_more(
    sockets: &mut Sockets,
    wanted: usize,
    addresses: &Addresses,
    map: &PortMap,
) -> Option<String> {
    let bound = match ports(addresses, map) {
        None => (1..wanted).try_for_each(|_| sockets.bind_also(addresses.udp_bind, None)),
        Some(ports) => bind_of(sockets, wanted, addresses, &ports),
    };
    let (count, why) = match (sockets.ports().len(), bound) {
        (count, _) if count >= wanted => return None,
        (count, Ok(())) => (count, "no more are there that are free and mapped".to_string()),
        (count, Err(error)) => (count, error.to_string()),
    };
    let run = if count == 1 { "one event loop runs".to_string() } else { format!("{count} run") };
    Some(format!(
        "{run} where {wanted} could: each needs a UDP port of its own, and {why} (--udp-ports, --map)"
    ))
}

/// The ports to choose from: those that were said, or that the map names; `None`: any.
fn ports(addresses: &Addresses, map: &PortMap) -> Option<Vec<u16>> {
    if let Some(range) = &addresses.udp_ports {
        return Some(range.clone().filter(|port| map.check_bound(&[*port]).is_ok()).collect());
    }
    let of_map = map.entries().iter().filter(|entry| entry.protocol() == Protocol::Udp);
    // An entry for all ports says nothing about which to use.
    let of_map = of_map.map(Entry::local_ports).filter(|ports| *ports != PortRange::ALL);
    let ports: Vec<u16> = of_map.flat_map(PortRange::ports).collect();
    (!ports.is_empty()).then_some(ports)
}

/// Of these ports, those that are free.
fn bind_of(
    sockets: &mut Sockets,
    wanted: usize,
    addresses: &Addresses,
    ports: &[u16],
) -> Result<(), BindError> {
    for port in ports {
        let bound = sockets.ports();
        if bound.len() >= wanted {
            break;
        }
        if bound.contains(port) {
            continue;
        }
        match sockets.bind_also(addresses.udp_bind, Some(*port..=*port)) {
            Ok(()) | Err(BindError::Taken { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr, UdpSocket};

    use pinhole_core::portmap::PortMap;

    use super::*;

    fn here(udp_ports: Option<std::ops::RangeInclusive<u16>>) -> Addresses {
        let udp_bind = Some(IpAddr::V4(Ipv4Addr::LOCALHOST));
        Addresses { udp_ports, udp_bind, ..Addresses::default() }
    }

    /// Binds as a start would; the bound ports, and what is said.
    fn bound(
        wanted: usize,
        range: Option<(u16, u16)>,
        map: &[String],
    ) -> (Vec<u16>, Option<String>) {
        let addresses = here(range.map(|(low, high)| low..=high));
        let map = PortMap::parse(map.iter().map(String::as_str)).unwrap();
        let first = ports(&addresses, &map).map(|ports| ports[0]..=ports[ports.len() - 1]);
        let mut sockets = Sockets::bind(addresses.udp_bind, first).unwrap();
        let note = bind_more(&mut sockets, wanted, &addresses, &map);
        (sockets.ports(), note)
    }

    /// Five ports in a row of which the third is taken, by the socket.
    fn five() -> (UdpSocket, u16) {
        loop {
            let taken = UdpSocket::bind("127.0.0.1:0").unwrap();
            let third = taken.local_addr().unwrap().port();
            let free = |port| UdpSocket::bind(("127.0.0.1", port)).is_ok();
            let around = [third - 2, third - 1, third.saturating_add(1), third.saturating_add(2)];
            if third < u16::MAX - 2 && around.into_iter().all(free) {
                return (taken, third - 2);
            }
        }
    }

    #[test]
    fn each_loop_has_a_port_and_any_will_do_where_none_is_said() {
        let (ports, note) = bound(3, None, &[]);
        assert_eq!((ports.len(), note), (3, None));
        let (ports, note) = bound(3, None, &["1-65535/udp=192.0.2.1:1-65535".to_string()]);
        assert_eq!((ports.len(), note), (3, None));
    }

    #[test]
    fn ports_that_are_taken_are_passed_over_and_too_few_are_told() {
        let (_taken, first) = five();
        let (ports, note) = bound(3, Some((first, first + 4)), &[]);
        assert_eq!((ports, note), (vec![first, first + 1, first + 3], None));

        let (ports, note) = bound(3, Some((first, first + 2)), &[]);
        assert_eq!(ports, [first, first + 1]);
        let told = note.unwrap();
        assert!(told.starts_with("2 run where 3 could: each needs a UDP port"), "{told}");
        let (_, note) = bound(2, Some((first, first)), &[]);
        assert!(note.unwrap().starts_with("one event loop runs where 2 could"));
    }

    #[test]
    fn only_ports_that_are_mapped_are_bound() {
        let (_taken, first) = five();
        let one = |port: u16| format!("{port}/udp=192.0.2.1:{port}");
        let map = [one(first), one(first + 1), one(first + 4)];
        let (ports, note) = bound(3, None, &map);
        assert_eq!((ports, note), (vec![first, first + 1, first + 4], None));

        let (ports, note) = bound(3, Some((first, first + 3)), &map);
        assert_eq!(ports, [first, first + 1]);
        assert!(note.is_some());
    }
}
