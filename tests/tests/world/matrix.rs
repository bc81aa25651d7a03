//! Every kind of NAT before the server against every kind before the viewer.

use std::time::Duration;

use pinhole_core::PathKind;
use pinhole_tests::world::nat::{SERVERS, Side, VIEWERS, goes_direct};
use pinhole_tests::world::{World, WorldConfig, for_seeds};

use crate::support::{RELAY, assert_path, connects, report, seconds, takes, time_to_connect};

#[test]
fn with_stun_only_those_pairs_connect_that_the_rule_allows() {
    let mut times = Vec::new();
    for_each_pair(0..10, |seed, server, viewer| {
        let direct = allowed(server, viewer);
        let mut world = World::new(WorldConfig::new(seed, server));
        world.run(seconds(2));

        let index = world.join(viewer, world.habits());
        let connected = connects(&mut world, index, seconds(if direct { 10 } else { 4 }));

        assert_eq!(connected, direct, "{server} × {viewer}, seed {seed}");
        if direct {
            assert_path(&world, index, PathKind::Direct, &format!("{server} × {viewer}"));
            times.push(time_to_connect(&world, index));
        }
    });
    report("direct, STUN only", times);
}

#[test]
fn with_a_relay_every_pair_connects_and_directly_where_it_can() {
    let (mut direct_times, mut relay_times) = (Vec::new(), Vec::new());
    for_each_pair(100..110, |seed, server, viewer| {
        let direct = allowed(server, viewer);
        let what = format!("{server} × {viewer}, seed {seed}");
        let mut world = World::new(WorldConfig::new(seed, server).with_turn());
        world.run(seconds(2));

        let index = world.join(viewer, world.habits());
        assert!(connects(&mut world, index, seconds(10)), "{what} does not connect");
        let kind = if direct { PathKind::Direct } else { RELAY };
        takes(&mut world, index, kind, seconds(5));

        assert_path(&world, index, kind, &what);
        let times = if direct { &mut direct_times } else { &mut relay_times };
        times.push(time_to_connect(&world, index));
    });
    report("direct, a relay at hand", direct_times);
    report("relay", relay_times);
}

fn for_each_pair(seeds: std::ops::Range<u64>, mut scenario: impl FnMut(u64, &str, &str)) {
    for_seeds(seeds, |seed| {
        for server in SERVERS {
            for viewer in VIEWERS {
                scenario(seed, server, viewer);
            }
        }
    });
}

fn allowed(server: &str, viewer: &str) -> bool {
    let (server, viewer): (Side, Side) = (server.parse().unwrap(), viewer.parse().unwrap());
    goes_direct(&server, &viewer)
}

#[test]
fn no_server_is_needed_where_a_port_is_forwarded() {
    for_seeds(200..210, |seed| {
        for server in ["fwd+map", "one2one+map"] {
            for viewer in VIEWERS {
                let config = WorldConfig { stun: false, ..WorldConfig::new(seed, server) };
                let mut world = World::new(config);

                let index = world.join(viewer, world.habits());
                let connected = connects(&mut world, index, Duration::from_secs(5));

                assert!(connected, "{server} × {viewer}, seed {seed}");
                let path = assert_path(&world, index, PathKind::Direct, viewer);
                assert_eq!(path.local, world.bases[0]);
                // What a plain forward's server sends itself leaves from another port, which the
                // viewer may like as well.
                let selected = world.viewers[index].selected.unwrap();
                assert_eq!(selected.ip().to_string(), "198.51.100.10");
                assert!(server == "fwd+map" || selected.port() == 30_000, "{selected}");
            }
        }
    });
}
