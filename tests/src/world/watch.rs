//! What must hold at every moment, looked at while a world runs. What does not hold is a panic with
//! a sentence.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use pinhole_core::TimeoutReason;

use super::run::World;

/// What was seen so far.
#[derive(Debug, Default)]
pub(super) struct Watch {
    wakes: BTreeMap<TimeoutReason, u64>,
    /// The time of the last wake-up, and how many there were at that very time.
    last: Option<(Instant, u32)>,
}

/// Wake-ups without time passing after which a loop counts as spinning.
const WAKES_AT_ONCE_MAX: u32 = 200;
/// Wake-ups a second that a session may cost, frames apart: checks, consent, RTCP, retransmissions.
const WAKES_PER_SESSION_MAX: f64 = 60.0;
/// The same for the endpoint: servers, keyframes, diagnoses.
const WAKES_MAX: f64 = 60.0;

impl World {
    /// A datagram leaves the endpoint: from one of its sockets, within bounds.
    pub(super) fn check_transmit(&self, local: SocketAddr, remote: SocketAddr, bytes: &[u8]) {
        assert!(
            self.bases.contains(&local),
            "a datagram to {remote} leaves from {local}, which is not ours"
        );
        assert!(
            !bytes.is_empty() && bytes.len() <= DATAGRAM_BYTES_MAX,
            "{} bytes to {remote}",
            bytes.len()
        );
    }

    /// The endpoint was woken.
    pub(super) fn check_wake(&mut self, reason: TimeoutReason) {
        *self.watch.wakes.entry(reason).or_default() += 1;
        let now = self.now;
        let times = match self.watch.last {
            Some((at, times)) if at == now => times + 1,
            _ => 1,
        };
        self.watch.last = Some((now, times));
        assert!(
            times < WAKES_AT_ONCE_MAX,
            "woken {times} times at one moment, last for {reason:?}"
        );
    }

    /// An SDP or candidate was told to a viewer: it names nobody's private address.
    pub(super) fn check_told(&self, text: &str) {
        for word in text.split([' ', '\r', '\n', '=']) {
            if let Ok(address) = word.parse::<IpAddr>() {
                assert!(!is_private(address), "a private address is told: {address} in\n{text}");
            }
        }
    }

    /// At the end: bounds that only show over time.
    pub(super) fn check_totals(&self) {
        let limits = self.limits();
        let sessions = self.endpoint.sessions().len();
        assert!(sessions <= limits.sessions, "{sessions} sessions, {} allowed", limits.sessions);
        let seconds = (self.now - self.start).as_secs_f64().max(1.0);
        let viewers = self.viewers.len() as f64;
        let most = seconds * (WAKES_MAX + viewers * (WAKES_PER_SESSION_MAX + self.fps()));
        let wakes: u64 = self.watch.wakes.values().sum();
        assert!(wakes as f64 <= most, "{wakes} wake-ups in {seconds} s: {:?}", self.watch.wakes);
        if let Some(turn) = &self.turn {
            let held = turn.allocations();
            assert!(held <= ALLOCATIONS_MAX, "{held} allocations are held at one server");
        }
    }
}

/// The largest datagram of ours, 1200 bytes, in a Send indication.
const DATAGRAM_BYTES_MAX: usize = 1_236;
/// Allocations of one endpoint at one server: its own, and those that a NAT that forgot us left
/// there.
const ALLOCATIONS_MAX: usize = 12;

fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            let shared = v4.octets()[0] == 100 && (64..128).contains(&v4.octets()[1]);
            v4.is_private() || v4.is_loopback() || v4.is_link_local() || shared
        }
        IpAddr::V6(v6) => v6.is_loopback() || v6.is_unique_local() || v6.is_unicast_link_local(),
    }
}
