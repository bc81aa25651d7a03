#![allow(dead_code, missing_docs, clippy::needless_pass_by_value)]
use super::Credentials;
use crate::base::{SeedRng, WallClock};
use crate::wire::{DropReason, Envelope};
use std::net::SocketAddr;
use std::time::Instant;
pub(crate) enum Leg {
    Datagram,
    Stream,
}
pub(crate) enum Families {
    V4,
    V6,
    Both,
}
pub(crate) struct AllocationConfig {
    pub(crate) leg: Leg,
    pub(crate) server: SocketAddr,
    pub(crate) families: Families,
    pub(crate) credentials: Credentials,
    pub(crate) wall_clock: WallClock,
    pub(crate) rng: SeedRng,
}
pub(crate) struct Allocation(SocketAddr);
pub(crate) struct Relayed;
impl Relayed {
    pub(crate) fn iter(&self) -> impl Iterator<Item = SocketAddr> {
        None.into_iter()
    }
}
pub(crate) enum Received<'a> {
    Control,
    Data { relayed: SocketAddr, peer: SocketAddr, payload: &'a [u8] },
}
pub(crate) enum AllocationEvent {
    Allocated { relayed: Relayed, mapped: Option<SocketAddr> },
    Lost(u8),
    Refused { code: u16 },
    Moved(SocketAddr),
    Silent,
}
impl Allocation {
    pub(crate) fn new(_now: Instant, config: AllocationConfig) -> Allocation {
        Allocation(config.server)
    }
    pub(crate) fn server(&self) -> SocketAddr {
        self.0
    }
    pub(crate) fn handle_message<'a>(
        &mut self,
        _now: Instant,
        _m: &'a [u8],
    ) -> Result<Received<'a>, DropReason> {
        Ok(Received::Control)
    }
    pub(crate) fn handle_timeout(&mut self, _now: Instant) {}
    pub(crate) fn poll_transmit(&mut self, _now: Instant, _b: &mut [u8]) -> Option<usize> {
        None
    }
    pub(crate) fn poll_event(&mut self) -> Option<AllocationEvent> {
        None
    }
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        None
    }
    pub(crate) fn relayed(&self) -> impl Iterator<Item = SocketAddr> + use<> {
        None.into_iter()
    }
    pub(crate) fn wrap(
        &mut self,
        _now: Instant,
        _peer: SocketAddr,
        _len: usize,
    ) -> Option<Envelope> {
        None
    }
    pub(crate) fn add_peer(&mut self, _now: Instant, _peer: SocketAddr) {}
    pub(crate) fn reconnect(&mut self, _now: Instant) {}
    pub(crate) fn suspect(&mut self, _now: Instant) {}
}
pub(crate) fn next_message(_b: &[u8]) -> Result<Option<usize>, ()> {
    Ok(None)
}
