//! What the machines of NAT discovery have in common, for shells that drive both.

use std::net::SocketAddr;
use std::time::Instant;

use pinhole_core::DropReason;
use pinhole_core::stun::{
    Discovery, LifetimeDiscovery, LifetimeReport, NatReport, ProbeTransmit, SocketId,
};

/// A machine that asks STUN servers and reports once. The methods are those of the machines.
pub trait Discoverer {
    /// What it finds out.
    type Report;
    /// A datagram came in.
    ///
    /// # Errors
    /// Why it was dropped.
    fn handle_datagram(
        &mut self,
        now: Instant,
        socket: SocketId,
        from: SocketAddr,
        payload: &[u8],
    ) -> Result<(), DropReason>;
    /// Time has passed.
    fn handle_timeout(&mut self, now: Instant);
    /// The next datagram.
    fn poll_transmit(&mut self, buffer: &mut [u8]) -> Option<ProbeTransmit>;
    /// The report.
    fn poll_event(&mut self) -> Option<Self::Report>;
    /// The next deadline.
    fn poll_timeout(&self) -> Option<Instant>;
}

macro_rules! discoverer {
    ($machine:ident, $report:ident) => {
        impl Discoverer for $machine {
            type Report = $report;

            fn handle_datagram(
                &mut self,
                now: Instant,
                socket: SocketId,
                from: SocketAddr,
                payload: &[u8],
            ) -> Result<(), DropReason> {
                $machine::handle_datagram(self, now, socket, from, payload)
            }

            fn handle_timeout(&mut self, now: Instant) {
                $machine::handle_timeout(self, now);
            }

            fn poll_transmit(&mut self, buffer: &mut [u8]) -> Option<ProbeTransmit> {
                $machine::poll_transmit(self, buffer)
            }

            fn poll_event(&mut self) -> Option<$report> {
                $machine::poll_event(self)
            }

            fn poll_timeout(&self) -> Option<Instant> {
                $machine::poll_timeout(self)
            }
        }
    };
}

discoverer!(Discovery, NatReport);
discoverer!(LifetimeDiscovery, LifetimeReport);
