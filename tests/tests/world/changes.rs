//! What changes in mid-stream: NATs that forget or move, relays that restart, interfaces that go.

use std::time::Duration;

use pinhole_core::PathKind;
use pinhole_tests::world::turn::Users;
use pinhole_tests::world::{WorldConfig, for_seeds};

use crate::support::{RELAY, assert_path, gap_during, seconds, watching};

/// The worst of all seeds, for the report.
fn worst(name: &str, gaps: &[Duration], most: Duration) {
    let longest = gaps.iter().max().unwrap();
    println!("{name}: longest gap {longest:?} over {} runs", gaps.len());
    assert!(*longest < most, "{name}: {longest:?} without a picture");
}

#[test]
fn media_follows_a_viewer_whose_nat_gave_it_another_port() {
    for (server, viewer, kind) in [
        ("none", "port", PathKind::Direct),
        ("full", "sym", PathKind::Direct),
        ("adr", "port", PathKind::Direct),
        ("one2one+map", "port", PathKind::Direct),
        ("sym", "port", RELAY),
        ("port", "sym", RELAY),
    ] {
        let mut gaps = Vec::new();
        for_seeds(0..10, |seed| {
            let config = WorldConfig::new(seed, server).with_turn();
            let (mut world, index) = watching(config, viewer, kind);
            let before = world.path(index).unwrap();

            let nat = world.viewer_nats[index][0];
            world.net.nat(nat).flush();
            gaps.push(gap_during(&mut world, index, seconds(10)));

            let after = assert_path(&world, index, kind, viewer);
            assert_ne!(before.remote, after.remote, "its port is another one");
        });
        worst(&format!("viewer's NAT flushed, {server} × {viewer}"), &gaps, seconds(3));
    }
}

#[test]
fn media_is_back_after_our_own_nat_forgot_us() {
    for (server, viewer, kind) in [
        ("full", "none", PathKind::Direct),
        ("port", "none", PathKind::Direct),
        ("port", "full", PathKind::Direct),
        ("port", "port", PathKind::Direct),
        ("sym", "port", RELAY),
        ("sym", "sym", RELAY),
    ] {
        let mut gaps = Vec::new();
        for_seeds(0..10, |seed| {
            let config = WorldConfig::new(seed, server).with_turn();
            let (mut world, index) = watching(config, viewer, kind);

            let nat = world.server_nats[0];
            world.net.nat(nat).flush();
            gaps.push(gap_during(&mut world, index, seconds(25)));
        });
        worst(&format!("our NAT flushed, {server} × {viewer}"), &gaps, seconds(5));
    }
}

#[test]
fn media_is_back_after_our_own_nat_was_renumbered() {
    for (server, viewer, kind) in
        [("port", "port", PathKind::Direct), ("full", "none", PathKind::Direct), ("sym", "sym", RELAY)]
    {
        let mut gaps = Vec::new();
        for_seeds(0..10, |seed| {
            let config = WorldConfig::new(seed, server).with_turn();
            let (mut world, index) = watching(config, viewer, kind);

            let nat = world.server_nats[0];
            world.net.renumber(nat, "198.51.100.99".parse().unwrap());
            gaps.push(gap_during(&mut world, index, seconds(25)));
        });
        worst(&format!("our NAT renumbered, {server} × {viewer}"), &gaps, seconds(5));
    }
}

#[test]
fn media_is_back_after_the_turn_server_restarted() {
    let mut gaps = Vec::new();
    for_seeds(0..10, |seed| {
        for (server, viewer) in [("sym", "port"), ("port", "sym"), ("port+sym", "sym")] {
            let config = WorldConfig::new(seed, server).with_turn();
            let (mut world, index) = watching(config, viewer, RELAY);
            let before = world.path(index).unwrap();

            world.turn.as_mut().unwrap().restart();
            gaps.push(gap_during(&mut world, index, seconds(20)));

            let after = assert_path(&world, index, RELAY, viewer);
            assert_ne!(before.local, after.local, "another relayed address");
            let line = format!("{} {} typ relay", after.local.ip(), after.local.port());
            assert!(world.trickled(index).iter().any(|told| told.contains(&line)));
            assert!(world.restarts_wanted(index) > 0);
        }
    });
    worst("TURN server restarted", &gaps, seconds(5));
}

#[test]
fn stale_nonces_and_new_passwords_cost_no_picture() {
    let mut gaps = Vec::new();
    for_seeds(0..10, |seed| {
        let users = Users::Rest { secret: "secret".into(), since: 0 };
        let config = WorldConfig { turn: Some(users), fps: 5, ..WorldConfig::new(seed, "sym") };
        let (mut world, index) = watching(config, "sym", RELAY);

        // Long enough for permissions, channels and the allocation to be refreshed.
        for _ in 0..3 {
            let now = world.now;
            world.turn.as_mut().unwrap().stale_nonce(now);
            gaps.push(gap_during(&mut world, index, seconds(250)));
        }
        assert_path(&world, index, RELAY, "sym × sym");
        assert_eq!(world.restarts_wanted(index), 0);
    });
    worst("nonces made stale", &gaps, seconds(1));
}

#[test]
fn a_viewer_moves_from_the_relay_to_a_direct_path_that_comes_late() {
    for_seeds(0..10, |seed| {
        let config = WorldConfig::new(seed, "port").with_turn();
        let mut world = pinhole_tests::world::World::new(config);
        world.stun.as_mut().unwrap().alive = false;
        // Its own port is not told either, so all that is known is the relay.
        world.net.faults = pinhole_tests::world::net::Faults::NONE;
        world.run(seconds(2));
        let habits = world.habits();
        let index = world.join("port", habits);
        let connected = crate::support::connects(&mut world, index, seconds(20));
        assert!(connected, "seed {seed}");
        let _ = index;
        println!("seed {seed}: {:?} {}", world.path(index), world.answers[0].matches("candidate:").count());
    });
}

#[test]
fn an_interface_that_goes_takes_only_its_own_viewers_along() {
    for_seeds(0..10, |seed| {
        let config = WorldConfig { second_interface: true, ..WorldConfig::new(seed, "one2one") };
        let (mut world, first) = watching(config, "port", PathKind::Direct);
        let second = world.join("none", world.habits());
        assert!(crate::support::connects(&mut world, second, seconds(10)));
        world.run(seconds(3));
        let on = |world: &pinhole_tests::world::World, index| world.path(index).unwrap().local;
        println!("seed {seed}: {} {}", on(&world, first), on(&world, second));
    });
}
