//! The checked map of internal to external addresses.
use std::net::{IpAddr, SocketAddr};

/// A checked map; empty by default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PortMap {}

/// Why a map is refused; its text says what is wrong and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PortMapError {
    /// Placeholder.
    #[error("stub")]
    Stub,
}

impl PortMap {
    /// Parses entries as `--map` takes them: `LOCAL[-LOCAL]/udp=HOST:PORT[-PORT]`. Hosts must be IP addresses here.
    pub fn parse<'a>(_entries: impl IntoIterator<Item = &'a str>) -> Result<PortMap, PortMapError> {
        unimplemented!()
    }
    /// `--public-ip ADDR`: every local port to the same port of `address`.
    pub fn same_ports(_address: IpAddr) -> PortMap {
        unimplemented!()
    }
    /// Adds the entries of another map; refused where the two overlap.
    pub fn merge(self, _other: PortMap) -> Result<PortMap, PortMapError> {
        unimplemented!()
    }
    /// Whether nothing is mapped.
    pub fn is_empty(&self) -> bool {
        unimplemented!()
    }
    /// The outside addresses of a local UDP socket address.
    pub fn external(&self, _base: SocketAddr) -> Vec<SocketAddr> {
        unimplemented!()
    }
    /// Refuses a map that says nothing about one of the bound ports.
    pub fn check_bound(&self, _ports: &[u16]) -> Result<(), PortMapError> {
        unimplemented!()
    }
}
