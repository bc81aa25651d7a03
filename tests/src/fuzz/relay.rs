//! What a TURN server, or somebody in its place, sends to an allocation.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use pinhole_core::turn::{
    Allocation, AllocationConfig, Credentials, Families, Leg, Received, next_message,
};
use pinhole_core::{Seed, WallClock};

/// Messages of one input.
const MESSAGES_MAX: usize = 64;
/// Where a transaction id stands in a STUN message.
const ID: std::ops::Range<usize> = 8..20;

/// Messages, each behind a byte of flags and two of length. Flag 1: it answers the last request, by its id; 2: the
/// clock goes on first; 4: something is sent to a peer first. Payload lies inside of its message, prefixes have their
/// lengths, and what is asked of the server stays bounded.
pub fn allocation(data: &[u8]) {
    let mut now = Instant::now();
    let peer = SocketAddr::from(([192, 0, 2, 9], 9));
    let mut client = client(now);
    let mut id = [0; 12];
    drain(&mut client, now, &mut id);
    let mut rest = data;
    for _ in 0..MESSAGES_MAX {
        let Some((&[flags, high, low], after)) = rest.split_first_chunk() else { return };
        let length = usize::from(u16::from_be_bytes([high, low])).min(after.len());
        let (message, after) = after.split_at(length);
        rest = after;
        let mut message = message.to_vec();
        if flags & 1 != 0
            && let Some(place) = message.get_mut(ID)
        {
            place.copy_from_slice(&id);
        }
        if flags & 2 != 0 {
            now = client.poll_timeout().map_or(now, |at| at.max(now)) + Duration::from_millis(1);
            client.handle_timeout(now);
        }
        if flags & 4 != 0
            && let Some(envelope) = client.wrap(now, peer, message.len())
        {
            assert!(matches!(envelope.prefix().len(), 4 | 36 | 48));
        }
        if let Ok(Some(next)) = next_message(&message) {
            assert!(next >= 4 && next.is_multiple_of(4), "{next}");
        }
        if let Ok(Received::Data { payload, .. }) = client.handle_message(now, &message) {
            let inside = message.as_ptr_range();
            assert!(payload.is_empty() || inside.contains(&payload.as_ptr()));
            assert!(payload.len() < message.len());
        }
        drain(&mut client, now, &mut id);
    }
}

fn client(now: Instant) -> Allocation {
    let wall_clock = WallClock { unix: Duration::from_secs(1), at: now };
    let credentials = Credentials::LongTerm { username: "user".into(), password: "pass".into() };
    let server = SocketAddr::from(([203, 0, 113, 1], 3478));
    let seed = Seed::new([1; 32]);
    let (leg, families) = (Leg::Datagram, Families::Both);
    let config = AllocationConfig::new(leg, server, families, credentials, wall_clock, &seed);
    Allocation::new(now, config)
}

/// Takes what is to be sent, and keeps the last transaction id.
fn drain(client: &mut Allocation, now: Instant, id: &mut [u8; 12]) {
    let mut buffer = [0; 4096];
    let mut sent = 0;
    while let Some(len) = client.poll_transmit(now, &mut buffer) {
        sent += 1;
        assert!((20..=buffer.len()).contains(&len) && sent < 32, "{sent} requests at once");
        id.copy_from_slice(&buffer[ID]);
    }
    while client.poll_event().is_some() {}
    assert!(client.relayed().count() <= 2);
}
