//! Allocations that are refused, moved, lost and found.

use std::time::Duration;

use super::server::{ALLOCATE, CHANNEL, Guard, PERMISSION, REFRESH, Server};
use super::world::{World, home, long_term, peer, second};
use crate::turn::{AllocationEvent, Families, Leg, LossCause};
use crate::wire::DropReason;

fn talking() -> World {
    let mut world = World::new(Server::new(Guard::Sha1));
    world.talk(peer(1), 5);
    assert_eq!(world.story(), ["allocated"]);
    world
}

fn now(world: &World) -> Duration {
    world.now - world.start
}

#[test]
fn a_restarted_server_relays_again_within_five_seconds() {
    for down_ms in [0, 500, 1_000, 2_000] {
        let mut world = talking();
        let numbers: Vec<u16> =
            world.server().grants.values().next().unwrap().channels.keys().copied().collect();
        let since = now(&world);
        world.server().is_up = down_ms == 0;
        world.server().restart();
        for _ in 0..down_ms / 100 {
            world.send(peer(1), b"media");
            world.run_ms(100);
        }
        world.server().is_up = true;

        world.talk(peer(1), 6);

        let back = world.back_after(since, peer(1)).unwrap();
        assert!(back < Duration::from_secs(5), "down for {down_ms} ms: back after {back:?}");
        assert_eq!(world.losses(), [LossCause::Mismatch]);
        assert_eq!(world.send(peer(1), b"media"), Some(4));
        assert_eq!(world.server().faults, Vec::<String>::new(), "no channel before it is bound");
        let after: Vec<u16> =
            world.server().grants.values().next().unwrap().channels.keys().copied().collect();
        assert_eq!(after, numbers, "channel numbers stay");
    }
}

#[test]
fn a_nat_that_gives_us_another_address_costs_less_than_five_seconds() {
    for outside in ["198.18.0.1:40001", "198.18.0.2:40000"] {
        let mut world = talking();
        let since = now(&world);
        world.outside = outside.parse().unwrap();

        world.talk(peer(1), 6);

        let back = world.back_after(since, peer(1)).unwrap();
        assert!(back < Duration::from_secs(5), "{outside}: back after {back:?}");
        assert_eq!(world.client.mapped(), Some(world.outside));
    }
}

#[test]
fn a_suspicion_is_looked_into_at_once() {
    let mut world = talking();
    world.run(Duration::from_secs(60));
    world.server().restart();
    let since = now(&world);

    world.client.suspect(world.now);
    world.client.suspect(world.now);
    world.run_ms(200);

    assert_eq!(world.story(), ["allocated", "lost: Mismatch", "allocated"]);
    assert!(world.events[2].0 - since <= Duration::from_millis(100), "{:?}", world.events);
}

#[test]
fn three_proofs_without_an_answer_are_a_loss_and_the_server_is_asked_ever_more_seldom() {
    let mut world = talking();
    world.server().is_up = false;
    let since = now(&world);

    world.talk(peer(1), 8);
    let (lost, event) = world.events[1];
    assert_eq!(event, AllocationEvent::Lost(LossCause::Silent));
    assert!(lost - since < Duration::from_secs(7), "{:?}", lost - since);
    let sent = world.sent.len();
    world.run(Duration::from_secs(1_200));
    let more = world.sent.len() - sent;
    assert!((100..250).contains(&more), "{more} requests in 20 minutes");
    world.server().is_up = true;
    world.run(Duration::from_secs(90));

    assert_eq!(world.story().last().unwrap(), "allocated");
    assert!(world.story()[2..].iter().rev().skip(1).all(|it| it == "silent"));
}

#[test]
fn a_dead_server_is_silent_and_tried_again_after_five_seconds() {
    let mut world = World::new(Server::new(Guard::Sha1));
    world.server().is_up = false;

    world.run(Duration::from_secs(20));

    let times: Vec<u128> = world.sent.iter().map(|(at, _)| at.as_millis()).collect();
    assert_eq!(times[..5], [0, 250, 750, 1_750, 3_750]);
    assert!((12_750..=14_000).contains(&times[5]), "{times:?}");
    assert_eq!(world.story(), ["silent"]);
}

#[test]
fn an_allocation_in_the_way_is_ended_first() {
    let mut world = talking();
    world.client.reconnect(world.now);

    world.run_ms(200);

    assert_eq!(world.story(), ["allocated", "lost: Reconnected", "allocated"]);
    assert!(world.server().seen.iter().any(|it| it.lifetime == Some(0)));
}

#[test]
fn a_client_that_was_killed_takes_its_former_allocation_out_of_the_way() {
    for (lingers_ms, most_ms) in [(0, 100), (1_050, 1_300), (2_000, 2_700), (4_000, 4_800)] {
        let mut world = talking();
        world.server().lingers = Duration::from_millis(lingers_ms);
        let since = now(&world);
        world.restart_client();

        world.talk(peer(1), 6);

        assert_eq!(world.story(), ["allocated", "allocated"], "{lingers_ms} ms");
        let back = world.events[1].0 - since;
        assert!(back < Duration::from_millis(most_ms), "{lingers_ms} ms: after {back:?}");
        assert!(world.back_after(since, peer(1)).is_some());
    }
}

#[test]
fn one_that_cannot_be_ended_is_given_up_for_a_while() {
    let mut world = World::new(Server::new(Guard::Open));
    world.server().scripted.extend([(ALLOCATE, 437); 8]);

    world.run(Duration::from_secs(10));

    assert_eq!(world.story(), ["refused: 437"]);
    assert_eq!((world.server().count(ALLOCATE), world.server().count(REFRESH)), (8, 1));
    world.run(Duration::from_secs(15));
    assert_eq!(world.story(), ["refused: 437", "allocated"]);
}

#[test]
fn whatever_says_that_the_allocation_is_gone_rebuilds_it_at_once() {
    for method in [REFRESH, PERMISSION, CHANNEL] {
        for (codes, cause) in [
            (vec![437], LossCause::Mismatch),
            (vec![438, 437], LossCause::Mismatch),
            (vec![438, 400], LossCause::Rejected),
            (vec![441], LossCause::Unauthorized),
        ] {
            let mut world = talking();
            let codes = codes.into_iter().map(|code| (method, code));
            world.server().scripted.extend(codes);
            let since = now(&world);

            world.talk(peer(2), 4);

            assert_eq!(world.losses(), [cause], "{method}");
            assert!(world.back_after(since, peer(2)).unwrap() < Duration::from_secs(3));
            assert_eq!(world.server().faults, Vec::<String>::new());
        }
    }
}

#[test]
fn a_400_without_a_438_is_no_loss() {
    for method in [REFRESH, PERMISSION, CHANNEL] {
        let mut world = talking();
        world.server().scripted.push_back((method, 400));

        world.talk(peer(2), 4);

        assert_eq!(world.losses(), [], "{method}");
    }
}

#[test]
fn a_server_that_takes_back_what_it_grants_is_not_asked_in_a_loop() {
    let mut world = World::new(Server::new(Guard::Open));
    world.server().scripted.extend([(PERMISSION, 437); 200]);
    world.client.add_peer(world.now, peer(1));
    for _ in 0..600 {
        world.send(peer(1), b"media");
        world.run_ms(100);
    }

    let allocations = world.server().count(ALLOCATE);
    assert!((4..40).contains(&allocations), "{allocations} in a minute");
}

#[test]
fn refusals_are_told_and_waited_for() {
    for (code, least, most) in [(403, 15, 19), (486, 60, 76), (508, 60, 76), (500, 15, 19)] {
        let mut world = World::new(Server::new(Guard::Sha1));
        world.server().scripted.push_back((ALLOCATE, code));

        world.run(Duration::from_secs(80));

        assert_eq!(world.story(), [format!("refused: {code}"), "allocated".to_owned()]);
        let wait = (world.events[1].0 - world.events[0].0).as_secs();
        assert!((least..=most).contains(&wait), "{code}: {wait} s");
    }
}

#[test]
fn a_300_moves_us_and_never_back() {
    let mut world = World::new(Server::new(Guard::Sha1));
    world.server().scripted.extend([(ALLOCATE, 401), (ALLOCATE, 300)]);
    world.server().alternate = Some(second());
    world.talk(peer(1), 1);
    assert_eq!(world.story(), ["moved: 203.0.113.2:3478", "allocated"]);
    assert_eq!(world.client.server(), second());
    // What the first server asked for is none of the second's business.
    let seen = &world.servers[&second()].seen;
    assert!(!seen[0].attributes.contains(&0x0015) && seen[1].attributes.contains(&0x0015));

    let mut world = World::new(Server::new(Guard::Sha1));
    world.server().scripted.push_back((ALLOCATE, 300));
    world.server().alternate = Some(second());
    let other = world.servers.get_mut(&second()).unwrap();
    other.scripted.push_back((ALLOCATE, 300));
    other.alternate = Some(home());
    world.run(Duration::from_secs(10));
    assert_eq!(world.story(), ["moved: 203.0.113.2:3478", "refused: 300"]);
    world.run(Duration::from_secs(10));
    assert_eq!(world.story().last().unwrap(), "allocated");
    assert_eq!(world.client.server(), home());
}

#[test]
fn on_a_stream_a_300_waits_for_the_new_connection() {
    let server = Server::new(Guard::Sha1);
    let mut world = World::with(server, long_term(), Families::V4, Leg::Stream, 1);
    world.server().scripted.push_back((ALLOCATE, 300));
    world.server().alternate = Some(second());
    world.run(Duration::from_secs(30));
    assert_eq!(world.story(), ["moved: 203.0.113.2:3478"]);
    assert_eq!(world.sent.len(), 1);

    world.client.reconnect(world.now);
    world.run_ms(100);

    assert_eq!(world.story(), ["moved: 203.0.113.2:3478", "allocated"]);
}

#[test]
fn a_300_to_anything_else_is_an_error_like_others() {
    let mut world = talking();
    world.server().alternate = Some(second());
    world.server().scripted.push_back((REFRESH, 300));

    world.talk(peer(1), 5);

    assert_eq!((world.story(), world.client.server()), (vec!["allocated".to_owned()], home()));
}

#[test]
fn families_are_asked_for_as_the_server_can() {
    let (v4, v6) = ("198.51.100.1", "2001:db8::51");
    for (relays, families, expected) in [
        (vec![v4, v6], Families::Both, vec![true, false]),
        (vec![v4], Families::Both, vec![true]),
        (vec![v6], Families::Both, vec![false]),
        (vec![v4, v6], Families::V6, vec![false]),
        (vec![v4, v6], Families::V4, vec![true]),
        (vec![v4], Families::V6, vec![]),
    ] {
        let mut server = Server::new(Guard::Sha1);
        server.relays = relays.iter().map(|ip| ip.parse().unwrap()).collect();
        let mut world = World::with(server, long_term(), families, Leg::Datagram, 1);

        world.run_ms(1_000);

        let got: Vec<bool> = world.client.relayed().map(|it| it.is_ipv4()).collect();
        assert_eq!(got, expected, "{relays:?} {families:?}");
        assert_eq!(world.story() == ["refused: 440"], expected.is_empty());
    }
    for code in [440, 420, 400] {
        let server = Server::new(Guard::Open);
        let mut world = World::with(server, long_term(), Families::Both, Leg::Datagram, 1);
        world.server().scripted.push_back((ALLOCATE, code));
        world.run_ms(1_000);
        assert_eq!(world.story(), ["allocated"], "{code}");
        assert!(!world.server().seen[1].attributes.contains(&0x8000), "{code}");
    }
}

#[test]
fn short_lifetimes_are_honoured() {
    let mut world = World::new(Server::new(Guard::Open));
    world.server().lifetime = 10;

    world.run(Duration::from_secs(120));

    assert_eq!(world.story(), ["allocated"]);
    let refreshes = world.server().count(REFRESH);
    assert!((20..=26).contains(&refreshes), "{refreshes}");
}

#[test]
fn a_server_that_refreshes_nothing_is_lost_when_the_time_is_up_or_before() {
    let mut world = talking();
    world.server().scripted.extend([(REFRESH, 500); 100]);

    world.talk(peer(1), 12);

    assert_eq!(world.losses(), [LossCause::Silent]);
    assert!(world.server().count(REFRESH) < 8);
}

#[test]
fn keepalives_are_seldom_when_idle_and_frequent_when_not() {
    let mut world = World::new(Server::new(Guard::Open));
    world.run(Duration::from_secs(251));
    assert_eq!(world.server().count(REFRESH), 10);

    world.talk(peer(1), 25);
    assert!((19..=21).contains(&world.server().count(REFRESH)));
    world.run(Duration::from_secs(60));
    let before = world.server().count(REFRESH);
    world.run(Duration::from_secs(100));
    assert_eq!(world.server().count(REFRESH), before + 4);
}

#[test]
fn closing_ends_the_allocation_at_the_server() {
    let mut world = talking();

    world.client.close(world.now);
    world.run_ms(100);

    assert!(world.server().grants.is_empty());
    assert_eq!(world.client.relayed().count(), 0);
    assert_eq!(world.client.poll_timeout(), None);
    assert_eq!(world.client.wrap(world.now, peer(1), 5), None);
}

#[test]
fn what_nobody_asked_for_and_what_is_forged_changes_nothing() {
    let mut world = World::new(Server::new(Guard::Sha1));
    world.run_ms(25);
    let (_, signed) = world.sent.last().unwrap().clone();
    let outside = world.outside;
    let moment = world.now;
    let super::server::Out::ToClient(good) =
        world.server().handle(moment, outside, &signed).unwrap()
    else {
        panic!("no response");
    };
    // The true answer is on its way as well: all others come before it.
    for at in 20..good.len() - 20 {
        let mut bad = good.clone();
        bad[at] ^= 1;
        assert!(world.client.handle_message(moment, &bad).is_err(), "byte {at}");
    }
    let mut bad = good.clone();
    bad[19] ^= 1;
    assert_eq!(world.client.handle_message(moment, &bad), Err(DropReason::NoRoute));
    let mut bad = good.clone();
    *bad.last_mut().unwrap() ^= 1;
    assert_eq!(world.client.handle_message(moment, &bad), Err(DropReason::BadIntegrity));
    let unsigned = [&good[..2], &[0, good.len() as u8 - 44], &good[4..good.len() - 24]].concat();
    assert_eq!(world.client.handle_message(moment, &unsigned), Err(DropReason::BadIntegrity));
    assert_eq!(world.client.relayed().count(), 0);
    world.server().scripted.push_back((ALLOCATE, 403));
    let error = world.server().handle(moment, outside, &signed).unwrap();
    let super::server::Out::ToClient(mut error) = error else { panic!("no response") };
    error[3] += 24;
    error.extend([&[0, 8, 0, 20][..], &[7; 20]].concat());
    assert_eq!(world.client.handle_message(moment, &error), Err(DropReason::BadIntegrity));

    assert!(world.client.handle_message(moment, &good).is_ok());
    assert_eq!(world.client.relayed().count(), 1);
}
