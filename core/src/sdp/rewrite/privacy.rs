//! Which addresses a public audience must not see.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::portmap::PortMap;

/// What counts as private, and what an operator has declared to be outside all the same.
#[derive(Debug, Clone, Copy)]
pub(super) struct Privacy<'a> {
    map: &'a PortMap,
}

impl<'a> Privacy<'a> {
    pub(super) fn new(map: &'a PortMap) -> Privacy<'a> {
        Privacy { map }
    }

    /// Whether the address must not be seen: it is private, and the map does not name it as an
    /// outside address. (On a campus or in a VPN, "outside" may well be 10.0.0.0/8.)
    pub(super) fn hides(self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        is_private(address) && self.map.entries().iter().all(|entry| entry.host() != address)
    }
}

/// Whether an address means something only near its host: RFC 1918, RFC 6598 (100.64.0.0/10),
/// loopback, link-local, unique local (RFC 4193) and the site-local addresses before it, and each
/// of the IPv4 ones in a form of IPv6 (mapped, compatible, RFC 6052). The unspecified address is
/// none: it is what private ones are replaced by.
pub fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => is_private_v4(v4),
        IpAddr::V6(v6) => {
            let local = v6.is_loopback() || v6.is_unicast_link_local() || v6.is_unique_local();
            let site_local = v6.segments()[0] & 0xffc0 == 0xfec0;
            local || site_local || embedded_v4(v6).is_some_and(is_private_v4)
        }
    }
}

fn is_private_v4(v4: Ipv4Addr) -> bool {
    let [first, second, ..] = v4.octets();
    let shared = first == 100 && second & 0xc0 == 64;
    v4.is_private() || shared || v4.is_loopback() || v4.is_link_local()
}

/// The IPv4 address inside ::ffff:0:0/96, ::/96 or 64:ff9b::/96.
fn embedded_v4(v6: Ipv6Addr) -> Option<Ipv4Addr> {
    let [a, b, c, d, e, f, high, low] = v6.segments();
    let embeds =
        matches!([a, b, c, d, e, f], [0, 0, 0, 0, 0, 0 | 0xffff] | [0x64, 0xff9b, 0, 0, 0, 0]);
    let [[a, b], [c, d]] = [high.to_be_bytes(), low.to_be_bytes()];
    embeds.then(|| Ipv4Addr::new(a, b, c, d))
}

/// What stands where a private address stood.
pub(super) fn unspecified(v6: bool) -> IpAddr {
    if v6 { Ipv6Addr::UNSPECIFIED.into() } else { Ipv4Addr::UNSPECIFIED.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_addresses_are_those_that_lead_nowhere_from_outside() {
        let private = [
            "10.0.0.0",
            "10.255.255.255",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.0.1",
            "100.64.0.0",
            "100.127.255.255",
            "127.0.0.1",
            "127.9.9.9",
            "169.254.1.1",
            "::1",
            "fe80::1",
            "febf::1",
            "fc00::1",
            "fdff::1",
            "fec0::1",
            "::ffff:10.0.0.5",
            "::ffff:127.0.0.1",
            "::10.0.0.5",
            "64:ff9b::192.168.1.1",
        ];
        let public = [
            "9.255.255.255",
            "11.0.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "192.167.1.1",
            "192.169.0.1",
            "100.63.255.255",
            "100.128.0.0",
            "128.0.0.1",
            "169.253.1.1",
            "203.0.113.10",
            "0.0.0.0",
            "::",
            "2001:db8::1",
            "2600:1f18:fe80::1",
            "ff02::1",
            "::ffff:203.0.113.10",
            "64:ff9b::203.0.113.10",
            "fbff::1",
            "fe7f::1",
        ];
        for (addresses, expected) in [(&private[..], true), (&public[..], false)] {
            for text in addresses {
                assert_eq!(is_private(text.parse().unwrap()), expected, "{text}");
            }
        }
    }

    #[test]
    fn what_the_map_calls_outside_may_be_seen() {
        let map = PortMap::parse(["5000/udp=10.9.0.1:30000"]).unwrap();
        let hides = |text: &str| Privacy::new(&map).hides(text.parse().unwrap());
        assert!(!hides("10.9.0.1") && !hides("::ffff:10.9.0.1"));
        assert!(hides("10.9.0.2") && !hides("203.0.113.10"));
    }
}
