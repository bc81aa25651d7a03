//! Links that lose, repeat and delay; servers that do not answer or do not exist.

use pinhole_core::gather::{ServerConfig, ServerKind, TurnTransport};
use pinhole_core::turn::Credentials;
use pinhole_core::{PathKind, SessionState};
use pinhole_tests::world::faults::Faults;
use pinhole_tests::world::{World, WorldConfig, for_seeds};

use crate::support::{RELAY, assert_path, connects, report, seconds, time_to_connect};

/// Bad, and not broken.
const BAD: Faults = Faults { loss: 0.1, duplicates: 0.05, late: 0.1, ..Faults::NONE };

#[test]
fn a_tenth_of_all_packets_lost_keeps_nobody_out() {
    let (mut times, mut unlucky) = (Vec::new(), 0);
    for_seeds(0..20, |seed| {
        for (server, viewer) in [
            ("none", "none"),
            ("port", "port"),
            ("sym", "full"),
            ("port", "sym"),
            ("sym", "sym"),
            ("fwd+map", "port+sym"),
        ] {
            let config = WorldConfig { faults: BAD, ..WorldConfig::new(seed, server).with_turn() };
            let mut world = World::new(config);
            world.run(seconds(3));

            let index = world.join(viewer, world.habits());
            let connected = connects(&mut world, index, seconds(20));

            if !connected {
                // We were through; the viewer's DTLS (str0m's, which waits for 1, 2, 4, 8 … s) lost our
                // last flight each time that it asked.
                let id = world.viewers[index].session.unwrap();
                let was_through = world.states(id).contains(&SessionState::Connected);
                assert!(was_through, "{server} × {viewer}, seed {seed}");
                unlucky += 1;
                continue;
            }
            times.push(time_to_connect(&world, index));
        }
    });
    assert!(unlucky <= times.len() / 50, "{unlucky} of {} had no picture", times.len());
    report("a tenth lost", times);
}

/// Servers that nobody is at, or whose name leads nowhere: STUN, TURN, and one without addresses.
fn dead_servers() -> Vec<ServerConfig> {
    let turn = ServerKind::Turn {
        transport: TurnTransport::Udp,
        credentials: Credentials::LongTerm { username: "u".into(), password: "p".into() },
    };
    let server = |host: &str, address: Option<&str>, kind: &ServerKind| ServerConfig {
        host: host.to_owned(),
        addresses: address.iter().map(|text| text.parse().unwrap()).collect(),
        kind: kind.clone(),
    };
    vec![
        server("dead-stun", Some("192.0.2.201:3478"), &ServerKind::Stun),
        server("dead-turn", Some("192.0.2.202:3478"), &turn),
        server("unresolved-stun", None, &ServerKind::Stun),
        server("unresolved-turn", None, &turn),
    ]
}

#[test]
fn dead_servers_cost_nobody_but_their_own_candidates() {
    for_seeds(0..10, |seed| {
        for which in [&[0][..], &[1], &[2], &[3], &[0, 1, 2, 3]] {
            for (server, viewer, kind) in
                [("port", "port", PathKind::Direct), ("sym", "port", RELAY)]
            {
                let all = dead_servers();
                let dead = which.iter().map(|index| all[*index].clone()).collect();
                let config = WorldConfig { dead, ..WorldConfig::new(seed, server).with_turn() };
                let mut world = World::new(config);

                // At once: no server has answered anything.
                let index = world.join(viewer, world.habits());
                assert!(connects(&mut world, index, seconds(10)), "{server} × {viewer}, {which:?}");
                world.run(seconds(3));

                assert!(!world.answers[0].contains("192.0.2.20"), "{}", world.answers[0]);
                let told = world.answers[0].clone() + &world.trickled(index).join("\n");
                assert!(told.contains(" typ srflx"), "{told}");
                assert!(told.contains(" 192.0.2.10 ") && told.contains(" typ relay"), "{told}");
                assert_path(&world, index, kind, &format!("{server} × {viewer}, {which:?}"));
            }
        }
    });
}

#[test]
fn with_every_server_dead_what_is_mapped_or_public_is_answered() {
    for_seeds(0..10, |seed| {
        for (server, candidate) in
            [("one2one+map", "198.51.100.10 30000"), ("none", "198.51.100.10 5000")]
        {
            let dead = dead_servers();
            let config = WorldConfig { dead, ..WorldConfig::new(seed, server).with_turn() };
            let mut world = World::new(config);
            world.stun.as_mut().unwrap().alive = false;
            world.turn.as_mut().unwrap().alive = false;

            let index = world.join("sym", world.habits());
            assert!(connects(&mut world, index, seconds(20)), "{server}, seed {seed}");

            let lines = world.answers[0].lines();
            let told: Vec<&str> = lines.filter(|line| line.contains("candidate:")).collect();
            assert_eq!(told.len(), 1, "{told:?}");
            assert!(told[0].contains(candidate), "{told:?}");
            assert_path(&world, index, PathKind::Direct, server);
        }
    });
}
