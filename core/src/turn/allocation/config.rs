//! What an allocation is made from.

use std::net::SocketAddr;

use crate::base::{Seed, SeedRng, WallClock};
use crate::turn::Credentials;
use crate::turn::message::{ADDITIONAL_ADDRESS_FAMILY, REQUESTED_ADDRESS_FAMILY};

/// How messages reach the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leg {
    /// As datagrams: requests are sent again, ChannelData is not padded.
    Datagram,
    /// In a stream, TCP or TLS: requests are sent once, ChannelData is padded to four bytes.
    Stream,
}

/// The families of the relayed addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Families {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
    /// Both, or the one that the server has.
    Both,
}

/// One way to ask for families.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FamilyRequest {
    /// By saying nothing: every server has it.
    V4,
    V6,
    Dual,
}

impl Families {
    /// The ways to ask for them, the best first.
    pub(super) fn ways(self) -> &'static [FamilyRequest] {
        match self {
            Families::V4 => &[FamilyRequest::V4],
            Families::V6 => &[FamilyRequest::V6],
            Families::Both => &[FamilyRequest::Dual, FamilyRequest::V4, FamilyRequest::V6],
        }
    }
}

impl FamilyRequest {
    /// The attribute that asks for IPv6 in this way.
    pub(super) fn attribute(self) -> Option<u16> {
        match self {
            FamilyRequest::V4 => None,
            FamilyRequest::V6 => Some(REQUESTED_ADDRESS_FAMILY),
            FamilyRequest::Dual => Some(ADDITIONAL_ADDRESS_FAMILY),
        }
    }
}

/// What an allocation is made from.
pub struct AllocationConfig {
    pub(crate) leg: Leg,
    pub(crate) server: SocketAddr,
    pub(crate) families: Families,
    pub(crate) credentials: Credentials,
    pub(crate) wall_clock: WallClock,
    pub(crate) rng: SeedRng,
}

impl AllocationConfig {
    /// From a seed that nothing else uses.
    pub fn new(
        leg: Leg,
        server: SocketAddr,
        families: Families,
        credentials: Credentials,
        wall_clock: WallClock,
        seed: &Seed,
    ) -> AllocationConfig {
        AllocationConfig { leg, server, families, credentials, wall_clock, rng: seed.rng() }
    }
}

impl std::fmt::Debug for AllocationConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AllocationConfig")
            .field("leg", &self.leg)
            .field("server", &self.server)
            .field("families", &self.families)
            .field("credentials", &self.credentials)
            .finish_non_exhaustive()
    }
}
