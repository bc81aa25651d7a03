//! What the endpoint lets in, and where its answers leave from.

#![allow(clippy::unwrap_used)]

mod support;

use pinhole_core::{Datagram, DropReason, Endpoint, OfferError, Transport};
use support::{World, address, config};

#[test]
fn a_reply_leaves_from_the_address_that_was_hit_though_it_is_not_offered() {
    let mut world = World::new();
    world.hit = Some(address("127.0.0.1:5000"));
    let (viewer, _) = world.join("192.0.2.7:6000", false);
    world.run_ms(400);
    assert!(world.viewers[viewer].connected);

    world.frame(true, 20_000);
    world.run_ms(100);

    assert_eq!(world.viewers[viewer].frames.len(), 1);
}

#[test]
fn only_an_authentic_check_opens_a_route() {
    let mut world = World::new();
    world.join("192.0.2.7:6000", true);
    let local = address(support::SERVER);
    let remote = address("203.0.113.9:1");
    let dtls = Datagram { local, remote, transport: Transport::Udp, payload: &[22, 1, 2, 3] };

    world.endpoint.handle_datagram(world.now, dtls);
    world.run_ms(300);
    let ufrag = world.viewers[0].server_ufrag();
    let forged = forged_check(&ufrag);
    world.endpoint.handle_datagram(world.now, Datagram { payload: &forged, ..dtls });
    let unknown = forged_check("nobody");
    world.endpoint.handle_datagram(world.now, Datagram { payload: &unknown, ..dtls });
    world.endpoint.handle_datagram(world.now, dtls);

    let dropped = world.endpoint.stats().dropped_total;
    let expected =
        [(DropReason::NoSession, 1), (DropReason::BadIntegrity, 1), (DropReason::NoRoute, 2)];
    assert_eq!(dropped, expected.into());
}

/// A check for `ufrag` by somebody who does not know its password.
fn forged_check(ufrag: &str) -> Vec<u8> {
    use stun_types::attribute::Username;
    use stun_types::message::{
        BINDING, IntegrityAlgorithm, Message, MessageClass, MessageType, MessageWrite,
        MessageWriteExt, MessageWriteVec, ShortTermCredentials, TransactionId,
    };
    let kind = MessageType::from_class_method(MessageClass::Request, BINDING);
    let id = TransactionId::from(7u128);
    let mut message = Message::builder(kind, id, MessageWriteVec::new());
    message.add_attribute(&Username::new(&format!("{ufrag}:theirs")).unwrap()).unwrap();
    let credentials = ShortTermCredentials::new("wrong".to_owned()).into();
    message.add_message_integrity(&credentials, IntegrityAlgorithm::Sha1).unwrap();
    message.add_fingerprint().unwrap();
    message.finish()
}

#[test]
fn hostile_datagrams_are_counted_and_change_nothing() {
    let mut world = World::new();
    let (viewer, _) = world.join("192.0.2.7:6000", true);
    world.run_ms(300);
    let local = address(support::SERVER);
    let known = address("192.0.2.7:6000");
    for remote in [known, address("203.0.113.9:1")] {
        for first in 0..=255u8 {
            for length in [1, 2, 12, 20, 21, 64, 1_200] {
                let payload = vec![first; length];
                let datagram =
                    Datagram { local, remote, transport: Transport::Udp, payload: &payload };
                world.endpoint.handle_datagram(world.now, datagram);
                world.settle();
            }
        }
    }
    world.run_ms(50);

    assert_eq!(world.frame(true, 5_000).viewers, 1, "{:?}", world.states());
    world.run_ms(100);
    assert_eq!(world.viewers[viewer].frames.len(), 1);
    let dropped: u64 = world.endpoint.stats().dropped_total.values().sum();
    assert!(dropped > 2_000, "{dropped}");
}

#[test]
fn the_place_of_a_closed_session_is_free_at_once() {
    let mut world = World::new();
    let sessions: Vec<_> =
        (0..8).map(|index| world.join(&format!("192.0.2.7:{}", 6_000 + index), true).1).collect();
    let offer = support::Viewer::new(world.now, "192.0.2.7:7000", true).offer;

    assert!(world.endpoint.close(world.now, sessions[3]));

    assert!(world.endpoint.accept_offer(world.now, &offer).is_ok());
    let refused = world.endpoint.accept_offer(world.now, &offer);
    assert_eq!(refused, Err(OfferError::TooManyViewers(8)));
}

#[test]
fn places_are_limited_and_the_refusal_says_so() {
    let mut world = World::new();
    for index in 0..8 {
        world.join(&format!("192.0.2.7:{}", 6_000 + index), true);
    }
    let offer = support::Viewer::new(world.now, "192.0.2.7:7000", true).offer;

    let refused = world.endpoint.accept_offer(world.now, &offer);

    assert_eq!(refused, Err(OfferError::TooManyViewers(8)));
    let long = "v=0\r\n".repeat(60_000);
    let refused = world.endpoint.accept_offer(world.now, &long);
    assert_eq!(refused, Err(OfferError::TooLong(300_000, 262_144)));
    assert!(
        Endpoint::new(
            world.now,
            pinhole_core::EndpointConfig {
                gather: pinhole_core::gather::GatherConfig::lan(vec![]),
                ..config(world.now)
            }
        )
        .is_err()
    );
}

#[test]
fn a_server_on_loopback_alone_serves_a_viewer_at_another_address_of_the_machine() {
    let now = support::start();
    let loopback = pinhole_core::gather::GatherConfig::lan(vec![address("127.0.0.1:5000")]);
    let mut world =
        World::with(now, pinhole_core::EndpointConfig { gather: loopback, ..config(now) });
    let (viewer, _) = world.join("192.0.2.7:6000", true);

    world.run_ms(400);

    assert!(world.viewers[viewer].connected);
}
