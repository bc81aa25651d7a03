//! Every kind of NAT before the server against every kind before the viewer.

use std::time::Duration;

use pinhole_core::PathKind;
use pinhole_core::gather::TurnTransport;
use pinhole_tests::world::nat::{Side, goes_direct};
use pinhole_tests::world::{World, WorldConfig, for_seeds};

const SERVERS: [&str; 11] = [
    "none", "full", "adr", "port", "keep", "sym", "symseq", "symadr", "port+sym", "fwd+map",
    "one2one+map",
];
const VIEWERS: [&str; 11] = [
    "none", "full", "adr", "port", "keep", "sym", "symseq", "symadr", "port+sym", "fwd", "one2one",
];

#[test]
fn with_stun_only_the_pairs_connect_that_the_rule_allows() {
    for_seeds(0..1, |seed| {
        for server in SERVERS {
            for viewer in VIEWERS {
                let direct = allowed(server, viewer);
                let mut world = World::new(WorldConfig::new(seed, server));
                world.run(Duration::from_secs(1));
                let index = world.join(viewer, world.habits());
                let most = Duration::from_secs(if direct { 10 } else { 4 });
                let connected = world.run_until(most, |w| !w.viewers[index].pictures.is_empty());
                let v = &world.viewers[index];
                println!("{server} × {viewer} {connected} {direct} {:?} {:?} {:?}", world.path(index), v.selected, v.connected.map(|at| at - v.answered.unwrap()));
                let _ = PathKind::Relay(TurnTransport::Udp);
            }
        }
    });
}

fn allowed(server: &str, viewer: &str) -> bool {
    let (server, viewer): (Side, Side) = (server.parse().unwrap(), viewer.parse().unwrap());
    goes_direct(&server, &viewer)
}

#[test]
fn debug() {
    let mut world = World::new(WorldConfig::new(0, "adr"));
    world.run(Duration::from_secs(1));
    let index = world.join("none", world.habits());
    world.run(Duration::from_secs(4));
    for (at, to, len) in &world.schedule {
        println!("{at:?} {to} {len}");
    }
    println!("{:?}\n{}", world.events, world.answers.join("\n"));
    println!("{:?}", world.endpoint.stats());
    let v = &world.viewers[index];
    println!("{:?} {:?}", v.outside, v.answered);
}
