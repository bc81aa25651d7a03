//! Permissions and channels.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::server::{CHANNEL, Guard, PERMISSION, Server};
use super::world::{World, address, long_term, peer};
use crate::turn::framing::ChannelNumber;
use crate::turn::peers::{PEERS_MAX, Peers, Way};
use crate::turn::transactions::PEER_REQUESTS_MAX;
use crate::turn::{Families, Leg, Received};
use crate::wire::DropReason;

/// Peers without an allocation around them, all of whose wishes are granted.
fn granted(peers: &mut Peers, now: Instant) {
    while let Some(want) = peers.next_wanted(now) {
        peers.on_granted(now, want);
    }
}

#[test]
fn a_channel_is_used_until_its_binding_may_have_ended_and_not_then() {
    let (mut peers, now) = (Peers::new(), crate::test_clock());
    assert_eq!(peers.way(now, peer(1)), Some(Way::Indication));
    granted(&mut peers, now);

    let number = peers.number_of(peer(1)).unwrap();
    let ends = now + Duration::from_secs(590);
    assert_eq!(peers.way(ends - Duration::from_nanos(1), peer(1)), Some(Way::Channel(number)));
    assert_eq!(peers.way(ends, peer(1)), Some(Way::Indication));
}

#[test]
fn a_peer_is_out_of_use_after_three_minutes() {
    let (mut peers, now) = (Peers::new(), crate::test_clock());
    peers.permit(now, peer(1).ip());
    granted(&mut peers, now);
    // Looked at when the permission is to be refreshed.
    let refresh = now + Duration::from_secs(240);
    peers.permit(refresh - Duration::from_secs(180), peer(1).ip());
    peers.handle_timeout(refresh);

    assert!(!peers.allows(peer(1).ip()) && !peers.has_wanted());
}

#[test]
fn a_number_that_is_taken_is_passed_over_and_none_is_had_twice() {
    let (mut peers, now) = (Peers::new(), crate::test_clock());
    let elsewhere = |port: usize| SocketAddr::from(([198, 51, 100, 9], port as u16));
    peers.way(now, peer(1));
    for port in 1..ChannelNumber::COUNT {
        peers.way(now, elsewhere(port));
        assert!(peers.number_of(elsewhere(port)).is_some(), "{port}");
    }
    peers.way(now, peer(2));
    assert_eq!(peers.number_of(peer(2)), None, "there are no more");
    granted(&mut peers, now);

    peers.on_allocation(now, |ip| ip == peer(1).ip());
    peers.way(now, elsewhere(7));
    assert_eq!(peers.number_of(peer(1)), Some(ChannelNumber::FIRST));
    assert_eq!(peers.number_of(elsewhere(7)), Some(ChannelNumber::FIRST.next()));
}

fn up() -> World {
    let mut world = World::new(Server::new(Guard::Sha1));
    world.run_ms(100);
    world
}

#[test]
fn data_goes_as_an_indication_until_the_channel_is_bound() {
    let mut world = up();

    assert_eq!(world.send(peer(1), b"a"), Some(36));
    world.run_ms(30);
    assert_eq!(world.send(peer(1), b"b"), Some(4));
    world.run_ms(30);

    assert_eq!(world.delivered.last().unwrap().2, b"b");
    assert_eq!(world.client.wrap(world.now, peer(1), 5).unwrap().padding(), 0);
}

#[test]
fn a_new_allocation_knows_no_channel_of_the_old() {
    let mut world = up();
    world.talk(peer(1), 1);
    assert_eq!(world.send(peer(1), b"a"), Some(4));
    world.client.reconnect(world.now);
    while world.story().len() < 3 {
        assert_eq!(world.send(peer(1), b"b"), None);
        world.run_ms(1);
    }

    assert_eq!(world.send(peer(1), b"c"), Some(36));
    world.run_ms(30);
    assert_eq!(world.send(peer(1), b"d"), Some(4));
    assert_eq!(world.server().faults, Vec::<String>::new());
}

#[test]
fn on_a_stream_channel_data_is_padded() {
    let server = Server::new(Guard::Sha1);
    let mut world = World::with(server, long_term(), Families::V4, Leg::Stream, 1);
    world.talk(peer(1), 1);

    let envelope = world.client.wrap(world.now, peer(1), 5).unwrap();

    assert_eq!((envelope.prefix().len(), envelope.padding()), (4, 3));
    assert!(world.delivered.iter().any(|(.., payload)| payload == b"media"));
}

#[test]
fn data_is_taken_from_permitted_peers_only_and_where_it_lies() {
    let mut world = up();
    world.client.add_peer(world.now, peer(1));
    world.talk(peer(2), 1);
    let relayed = world.client.relayed().next().unwrap();
    let now = world.now;

    let indication = |from: SocketAddr| {
        let (value, len) = crate::turn::message::xor_address(from, 7);
        let mut writer = crate::turn::message::Writer::new(0x0017, 7);
        writer.attribute(0x0012, &value[..len]);
        writer.attribute(0x0013, b"hello");
        writer.finish()
    };
    let data = |peer, payload| Ok(Received::Data { relayed, peer, payload });
    let bytes = indication(peer(1));
    assert_eq!(world.client.handle_message(now, &bytes), data(peer(1), b"hello"));
    let bytes = indication(peer(9));
    assert_eq!(world.client.handle_message(now, &bytes), Err(DropReason::NoRoute));
    let bytes = indication(address("[2001:db8::1]:1"));
    assert_eq!(world.client.handle_message(now, &bytes), Err(DropReason::NoRoute));
    let channel = [0x40, 0, 0, 2, b'h', b'i'];
    assert_eq!(world.client.handle_message(now, &channel), data(peer(2), b"hi"));
    for (bad, why) in [
        (&[0x40, 0, 0, 3, b'h', b'i'][..], DropReason::Malformed),
        (&[0x40, 1, 0, 2, b'h', b'i'], DropReason::NoRoute),
        (&[0x50, 0, 0, 2, b'h', b'i'], DropReason::Unknown),
        (&[0, 0x17, 0, 0], DropReason::BadStun),
        (&[], DropReason::Unknown),
    ] {
        assert_eq!(world.client.handle_message(now, bad), Err(why), "{bad:?}");
    }
}

#[test]
fn private_peers_are_never_asked_for_at_a_public_server() {
    let mut world = up();
    for private in ["10.0.0.1:1", "192.168.1.1:1", "127.0.0.1:1", "100.64.0.1:1", "0.0.0.0:1"] {
        world.client.add_peer(world.now, address(private));
        assert_eq!(world.send(address(private), b"x"), None, "{private}");
    }
    world.run_ms(1_000);
    assert_eq!(world.server().count(PERMISSION), 0);

    // Told before there was an allocation that says where the server is.
    let mut world = World::new(Server::new(Guard::Sha1));
    world.client.add_peer(world.now, address("10.0.0.1:1"));
    world.client.add_peer(world.now, peer(1));
    world.run_ms(1_000);
    assert_eq!(world.server().count(PERMISSION), 1);

    let mut server = Server::new(Guard::Sha1);
    server.relays = vec!["10.9.9.9".parse().unwrap()];
    let mut world = World::new(server);
    world.talk(address("10.0.0.1:1"), 1);
    assert!(!world.delivered.is_empty());
}

#[test]
fn a_peer_in_use_keeps_its_permission_and_channel_for_hours() {
    let mut world = up();
    world.talk(peer(1), 1);
    for _ in 0..7_200 / 5 {
        assert_eq!(world.send(peer(1), b"media"), Some(4), "at {} s", world.seconds());
        world.run_ms(5_000);
    }

    assert!(world.delivered.len() >= 1_440, "{}", world.delivered.len());
    assert_eq!(world.story(), ["allocated"]);
    assert_eq!(world.server().faults, Vec::<String>::new());
    let (permissions, channels) = (world.server().count(PERMISSION), world.server().count(CHANNEL));
    assert_eq!((permissions, channels), (31, 16));
}

#[test]
fn an_idle_peer_lapses_and_comes_back_under_its_number() {
    let mut world = up();
    world.talk(peer(1), 1);
    world.talk(peer(2), 1);
    world.run(Duration::from_secs(700));
    let asked = world.server().count(PERMISSION) + world.server().count(CHANNEL);
    assert_eq!(asked, 4, "nothing is refreshed for those who are idle");

    world.talk(peer(3), 1);
    world.talk(peer(2), 1);

    let of = |peer| {
        let seen = world.servers[&super::world::home()].seen.iter();
        let of = seen.filter(|it| it.method == CHANNEL && it.peer == Some(peer));
        of.map(|it| it.channel.unwrap()).collect::<Vec<_>>()
    };
    assert_eq!((of(peer(1)), of(peer(2))), (vec![0x4000], vec![0x4001, 0x4001]));
    assert_eq!(of(peer(3)), [0x4002]);
    assert_eq!(world.server().faults, Vec::<String>::new());
}

#[test]
fn numbers_are_not_given_to_others_before_their_time() {
    let mut world = up();
    for index in 0..4_096 {
        world.send(peer(index), b"x");
        world.run_ms(25);
    }
    world.run_ms(1_000);
    let numbers: BTreeSet<u16> = world.server().seen.iter().filter_map(|it| it.channel).collect();
    assert_eq!(numbers.len(), 4_096);
    // None is left: indications, and no request that the server would refuse.
    world.talk(peer(5_000), 1);
    assert_eq!(world.send(peer(5_000), b"x"), Some(36));
    world.run(Duration::from_secs(1_000));
    world.talk(peer(6_000), 1);

    assert_eq!(world.send(peer(6_000), b"x"), Some(4));
    assert_eq!(world.server().faults, Vec::<String>::new());
    assert_eq!(world.story(), ["allocated"]);
}

#[test]
fn a_channel_that_is_refused_is_done_without_and_tried_again() {
    let mut world = up();
    world.server().scripted.push_back((CHANNEL, 508));
    world.talk(peer(1), 30);
    assert_eq!(world.send(peer(1), b"x"), Some(36));
    assert_eq!(world.server().count(CHANNEL), 1);

    world.talk(peer(1), 40);

    assert_eq!(world.send(peer(1), b"x"), Some(4));
    let numbers: Vec<_> = world.server().seen.iter().filter_map(|it| it.channel).collect();
    assert_eq!(numbers, [0x4000, 0x4000]);
}

#[test]
fn a_refused_peer_is_not_sent_to_and_disturbs_no_other() {
    for code in [403, 443] {
        let mut world = up();
        world.server().scripted.extend([(PERMISSION, code), (CHANNEL, code)]);
        world.send(peer(1), b"x");
        world.run_ms(100);

        assert_eq!(world.send(peer(1), b"x"), None);
        world.talk(peer(2), 1);
        assert_eq!(world.send(peer(2), b"x"), Some(4));
        // The permission, then the channel.
        let refused = format!("peer refused: {} {code}", peer(1).ip());
        assert_eq!(world.story(), ["allocated", &refused, &refused]);
    }
}

#[test]
fn a_flood_of_peers_is_paced_and_bounded() {
    let mut world = up();
    let before = world.sent.len();
    for index in 0..3_000 {
        world.client.add_peer(world.now, peer(index));
    }
    world.run_ms(1);
    assert_eq!(world.sent.len() - before, PEER_REQUESTS_MAX);

    world.run(Duration::from_secs(10));

    // The first were asked for at once; the others are those told last.
    let asked = world.server().count(PERMISSION);
    assert!((PEERS_MAX..=PEERS_MAX + PEER_REQUESTS_MAX).contains(&asked), "{asked}");
    assert!(
        world.server().seen.iter().any(|it| it.peer.is_some_and(|it| it.ip() == peer(2_999).ip()))
    );
}

#[test]
fn peers_that_were_told_before_are_permitted_with_the_allocation() {
    let mut world = World::new(Server::new(Guard::Sha1));
    world.client.add_peer(world.now, peer(1));
    world.run_ms(100);

    let grant = world.server().grants.values().next().unwrap();
    assert!(grant.permissions.contains_key(&peer(1).ip()));
    assert_eq!(world.sent[2].0, Duration::from_millis(40), "with the grant, at once");
}
