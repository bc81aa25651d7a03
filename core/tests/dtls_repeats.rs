//! A flight that comes twice before its answer has left: the handshake ends all the same, without a
//! timeout, for clients that are `dimpl` too (str0m, and what is built on it).
#![allow(clippy::unwrap_used)]

mod support;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use pinhole_core::crypto_provider;
use str0m::crypto::dtls::{DtlsInstance, DtlsOutput, DtlsProvider, DtlsVersion};
use str0m::crypto::from_feature_flags;

/// Orders in which datagrams are taken and answers leave.
const ORDERS: u32 = 256;

struct Side {
    dtls: Box<dyn DtlsInstance>,
    leaving: VecDeque<Vec<u8>>,
    connected: bool,
}

impl Side {
    fn new(provider: &dyn DtlsProvider, now: Instant, active: bool) -> Side {
        let certificate = provider.generate_certificate().unwrap();
        let version = DtlsVersion::Dtls12;
        let mut dtls = provider.new_dtls(&certificate, now, version, Some(1_150)).unwrap();
        dtls.set_active(active);
        Side { dtls, leaving: VecDeque::new(), connected: false }
    }

    fn pass(&mut self, now: Instant) {
        self.dtls.handle_timeout(now).unwrap();
        let mut buffer = [0; 2_048];
        loop {
            match self.dtls.poll_output(&mut buffer) {
                DtlsOutput::Packet(packet) => self.leaving.push_back(packet.to_vec()),
                DtlsOutput::Connected => self.connected = true,
                DtlsOutput::Timeout(_) => return,
                _ => {}
            }
        }
    }
}

/// The next two bits of `order`: whether anything arrives in this turn, and whether two at once do.
fn take(now: Instant, from: &mut Side, to: &mut Side, order: &mut u32) {
    *order = order.rotate_left(2);
    let count = if *order & 1 == 0 { 0 } else { 1 + (*order >> 1 & 1) };
    for datagram in (0..count).filter_map(|_| from.leaving.pop_front()) {
        to.dtls.handle_packet(&datagram).unwrap();
    }
    to.pass(now);
}

fn connects(mut order: u32) -> bool {
    let mut now = support::start();
    let [theirs, ours] = [from_feature_flags(), (*crypto_provider()).clone()];
    let mut client = Side::new(theirs.dtls_provider, now, true);
    let mut server = Side::new(ours.dtls_provider, now, false);
    client.pass(now);
    server.pass(now);
    // No answer came: it says everything once more.
    now += Duration::from_millis(2_500);
    client.pass(now);

    for _ in 0..32 {
        take(now, &mut client, &mut server, &mut order);
        take(now, &mut server, &mut client, &mut order);
        now += Duration::from_micros(100);
    }
    client.connected && server.connected
}

#[test]
fn flights_that_come_twice_hold_nobody_up() {
    // Spread over all bits; both sides have a turn in any.
    let orders = (0..ORDERS).map(|index| index.wrapping_mul(0x9E37_79B9) | 0b101);
    let stuck: Vec<u32> = orders.filter(|order| !connects(*order)).collect();
    assert!(stuck.is_empty(), "{} of {ORDERS} hang: {stuck:x?}", stuck.len());
}
