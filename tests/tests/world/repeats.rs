//! The same seed is the same world, to the byte.

use std::process::Command;

use pinhole_tests::world::faults::Faults;
use pinhole_tests::world::{World, WorldConfig, for_seeds};

use crate::support::seconds;

#[test]
fn the_same_seed_hands_out_the_same_bytes_at_the_same_times() {
    let (mut sent, mut relayed) = (0, 0);
    for_seeds(0..20, |seed| {
        let (one, other) = (lived(seed), lived(seed));
        sent += one.schedule.len();
        relayed += one.turn.as_ref().unwrap().relayed_total;
        let differs = one.trail.iter().zip(&other.trail).position(|(one, other)| one != other);
        let what = differs.map(|at| (at, &one.schedule[at], &other.schedule[at]));
        assert_eq!(what, None, "seed {seed}");
        assert_eq!(one.trail.len(), other.trail.len());
    });
    println!("{sent} datagram runs, of 20 worlds; {relayed} relayed, all twice the same");
    assert!(std::env::var("WORLD_SEED").is_ok() || (sent > 3_000 && relayed > 300));
}

#[test]
fn the_same_seeds_are_the_same_worlds_in_every_process() {
    let told = || {
        let mut world = Command::new(env!("CARGO_BIN_EXE_world"));
        let output = world.args(["--jobs", "1", "--seeds", "0..12"]).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        text.split("sum up to ").nth(1).expect("a sum of all bytes").to_owned()
    };

    assert_eq!(told(), told());
}

#[test]
fn another_seed_hands_out_other_bytes() {
    let ends = |seed| lived(seed).trail.last().copied();
    assert_ne!(ends(1), ends(2));
}

/// A world with relays, faults and two viewers, some seconds later.
fn lived(seed: u64) -> World {
    let servers = ["port", "sym", "none", "full"];
    let server = servers[usize::try_from(seed % 4).unwrap()];
    let mut config = WorldConfig::new(seed, server).with_turn();
    config.faults = Faults { loss: 0.03, duplicates: 0.02, late: 0.05, ..Faults::NONE };
    let mut world = World::new(config);
    world.run(seconds(1));
    for viewer in ["port", "sym"] {
        world.join(viewer, world.habits());
    }
    world.run(seconds(5));
    world
}
