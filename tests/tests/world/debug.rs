use crate::support::{RELAY, seconds, watching};
use pinhole_tests::world::net::Faults;
use pinhole_tests::world::{World, WorldConfig};
fn show(world: &World, index: usize) {
    for (at, event) in &world.events {
        println!("{:?} {event:?}", *at - world.start);
    }
    let v = &world.viewers[index];
    println!("{:?} {:?}", v.selected, v.closed);
    println!("{:?}", world.endpoint.stats());
}
#[test]
fn restart() {
    let config = WorldConfig::new(0, "sym").with_turn();
    let (mut world, index) = watching(config, "port", RELAY);
    world.turn.as_mut().unwrap().restart();
    println!("restarted {:?}", world.now - world.start);
    world.run(seconds(20));
    show(&world, index);
}
#[test]
fn loss() {
    let faults = Faults { loss: 0.1, duplicates: 0.05, late: 0.1 };
    let config = WorldConfig { faults, ..WorldConfig::new(15, "none").with_turn() };
    let mut world = World::new(config);
    world.run(seconds(3));
    let index = world.join("none", world.habits());
    world.run(seconds(20));
    show(&world, index);
    let v = &world.viewers[index];
    println!("{:?} {:?} {}", v.answered.map(|a| a - world.start), v.connected.map(|a| a - world.start), v.pictures.len());
    println!("{}", world.answers.join("\n"));
}
#[test]
fn stale() {
    let config = WorldConfig { fps: 5, ..WorldConfig::new(0, "sym").with_turn() };
    let (mut world, index) = watching(config, "sym", RELAY);
    let now = world.now;
    world.turn.as_mut().unwrap().stale_nonce(now);
    println!("stale {:?}", world.now - world.start);
    world.run(seconds(400));
    show(&world, index);
}
