//! Which addresses of this machine viewers may be told.
use std::net::IpAddr;

use if_addrs::Interface;

/// Names of interfaces that lead into this machine itself: bridges and the host's ends of links to
/// containers and virtual machines. No viewer is behind them, and each would cost every viewer a
/// candidate that never answers.
const VIRTUAL: [&str; 12] = [
    "br-", "cali", "cni", "docker", "flannel", "kube-", "lxcbr", "lxdbr", "podman", "veth",
    "virbr", "vnet",
];

/// Addresses told at most; each makes candidate pairs with each of a viewer's. Later ones are left out.
const ADDRESSES_MAX: usize = 16;

/// The usable addresses among `interfaces`: IPv4 before IPv6, each in order, none twice. Loopback
/// only where `loopback` asks for it (then last) or where there is nothing else.
pub(crate) fn usable(interfaces: &[Interface], loopback: bool) -> Vec<IpAddr> {
    let (inner, mut outer): (Vec<IpAddr>, Vec<IpAddr>) = interfaces
        .iter()
        .filter(|interface| !is_virtual(&interface.name) && !interface.is_link_local())
        .map(Interface::ip)
        .filter(|address| !address.is_unspecified() && !address.is_multicast())
        .partition(IpAddr::is_loopback);
    // `IpAddr` orders IPv4 before IPv6.
    outer.sort_unstable();
    outer.dedup();
    outer.truncate(ADDRESSES_MAX);
    if loopback || outer.is_empty() {
        // 127.0.0.0/8 may hold several; the first is the one that everybody means.
        outer.extend(inner.iter().filter(|address| address.is_ipv4()).min());
        outer.extend(inner.iter().filter(|address| address.is_ipv6()).min());
    }
    outer
}

fn is_virtual(name: &str) -> bool {
    VIRTUAL.iter().any(|prefix| name.starts_with(prefix))
}

/// One interface, for tests.
#[cfg(test)]
pub(crate) fn interface(name: &str, address: &str) -> Interface {
    use if_addrs::{IfAddr, IfOperStatus, Ifv4Addr, Ifv6Addr};

    let addr = match address.parse().unwrap() {
        IpAddr::V4(ip) => {
            let netmask = [255, 255, 255, 0].into();
            IfAddr::V4(Ifv4Addr { ip, netmask, prefixlen: 24, broadcast: None })
        }
        IpAddr::V6(ip) => {
            let netmask = 0.into();
            IfAddr::V6(Ifv6Addr { ip, netmask, prefixlen: 64, broadcast: None })
        }
    };
    let oper_status = IfOperStatus::Up;
    Interface { name: name.to_owned(), addr, index: None, oper_status, is_p2p: false }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(interfaces: &[Interface], loopback: bool) -> Vec<String> {
        usable(interfaces, loopback).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn viewers_are_told_real_interfaces_ipv4_first() {
        let interfaces = [
            interface("lo", "127.0.0.1"),
            interface("lo", "::1"),
            interface("eth0", "2001:db8::5"),
            interface("eth0", "fe80::1"),
            interface("wlan0", "192.168.7.9"),
            interface("eth0", "10.0.0.5"),
            interface("eth1", "169.254.3.4"),
            interface("docker0", "172.17.0.1"),
            interface("br-1f2e", "172.18.0.1"),
            interface("veth12", "172.19.0.1"),
            interface("virbr0", "192.168.122.1"),
        ];

        assert_eq!(told(&interfaces, false), ["10.0.0.5", "192.168.7.9", "2001:db8::5"]);
        assert_eq!(
            told(&interfaces, true),
            ["10.0.0.5", "192.168.7.9", "2001:db8::5", "127.0.0.1", "::1"]
        );
    }

    #[test]
    fn loopback_is_told_where_it_is_all_there_is() {
        let interfaces = [
            interface("lo", "::1"),
            interface("lo", "127.0.0.1"),
            interface("docker0", "172.17.0.1"),
        ];

        assert_eq!(told(&interfaces, false), ["127.0.0.1", "::1"]);
    }

    #[test]
    fn a_machine_with_a_thousand_addresses_tells_a_few() {
        let interfaces: Vec<_> = (0..1000)
            .map(|n| interface("eth0", &format!("10.0.{}.{}", n / 250, n % 250 + 1)))
            .collect();

        assert_eq!(usable(&interfaces, false).len(), ADDRESSES_MAX);
    }
}
