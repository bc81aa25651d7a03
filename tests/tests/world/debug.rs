use crate::support::seconds;
use pinhole_tests::world::{World, WorldConfig};
#[test]
fn debug() {
    let mut world = World::new(WorldConfig::new(0, "sym").with_turn());
    world.run(seconds(2));
    let index = world.join("sym", world.habits());
    world.run(seconds(6));
    for (at, to, len) in world.schedule.iter().take(40) {
        println!("{at:?} {to} {len}");
    }
    println!("{:?}\n{}", world.events, world.answers.join("\n"));
    println!("{:?}", world.endpoint.stats());
    let v = &world.viewers[index];
    println!("{:?} {:?} {:?}", v.outside, v.answered, v.connected);
    println!("{}", world.turn.as_ref().unwrap().relayed_total);
}
#[test]
fn turn() {
    use pinhole_tests::world::turn::{TurnServer, Users};
    let now = std::time::Instant::now();
    let a: std::net::SocketAddr = "192.0.2.10:3478".parse().unwrap();
    let c: std::net::SocketAddr = "192.0.2.11:3478".parse().unwrap();
    let mut t = TurnServer::new(now, a, Users::One("user".into(), "password".into()));
    println!("{:?}", t.receive(now, a, c, pinhole_tests::world::stun::binding_request(7)));
}
