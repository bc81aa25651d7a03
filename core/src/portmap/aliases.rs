//! Settings of other servers that people already know: `NAT1TO1` and `EPR`.

use std::net::IpAddr;

use super::entry::Entry;
use super::error::PortMapError;
use super::range::PortRange;
use super::{PortMap, split_list};

/// Parses `NAT1TO1`: public addresses that reach the same ports here, separated by commas, each
/// perhaps for one local address only: `203.0.113.10` or `203.0.113.10/10.0.0.5`.
pub fn parse_nat1to1(text: &str) -> Result<PortMap, PortMapError> {
    let mut map = PortMap::default();
    for item in split_list(text) {
        let address = |text: &str| {
            let not_an_alias = || PortMapError::NotAnAlias { item: item.to_owned() };
            text.parse::<IpAddr>().map(|ip| ip.to_canonical()).map_err(|_| not_an_alias())
        };
        let (host, local_ip) = match item.split_once('/') {
            Some((host, local)) => (address(host)?, Some(address(local)?)),
            None => (address(item)?, None),
        };
        for entry in Entry::same_ports(local_ip, host) {
            map.push(entry.checked(item)?)?;
        }
    }
    Ok(map)
}

/// Parses `EPR`, the range of local UDP ports, as in `59000-59100`. Blanks around it are ignored.
pub fn parse_epr(text: &str) -> Result<PortRange, PortMapError> {
    text.trim().parse()
}
