//! What the scenarios ask of a world.

use std::net::IpAddr;
use std::time::Duration;

use pinhole_core::gather::TurnTransport;
use pinhole_core::{Path, PathKind};
use pinhole_tests::world::{TURN, World, WorldConfig};

/// Whether a path is one through our TURN server.
pub(crate) const RELAY: PathKind = PathKind::Relay(TurnTransport::Udp);

pub(crate) const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A world whose endpoint has gathered, and a viewer that watches: its index. Both ends are as
/// [`assert_path`] wants them.
pub(crate) fn watching(config: WorldConfig, viewer: &str, kind: PathKind) -> (World, usize) {
    let what = format!("{} × {viewer}, seed {}", config.server, config.seed);
    let mut world = World::new(config);
    world.run(seconds(2));
    let index = world.join(viewer, world.habits());
    assert!(connects(&mut world, index, seconds(20)), "{what} does not connect");
    // A relay may win at first; what is better takes over. Then the path is let settle.
    assert!(takes(&mut world, index, kind, seconds(6)), "{what}: {:?}", world.path(index));
    world.run(seconds(2));
    assert_path(&world, index, kind, &what);
    (world, index)
}

/// Whether the viewer sees a picture within that time.
pub(crate) fn connects(world: &mut World, viewer: usize, most: Duration) -> bool {
    world.run_until(most, |world| !world.viewers[viewer].pictures.is_empty())
}

/// Whether both ends take a path of this kind within that time.
pub(crate) fn takes(world: &mut World, viewer: usize, kind: PathKind, most: Duration) -> bool {
    let relay: std::net::SocketAddr = TURN.parse().unwrap();
    world.run_until(most, |world| {
        let selected = world.viewers[viewer].selected;
        world.path(viewer).is_some_and(|path| path.kind == kind)
            && selected.is_some_and(|at| (at.ip() == relay.ip()) == (kind == RELAY))
    })
}

/// From the answer to the end of the handshake.
pub(crate) fn time_to_connect(world: &World, viewer: usize) -> Duration {
    let viewer = &world.viewers[viewer];
    viewer.connected.unwrap() - viewer.answered.unwrap()
}

/// The path is of this kind, both ends of it where they must be, and the viewer has chosen it too.
pub(crate) fn assert_path(world: &World, viewer: usize, kind: PathKind, what: &str) -> Path {
    let path = world.path(viewer).unwrap_or_else(|| panic!("{what}: no path"));
    let selected = world.viewers[viewer].selected.unwrap();
    assert_eq!(path.kind, kind, "{what}: {path:?}, the viewer sends to {selected}");
    assert_eq!(path.remote.ip(), outside_of(viewer), "{what}: the viewer's end");
    let relay: std::net::SocketAddr = TURN.parse().unwrap();
    if kind == RELAY {
        assert_eq!(path.local.ip(), relay.ip(), "{what}: our end");
        assert_eq!(selected, path.local, "{what}: what the viewer selected");
    } else {
        assert!(world.bases.contains(&path.local), "{what}: our end is {}", path.local);
        assert_ne!(selected.ip(), relay.ip(), "{what}: what the viewer selected");
    }
    path
}

/// The address at which the world sees a viewer.
pub(crate) fn outside_of(viewer: usize) -> IpAddr {
    IpAddr::from([203, 0, 113, 10 + u8::try_from(viewer).unwrap()])
}

/// Runs on, and tells the longest time without a picture.
pub(crate) fn gap_during(world: &mut World, viewer: usize, time: Duration) -> Duration {
    let since = world.now;
    world.run(time);
    world.viewers[viewer].longest_gap(since, world.now)
}

/// Prints a distribution.
pub(crate) fn report(name: &str, mut times: Vec<Duration>) {
    times.sort();
    let at = |share: usize| times.get(times.len() * share / 100).or(times.last()).copied();
    println!("{name}: {} connections, p50 {:?}, p95 {:?}", times.len(), at(50), at(95));
}
