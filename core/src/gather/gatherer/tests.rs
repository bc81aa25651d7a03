//! The gatherer against servers that answer as the test says.

use super::*;
use crate::base::Seed;
use crate::gather::{Audience, Paths, ServerConfig, candidate_line};
use crate::portmap::PortMap;
use crate::stun::answers::{asked, message, refusal, success};
use stun_types::attribute::XorMappedAddress;
use stun_types::message::MessageClass;

const BASE: &str = "10.0.0.5:5000";
const STUN: &str = "192.0.2.1:3478";
const OTHER_STUN: &str = "198.51.100.1:3478";

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn stun(at: &str) -> ServerConfig {
    let addresses = if at.is_empty() { vec![] } else { vec![address(at)] };
    ServerConfig {
        host: "stun.example.org".to_owned(),
        addresses,
        kind: crate::gather::ServerKind::Stun,
    }
}

fn config(servers: &[&str]) -> GatherConfig {
    GatherConfig {
        audience: Audience::Both,
        servers: servers.iter().map(|at| stun(at)).collect(),
        ..GatherConfig::lan(vec![address(BASE)])
    }
}

struct Bench {
    now: Instant,
    gatherer: Gatherer,
}

impl Bench {
    fn new(config: GatherConfig) -> Bench {
        let now = crate::test_clock();
        let wall_clock = WallClock { unix: Duration::from_secs(1_800_000_000), at: now };
        let rng = Seed::new([3; 32]).rng();
        Bench { now, gatherer: Gatherer::new(now, config, wall_clock, rng) }
    }

    /// Lets time pass; `answer` says what a server answers to a request.
    fn run(
        &mut self,
        time: Duration,
        mut answer: impl FnMut(SocketAddr, SocketAddr, &[u8]) -> Option<Vec<u8>>,
    ) -> Vec<SocketAddr> {
        let (until, mut asked, mut buffer) = (self.now + time, Vec::new(), [0; 1_500]);
        loop {
            while let Some((leg, len)) = self.gatherer.poll_transmit(self.now, &mut buffer) {
                let Leg::Datagram { local, remote } = leg else { panic!("no stream was opened") };
                asked.push(remote);
                if let Some(bytes) = answer(local, remote, &buffer[..len]) {
                    let taken = self.gatherer.handle_datagram(self.now, local, remote, &bytes);
                    assert_eq!(taken, Inbound::Control(Ok(())));
                }
            }
            match self.gatherer.poll_timeout().filter(|at| *at <= until) {
                Some(at) => self.now = self.now.max(at),
                None => {
                    self.now = until;
                    return asked;
                }
            }
            self.gatherer.handle_timeout(self.now);
        }
    }

    fn told(&self) -> Vec<String> {
        let candidates = self.gatherer.candidates().iter().enumerate();
        candidates
            .map(|(place, candidate)| {
                let line = candidate_line(candidate, place);
                line.split(' ').skip(4).take(4).collect::<Vec<_>>().join(" ")
            })
            .collect()
    }

    fn events(&mut self) -> Vec<GatherEvent> {
        std::iter::from_fn(|| self.gatherer.poll_event()).collect()
    }
}

/// Sees every socket at this address.
fn sees(mapped: &str) -> impl FnMut(SocketAddr, SocketAddr, &[u8]) -> Option<Vec<u8>> {
    let mapped = address(mapped);
    move |_, _, request| Some(success(asked(request), mapped))
}

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn what_a_server_sees_of_us_becomes_a_candidate_behind_our_own_and_follows_changes() {
    let mut bench = Bench::new(config(&[STUN]));
    assert_eq!(bench.told(), ["10.0.0.5 5000 typ host"]);

    bench.run(SECOND, sees("203.0.113.9:40000"));
    assert_eq!(bench.told(), ["10.0.0.5 5000 typ host", "203.0.113.9 40000 typ srflx"]);
    let told = |event: &GatherEvent| matches!(event, GatherEvent::Changed { added, removed } if added.len() == 1 && removed.is_empty());
    assert!(bench.events().iter().any(told));

    let asked = bench.run(SECOND * 26, sees("203.0.113.9:41111"));
    assert_eq!(asked.len(), 1, "kept alive every 25 s");
    assert_eq!(bench.told(), ["10.0.0.5 5000 typ host", "203.0.113.9 41111 typ srflx"]);
    let moved = |event: &GatherEvent| matches!(event, GatherEvent::Changed { added, removed } if added.len() == 1 && removed.len() == 1);
    assert!(bench.events().iter().any(moved));
}

#[test]
fn dead_servers_and_names_that_lead_nowhere_cost_their_own_candidates_only() {
    let mut bench = Bench::new(config(&[STUN, "", OTHER_STUN]));
    let mut answer = sees("203.0.113.9:40000");
    bench.run(SECOND * 10, |local, remote, request| {
        (remote == address(OTHER_STUN)).then(|| answer(local, remote, request)).flatten()
    });

    assert_eq!(bench.told(), ["10.0.0.5 5000 typ host", "203.0.113.9 40000 typ srflx"]);
    let events = bench.events();
    assert!(events.contains(&GatherEvent::ResolveWanted { server: 0 }), "{events:?}");
    assert!(events.contains(&GatherEvent::Server { server: 0, report: ServerReport::Silent }));
}

#[test]
fn a_name_that_is_resolved_late_is_asked_then() {
    let mut bench = Bench::new(config(&[""]));
    assert!(bench.run(SECOND, |_, _, _| None).is_empty());

    bench.gatherer.set_server_addresses(bench.now, 0, vec![address(STUN)]);
    bench.run(SECOND, sees("203.0.113.9:40000"));

    assert_eq!(bench.told().len(), 2);
}

#[test]
fn a_server_that_refuses_is_told_and_gives_no_candidate() {
    let mut bench = Bench::new(config(&[STUN]));
    bench.run(SECOND, |_, _, request| Some(refusal(asked(request), 500)));

    assert_eq!(bench.told(), ["10.0.0.5 5000 typ host"]);
    let report = ServerReport::Refused(500);
    assert!(bench.events().contains(&GatherEvent::Server { server: 0, report }));
}

#[test]
fn a_public_audience_hears_no_private_address_of_a_server_either() {
    let public = GatherConfig {
        audience: Audience::Public,
        map: PortMap::parse(["5000/udp=203.0.113.10:30000"]).unwrap(),
        ..config(&[STUN])
    };
    let mut bench = Bench::new(public);
    bench.run(SECOND, sees("172.16.1.2:40000"));
    assert_eq!(bench.told(), ["203.0.113.10 30000 typ srflx"]);
}

#[test]
fn neither_a_lan_audience_nor_relay_only_asks_for_mappings() {
    for other in [
        GatherConfig { audience: Audience::Lan, ..config(&[STUN]) },
        GatherConfig { paths: Paths::Relay, ..config(&[STUN]) },
    ] {
        let mut bench = Bench::new(other);
        assert!(bench.run(SECOND * 30, |_, _, _| None).is_empty());
    }
}

#[test]
fn a_nat_that_counts_is_found_by_asking_the_servers_other_addresses_and_its_ports_told() {
    let mut bench = Bench::new(config(&[STUN]));
    let asked = behind_a_nat_that_counts(&mut bench, [203, 0, 113, 9]);

    assert_eq!(asked, ["192.0.2.1:3478", "192.0.2.2:3478", "192.0.2.2:3479"].map(address));
    let predicted = bench.gatherer.predicted(2);
    let ports: Vec<u16> = predicted.iter().map(|candidate| candidate.address.port()).collect();
    assert_eq!(ports, (50_005..=50_012).collect::<Vec<u16>>());
    assert!(bench.gatherer.predicts());
    assert_eq!(bench.told().len(), 2, "predictions are made for each answer, not listed");
}

/// Found by the world, seed 7363: a STUN server that says so.
#[test]
fn a_private_address_is_not_predicted_for_a_public_audience() {
    let public = GatherConfig { audience: Audience::Public, ..config(&[STUN]) };
    let mut bench = Bench::new(public);

    behind_a_nat_that_counts(&mut bench, [10, 9, 9, 9]);

    assert_eq!(bench.gatherer.predicted(2), []);
    assert!(!bench.gatherer.predicts());
}

/// Lets servers see one port more with each address that is asked. Returns those that were.
fn behind_a_nat_that_counts(bench: &mut Bench, outside: [u8; 4]) -> Vec<SocketAddr> {
    let mut ports = 50_000..;
    let mut seen: BTreeMap<SocketAddr, u16> = BTreeMap::new();
    bench.run(SECOND, |_, remote, request| {
        let port = *seen.entry(remote).or_insert_with(|| ports.next().unwrap());
        let id = asked(request);
        let mapped = XorMappedAddress::new(SocketAddr::new(outside.into(), port), id);
        let other = crate::stun::OtherAddress::new(address("192.0.2.2:3479"));
        Some(message(MessageClass::Success, id, &[&mapped, &other]))
    })
}

#[test]
fn an_interface_that_goes_takes_its_mapping_with_it() {
    let mut bench = Bench::new(config(&[STUN]));
    bench.run(SECOND, sees("203.0.113.9:40000"));

    bench.gatherer.set_bases(bench.now, vec![address("10.7.0.5:5000")], vec![]);
    assert_eq!(bench.told(), ["10.7.0.5 5000 typ host"]);
    bench.run(SECOND, sees("203.0.113.9:42000"));

    assert_eq!(bench.told(), ["10.7.0.5 5000 typ host", "203.0.113.9 42000 typ srflx"]);
}

#[test]
fn what_comes_from_no_server_is_not_ours() {
    let mut bench = Bench::new(config(&[STUN]));
    let taken =
        bench.gatherer.handle_datagram(bench.now, address(BASE), address("192.0.2.9:1"), &[0; 20]);
    assert_eq!(taken, Inbound::NotOurs);
}
