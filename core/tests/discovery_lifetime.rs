//! How long a NAT keeps an idle mapping, found out on a virtual clock.

#![allow(clippy::unwrap_used)]

mod nat;

use std::time::Duration;

use nat::{Nat, Per, Ports, Server, World};
use pinhole_core::Seed;
use pinhole_core::stun::{LifetimeConfig, LifetimeDiscovery, LifetimeReport, SocketId};

const FULL: &str = "192.0.2.1:3478";
const OTHER: &str = "192.0.2.2:3479";
const LONGEST: Duration = Duration::from_secs(300);

fn world(lifetime_s: u64, mapping: Per, server: Server) -> World {
    let mut nat = Nat::new(Some(mapping), Per::AddressAndPort);
    nat.lifetime = Duration::from_secs(lifetime_s);
    // An expired mapping that comes back under its old port must not look alive.
    nat.ports = Ports::Preserved;
    World::new(1, nat, vec![server])
}

fn find_out(world: &mut World, budget: Duration) -> LifetimeReport {
    let server = world.servers[0].address;
    let config = LifetimeConfig { seed: Seed::new([1; 32]), server, longest: LONGEST, budget };
    let report = world.run(&mut LifetimeDiscovery::new(world.now, &config));
    assert!(world.now - world.start <= budget);
    report
}

const HOUR: Duration = Duration::from_secs(3600);

#[test]
fn the_lifetime_lies_between_the_bounds_and_they_are_close() {
    for lifetime_s in [1, 5, 17, 30, 60, 65, 120, 180, 299] {
        for mapping in Per::ALL {
            let mut world = world(lifetime_s, mapping, Server::full(FULL, OTHER));

            let report = find_out(&mut world, HOUR);

            let LifetimeReport::Bounds { alive, gone: Some(gone) } = report else {
                panic!("{lifetime_s} s: {report:?}")
            };
            let truth = Duration::from_secs(lifetime_s);
            assert!(alive <= truth && truth <= gone, "{lifetime_s} s: {report:?}");
            assert!(gone - alive <= gone / 8, "{lifetime_s} s: {report:?}");
            let most = truth * 8 + Duration::from_secs(200);
            assert!(world.now - world.start < most, "{:?}", world.now - world.start);
            let idle = world.sent.iter().filter(|(_, socket, ..)| *socket == SocketId::LIFETIME);
            assert!(idle.count() < 40 && world.sent.len() < 200, "{} sent", world.sent.len());
        }
    }
}

#[test]
fn a_mapping_that_outlives_the_longest_wait_has_no_upper_bound() {
    let mut world = world(301, Per::Everything, Server::full(FULL, OTHER));
    let bounds = LifetimeReport::Bounds { alive: LONGEST, gone: None };
    assert_eq!(find_out(&mut world, HOUR), bounds);
}

#[test]
fn the_budget_ends_it_with_what_is_known() {
    let mut world = world(120, Per::Everything, Server::full(FULL, OTHER));
    let alive = Duration::from_secs(40);
    let report = find_out(&mut world, Duration::from_secs(100));
    assert_eq!(report, LifetimeReport::Bounds { alive, gone: None });
}

#[test]
fn servers_without_response_port_and_dead_ones_tell_nothing() {
    let overlooks = Server { knows_response_port: false, ..Server::full(FULL, OTHER) };
    for server in [overlooks, Server::dead(FULL)] {
        let mut world = world(30, Per::Everything, server);
        assert_eq!(find_out(&mut world, HOUR), LifetimeReport::Unknown);
        assert!(world.now - world.start < Duration::from_secs(6));
    }
}

#[test]
fn lost_datagrams_do_not_shorten_a_life() {
    for seed in 0..50 {
        let mut nat = Nat::new(Some(Per::Everything), Per::AddressAndPort);
        nat.lifetime = Duration::from_secs(60);
        let mut world = World::new(seed, nat, vec![Server::full(FULL, OTHER)]);
        (world.loss, world.doubled, world.delay_ms) = (0.1, 0.3, 5..300);

        let report = find_out(&mut world, HOUR);

        let LifetimeReport::Bounds { alive, gone: Some(gone) } = report else {
            panic!("seed {seed}: {report:?}")
        };
        let truth = Duration::from_secs(60);
        assert!(
            alive <= truth && truth <= gone + Duration::from_secs(4),
            "seed {seed}: {report:?}"
        );
    }
}
