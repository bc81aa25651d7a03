//! NAT behaviour discovery against a model of NATs and servers, on a virtual clock.

#![allow(clippy::unwrap_used)]

mod nat;

use std::time::Duration;

use nat::{Change, Nat, Per, Ports, Server, World, inside};
use pinhole_core::stun::{
    Discovery, DiscoveryConfig, DiscoveryError, FilteringBehaviour as Filtering,
    MappingBehaviour as Mapping, NatReport, SocketId, Test, Unanswered,
};
use pinhole_core::{DropReason, Seed};

const FULL: &str = "192.0.2.1:3478";
const OTHER: &str = "192.0.2.2:3479";
const SECOND: &str = "198.51.100.1:3478";

fn discovery(world: &World) -> Discovery {
    let servers = world.servers.iter().map(|server| server.address).collect();
    let local = inside(SocketId::MAIN);
    let config = DiscoveryConfig { seed: Seed::new([1; 32]), local, servers };
    Discovery::new(world.now, config).unwrap()
}

fn discover(world: &mut World) -> NatReport {
    let report = world.run(&mut discovery(world));
    let elapsed = world.now - world.start;
    assert!(elapsed <= Discovery::LONGEST, "{elapsed:?}");
    report
}

fn mapping_of(nat: &Nat) -> Mapping {
    match nat.mapping {
        None => Mapping::None,
        Some(Per::Everything) => Mapping::EndpointIndependent,
        Some(Per::Address) => Mapping::AddressDependent,
        Some(Per::AddressAndPort) => Mapping::AddressAndPortDependent,
    }
}

fn filtering_of(nat: &Nat) -> Filtering {
    match nat.filtering {
        Per::Everything => Filtering::EndpointIndependent,
        Per::Address => Filtering::AddressDependent,
        Per::AddressAndPort => Filtering::AddressAndPortDependent,
    }
}

/// Every NAT of the model, hairpin or not.
fn nats() -> Vec<Nat> {
    let mut nats = Vec::new();
    let mappings = [None].into_iter().chain(Per::ALL.map(Some));
    for mapping in mappings {
        for filtering in Per::ALL {
            for hairpin in [false, true] {
                let mut nat = Nat::new(mapping, filtering);
                nat.hairpin = hairpin;
                nats.push(nat);
            }
        }
    }
    nats
}

fn why(report: &NatReport, test: Test) -> Option<Unanswered> {
    report.unanswered.iter().find(|(missing, _)| *missing == test).map(|(_, why)| *why)
}

#[test]
fn one_server_with_another_address_tells_every_nat_for_what_it_is() {
    for nat in nats() {
        let what = format!("{:?} {:?} {}", nat.mapping, nat.filtering, nat.hairpin);
        let mut world = World::new(1, nat, vec![Server::full(FULL, OTHER)]);

        let report = discover(&mut world);

        let nat = &world.nat;
        assert_eq!(report.mapping, Some(mapping_of(nat)), "{what}");
        assert_eq!(report.filtering, filtering_of(nat), "{what}");
        // Where the port depends on the destination, only an open filter lets the other side in.
        let can_meet = mapping_of(nat) == Mapping::EndpointIndependent
            || filtering_of(nat) == Filtering::EndpointIndependent;
        let hairpin = nat.mapping.map(|_| nat.hairpin && can_meet);
        assert_eq!(report.hairpin, hairpin, "{what}");
        assert_eq!(report.port_preserved, Some(nat.mapping.is_none()), "{what}");
        assert_eq!(report.mapped.len(), 3, "{what}");
        assert_eq!(report.mapped[0].origin, Some(report.mapped[0].destination), "{what}");
        let fresh_to_other = world
            .sent
            .iter()
            .any(|(_, socket, to, _)| *socket == SocketId::SECOND && to.ip() == nat_ip(OTHER));
        assert!(!fresh_to_other, "{what}: the second socket has opened the filter itself");
    }
}

fn nat_ip(address: &str) -> std::net::IpAddr {
    address.parse::<std::net::SocketAddr>().unwrap().ip()
}

#[test]
fn silence_is_waited_for_once_and_an_open_network_is_known_in_a_moment() {
    let mut nat = Nat::new(Some(Per::Everything), Per::Everything);
    nat.hairpin = true;
    let mut open = World::new(1, nat, vec![Server::full(FULL, OTHER)]);
    discover(&mut open);
    let nat = Nat::new(Some(Per::AddressAndPort), Per::AddressAndPort);
    let mut closed = World::new(1, nat, vec![Server::full(FULL, OTHER)]);
    discover(&mut closed);

    assert!(open.now - open.start < Duration::from_millis(200), "{:?}", open.now - open.start);
    let closed = closed.now - closed.start;
    assert!(closed < Duration::from_millis(5200), "{closed:?}");
}

#[test]
fn two_plain_servers_tell_the_mapping_and_no_more() {
    for nat in nats() {
        let expected = match mapping_of(&nat) {
            // With one port at each address, a dependence on the port cannot be told.
            Mapping::AddressDependent => Mapping::AddressAndPortDependent,
            mapping => mapping,
        };
        let mut world = World::new(1, nat, vec![Server::plain(FULL), Server::plain(SECOND)]);

        let report = discover(&mut world);

        assert_eq!(report.mapping, Some(expected));
        assert_eq!(report.filtering, Filtering::Unknown);
        assert_eq!(why(&report, Test::OtherPort), Some(Unanswered::NotAsked));
        assert_eq!(report.hairpin.is_some(), world.nat.mapping.is_some());
    }
}

#[test]
fn one_plain_server_tells_only_whether_there_is_a_nat() {
    for nat in nats() {
        let expected = nat.mapping.is_none().then_some(Mapping::None);
        let mut world = World::new(1, nat, vec![Server::plain(FULL)]);

        let report = discover(&mut world);

        assert_eq!((report.mapping, report.filtering), (expected, Filtering::Unknown));
    }
}

#[test]
fn a_server_that_does_not_change_its_address_is_not_believed_about_the_filter() {
    for (change, unanswered) in [
        (Change::Refused, Unanswered::Refused(420)),
        (Change::Overlooked, Unanswered::Overlooked),
        (Change::Silent, Unanswered::Silent),
    ] {
        for mapping in [None, Some(Per::Everything)] {
            let nat = Nat::new(mapping, Per::Address);
            let server = Server { change, ..Server::full(FULL, OTHER) };
            let mut world = World::new(1, nat, vec![server]);

            let report = discover(&mut world);

            assert_eq!(report.mapping, Some(mapping_of(&world.nat)), "{change:?}");
            assert_eq!(report.filtering, Filtering::Unknown, "{change:?}");
            for test in [Test::AnswerFromOtherAddress, Test::AnswerFromOtherPort, Test::Control] {
                assert_eq!(why(&report, test), Some(unanswered), "{change:?}");
            }
        }
    }
}

#[test]
fn another_address_that_is_not_there_tells_nothing_and_another_server_helps() {
    let nat = || Nat::new(Some(Per::Everything), Per::Everything);
    let lost =
        Server { other_is_there: false, change: Change::Silent, ..Server::full(FULL, OTHER) };
    let mut alone = World::new(1, nat(), vec![lost.clone()]);
    let mut helped = World::new(1, nat(), vec![lost, Server::plain(SECOND)]);

    let (alone, helped) = (discover(&mut alone), discover(&mut helped));

    assert_eq!((alone.mapping, alone.filtering), (None, Filtering::Unknown));
    assert_eq!(why(&alone, Test::OtherPort), Some(Unanswered::Silent));
    assert_eq!(helped.mapping, Some(Mapping::EndpointIndependent));
}

#[test]
fn other_addresses_that_are_the_same_or_of_another_family_are_not_asked() {
    for other in ["192.0.2.1:3479", "192.0.2.2:3478", "[2001:db8::2]:3479"] {
        let nat = Nat::new(Some(Per::Everything), Per::Everything);
        let mut world = World::new(1, nat, vec![Server::full(FULL, other)]);

        let report = discover(&mut world);

        assert_eq!(why(&report, Test::OtherAddress), Some(Unanswered::NotAsked), "{other}");
    }
}

#[test]
fn both_addresses_of_one_server_may_be_given() {
    for nat in nats() {
        let twin =
            Server { other_is_there: false, ..Server::full("192.0.2.2:3478", "192.0.2.1:3479") };
        let mut world = World::new(1, nat, vec![Server::full(FULL, OTHER), twin]);

        let report = discover(&mut world);

        assert_eq!(report.mapping, Some(mapping_of(&world.nat)));
        assert_eq!(report.filtering, filtering_of(&world.nat));
        let seen: Vec<_> = report.mapped.iter().map(|seen| seen.destination.to_string()).collect();
        assert_eq!(seen, [FULL, "192.0.2.2:3478", OTHER], "in the order of asking");
    }
}

#[test]
fn dead_servers_delay_no_living_one_and_are_named() {
    let nat = Nat::new(Some(Per::Address), Per::Address);
    let dead = "198.51.100.9:3478";
    let servers = vec![Server::dead(dead), Server::full(FULL, OTHER)];
    let mut world = World::new(1, nat, servers);
    let report = discover(&mut world);
    assert_eq!(report.mapping, Some(Mapping::AddressDependent));
    assert_eq!(report.filtering, Filtering::AddressDependent);
    let test = Test::Server(dead.parse().unwrap());
    assert_eq!(why(&report, test), Some(Unanswered::Silent));
    assert!(world.now - world.start < Duration::from_millis(5200));

    let nat = Nat::new(Some(Per::Address), Per::Address);
    let mut world = World::new(1, nat, vec![Server::dead(dead)]);
    let report = discover(&mut world);
    assert_eq!((report.mapping, report.filtering), (None, Filtering::Unknown));
    assert_eq!((report.hairpin, report.port_preserved), (None, None));
    assert!(report.mapped.is_empty());
}

#[test]
fn observations_stand_in_the_order_of_asking_whichever_test_asked() {
    let mut nat = Nat::new(Some(Per::AddressAndPort), Per::AddressAndPort);
    nat.ports = Ports::Counting(1);
    // The second is asked after a pause, in which the first has answered.
    let servers = vec![Server::full(FULL, OTHER), Server::plain(SECOND)];
    let mut world = World::new(1, nat, servers);

    let report = discover(&mut world);

    let seen: Vec<_> = report.mapped.iter().map(|seen| seen.destination.to_string()).collect();
    assert_eq!(seen, [FULL, "192.0.2.2:3478", SECOND, OTHER]);
}

#[test]
fn a_datagram_that_comes_back_to_its_own_sender_is_no_hairpin() {
    let mut nat = Nat::new(Some(Per::Everything), Per::Everything);
    nat.reflects = true;
    let mut world = World::new(1, nat, vec![Server::full(FULL, OTHER)]);

    let report = discover(&mut world);

    assert_eq!(report.hairpin, Some(false));
    assert!(world.dropped.contains(&DropReason::NoTransaction), "nothing came back");
}

#[test]
fn counting_ports_are_seen_and_others_are_not() {
    for (ports, step) in [
        (Ports::Counting(1), Some(1)),
        (Ports::Counting(2), Some(2)),
        (Ports::Counting(-1), Some(-1)),
        (Ports::Counting(40), None),
        (Ports::Random, None),
        (Ports::Preserved, None),
    ] {
        let mut nat = Nat::new(Some(Per::AddressAndPort), Per::AddressAndPort);
        nat.ports = ports;
        let servers = [FULL, SECOND, "198.51.100.2:3478"].map(Server::plain).to_vec();
        let mut world = World::new(1, nat, servers);

        let report = discover(&mut world);

        assert_eq!(report.port_step, step, "{ports:?}");
        assert_eq!(report.port_preserved, Some(ports == Ports::Preserved), "{ports:?}");
    }
}

#[test]
fn loss_doubling_and_overtaking_change_nothing() {
    for seed in 0..150 {
        let mut nats = nats();
        let nat = nats.swap_remove(seed as usize % nats.len());
        let what = format!("seed {seed}: {nat:?}");
        let mut world = World::new(seed, nat, vec![Server::full(FULL, OTHER)]);
        (world.loss, world.doubled, world.delay_ms) = (0.1, 0.3, 5..400);

        let report = discover(&mut world);

        assert_eq!(report.mapping, Some(mapping_of(&world.nat)), "{what}");
        assert_eq!(report.filtering, filtering_of(&world.nat), "{what}");
        assert!(world.dropped.iter().all(|why| *why == DropReason::NoTransaction), "{what}");
    }
}

#[test]
fn the_same_seed_asks_the_same_at_the_same_time_and_each_request_is_bounded() {
    let run = || {
        let nat = Nat::new(Some(Per::AddressAndPort), Per::AddressAndPort);
        let servers = vec![Server::full(FULL, OTHER), Server::plain(SECOND)];
        let mut world = World::new(1, nat, servers);
        discover(&mut world);
        world.sent
    };

    let sent = run();

    assert_eq!(sent, run());
    assert!(sent.len() < 60, "{} datagrams", sent.len());
    assert!(sent.iter().all(|(.., payload)| payload.len() <= Discovery::TRANSMIT_BYTES_MAX));
    // Servers are not asked in one burst.
    let first = |to: &str| sent.iter().find(|(_, _, at, _)| *at == to.parse().unwrap()).unwrap().0;
    assert_eq!(first(SECOND) - first(FULL), Duration::from_millis(50));
}

#[test]
fn answers_from_strangers_to_the_wrong_socket_or_twice_are_dropped() {
    let nat = Nat::new(Some(Per::Everything), Per::Everything);
    let world = World::new(1, nat, vec![Server::full(FULL, OTHER)]);
    let mut discovery = discovery(&world);
    let now = world.now;
    discovery.handle_timeout(now);
    let mut buffer = [0; 64];
    let transmit = discovery.poll_transmit(&mut buffer).unwrap();
    let mapped = "203.0.113.50:7".parse().unwrap();
    let request = &buffer[..transmit.length];
    let (from, _, answer) = world.servers[0].answer(mapped, transmit.destination, request).unwrap();
    let stranger = "192.0.2.66:3478".parse().unwrap();
    let mut hand_in =
        |socket, from, payload: &[u8]| discovery.handle_datagram(now, socket, from, payload);

    for (what, result) in [
        ("a stranger", hand_in(SocketId::MAIN, stranger, &answer)),
        ("the wrong socket", hand_in(SocketId::SECOND, from, &answer)),
        ("our own request", hand_in(SocketId::SECOND, from, request)),
    ] {
        assert_eq!(result, Err(DropReason::NoTransaction), "{what}");
    }
    assert_eq!(hand_in(SocketId::MAIN, from, &answer[..30]), Err(DropReason::BadStun));
    assert_eq!(hand_in(SocketId::MAIN, from, &answer), Ok(()));
    assert_eq!(hand_in(SocketId::MAIN, from, &answer), Err(DropReason::NoTransaction));
}

#[test]
fn a_shell_that_slept_too_long_gets_its_report_at_once() {
    let nat = Nat::new(Some(Per::Everything), Per::Everything);
    let world = World::new(1, nat, vec![Server::full(FULL, OTHER)]);
    let mut discovery = discovery(&world);
    discovery.handle_timeout(world.now);

    discovery.handle_timeout(world.now + Discovery::LONGEST);

    let report = discovery.poll_event().unwrap();
    assert_eq!(why(&report, Test::Server(FULL.parse().unwrap())), Some(Unanswered::Silent));
    assert_eq!((discovery.poll_event(), discovery.poll_timeout()), (None, None));
    assert_eq!(discovery.poll_transmit(&mut [0; 64]), None);
}

#[test]
fn what_cannot_work_is_refused_at_once() {
    let new = |local: &str, servers: &[&str]| {
        let servers = servers.iter().map(|server| server.parse().unwrap()).collect();
        let local = local.parse().unwrap();
        let config = DiscoveryConfig { seed: Seed::new([1; 32]), local, servers };
        Discovery::new(nat::start(), config).map(drop)
    };

    assert_eq!(new("0.0.0.0:4000", &[FULL]), Err(DiscoveryError::Wildcard));
    assert_eq!(new("[::]:4000", &[FULL]), Err(DiscoveryError::Wildcard));
    assert_eq!(new("192.168.1.5:4000", &[]), Err(DiscoveryError::NoServer));
    assert_eq!(new("192.168.1.5:4000", &["[2001:db8::1]:3478"]), Err(DiscoveryError::NoServer));
    assert_eq!(new("192.168.1.5:4000", &["[::ffff:192.0.2.1]:3478"]), Ok(()));
}

#[test]
fn at_most_four_servers_are_asked_each_once() {
    let addresses: Vec<String> = (1..=6).map(|host| format!("192.0.2.{host}:3478")).collect();
    let mut servers: Vec<Server> = addresses.iter().map(|at| Server::plain(at)).collect();
    servers.insert(1, servers[0].clone());
    let nat = Nat::new(Some(Per::Everything), Per::Everything);
    let mut world = World::new(1, nat, servers);

    let report = discover(&mut world);

    let asked: Vec<_> = report.mapped.iter().map(|seen| seen.destination.to_string()).collect();
    assert_eq!(asked, addresses[..4]);
}
