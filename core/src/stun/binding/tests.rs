use std::collections::BTreeSet;

use super::*;
use crate::base::Seed;
use crate::stun::answers::{asked, message, refusal, success};
use crate::stun::attributes::OtherAddress;
use proptest::prelude::*;
use stun_types::attribute::XorMappedAddress;
use stun_types::message::{MessageClass, TransactionId};

fn address(port: u16) -> SocketAddr {
    SocketAddr::from(([203, 0, 113, 1], port))
}

fn binding(now: Instant, seed: u64) -> Binding {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    Binding::new(now, Seed::new(bytes).rng())
}

/// Fires the timeout and takes the request that must come of it.
fn request(binding: &mut Binding, now: Instant) -> TransactionId {
    binding.handle_timeout(now);
    let mut buffer = [0; 64];
    let length = binding.poll_transmit(now, &mut buffer).expect("a request is due");
    assert_eq!(binding.poll_transmit(now, &mut buffer), None, "one datagram each time");
    asked(&buffer[..length])
}

#[test]
fn a_mapping_is_told_when_it_is_new_and_not_again() {
    let start = crate::test_clock();
    let later = start + Duration::from_millis(7);
    let mut binding = binding(start, 1);
    assert_eq!((binding.poll_timeout(), binding.poll_event()), (Some(start), None));

    let id = request(&mut binding, start);
    let mapped = XorMappedAddress::new(address(1), id);
    let other = OtherAddress::new("192.0.2.9:3479".parse().unwrap());
    let answer = message(MessageClass::Success, id, &[&mapped, &other]);
    assert_eq!(binding.handle_message(later, &answer), Ok(()));

    assert_eq!(binding.poll_event(), Some(BindingEvent::Mapped(address(1))));
    assert_eq!(binding.poll_event(), None);
    assert_eq!(binding.mapped(), Some(address(1)));
    assert_eq!(binding.rtt(), Some(later - start));
    assert_eq!(binding.other_address(), Some(other.address()));
    // The same answer again, as networks double datagrams.
    assert_eq!(binding.handle_message(later, &answer), Err(DropReason::NoTransaction));

    for (port, event) in [(1, None), (2, Some(BindingEvent::Mapped(address(2))))] {
        let now = binding.poll_timeout().unwrap();
        let id = request(&mut binding, now);
        assert_eq!(binding.handle_message(now, &success(id, address(port))), Ok(()));
        assert_eq!(binding.poll_event(), event);
        assert_eq!(binding.other_address(), None);
    }
}

#[test]
fn what_is_no_answer_changes_nothing() {
    let now = crate::test_clock();
    let mut binding = binding(now, 1);
    let id = request(&mut binding, now);
    let stranger = TransactionId::from(u128::from(id) ^ 1);
    let good = success(id, address(1));
    let mut wrong_fingerprint = good.clone();
    wrong_fingerprint[3] += 8;
    wrong_fingerprint.extend([0x80, 0x28, 0, 4, 1, 2, 3, 4]);
    let deadline = binding.poll_timeout();

    for (what, payload, reason) in [
        ("nothing", vec![], DropReason::BadStun),
        ("no STUN", vec![0x80; 40], DropReason::BadStun),
        ("truncated", good[..good.len() - 1].to_vec(), DropReason::BadStun),
        ("wrong fingerprint", wrong_fingerprint, DropReason::BadStun),
        ("no address", message(MessageClass::Success, id, &[]), DropReason::BadStun),
        ("no code", message(MessageClass::Error, id, &[]), DropReason::BadStun),
        ("other transaction", success(stranger, address(2)), DropReason::NoTransaction),
        ("other error", refusal(stranger, 400), DropReason::NoTransaction),
        ("a request", message(MessageClass::Request, id, &[]), DropReason::NoTransaction),
        ("an indication", message(MessageClass::Indication, id, &[]), DropReason::NoTransaction),
    ] {
        assert_eq!(binding.handle_message(now, &payload), Err(reason), "{what}");
        assert_eq!((binding.mapped(), binding.poll_event()), (None, None), "{what}");
        assert_eq!(binding.poll_timeout(), deadline, "{what}");
    }
    assert_eq!(binding.handle_message(now, &good), Ok(()));
    assert_eq!(binding.mapped(), Some(address(1)));
}

#[test]
fn refusal_and_silence_take_the_mapping_back_are_told_once_and_asked_again() {
    let mut now = crate::test_clock();
    let mut binding = binding(now, 1);
    let id = request(&mut binding, now);
    binding.handle_message(now, &success(id, address(1))).unwrap();
    assert!(binding.poll_event().is_some());
    let refused = |code| Some(BindingEvent::Refused(code));

    for (code, event) in [(500, refused(500)), (500, None), (403, refused(403))] {
        now = binding.poll_timeout().unwrap();
        let id = request(&mut binding, now);
        assert_eq!(binding.handle_message(now, &refusal(id, code)), Ok(()));
        assert_eq!((binding.poll_event(), binding.mapped()), (event, None));
        assert!(binding.poll_timeout().unwrap() >= now + Duration::from_secs(4));
    }
    let mut events = Vec::new();
    let mut sent = 0;
    let end = now + Duration::from_secs(600);
    while now < end {
        now = binding.poll_timeout().unwrap();
        binding.handle_timeout(now);
        sent += usize::from(binding.poll_transmit(now, &mut [0; 64]).is_some());
        events.extend(binding.poll_event());
    }
    assert_eq!(events, [BindingEvent::Silent]);
    assert!((40..=60).contains(&sent), "{sent} requests in ten minutes of silence");
}

#[test]
fn a_buffer_too_short_loses_one_datagram_and_no_more() {
    let start = crate::test_clock();
    let mut binding = binding(start, 1);
    binding.handle_timeout(start);
    assert_eq!(binding.poll_transmit(start, &mut [0; 10]), None);

    let again = binding.poll_timeout().unwrap();
    assert_eq!(again, start + Duration::from_millis(250));
    request(&mut binding, again);
}

#[test]
fn the_round_trip_begins_when_the_datagram_leaves() {
    let start = crate::test_clock();
    let (left, back) = (start + Duration::from_millis(100), start + Duration::from_millis(130));
    let mut binding = binding(start, 1);
    binding.handle_timeout(start);
    let mut buffer = [0; 64];
    let length = binding.poll_transmit(left, &mut buffer).unwrap();

    let answer = success(asked(&buffer[..length]), address(1));
    binding.handle_message(back, &answer).unwrap();

    assert_eq!(binding.rtt(), Some(back - left));
}

#[test]
fn a_probe_asks_at_once_and_keeps_what_is_known_until_it_knows_better() {
    let start = crate::test_clock();
    let mut binding = binding(start, 1);
    let id = request(&mut binding, start);
    binding.handle_message(start, &success(id, address(1))).unwrap();
    let now = start + Duration::from_secs(10);

    binding.probe(now);

    assert_eq!((binding.poll_timeout(), binding.mapped()), (Some(now), Some(address(1))));
    let id = request(&mut binding, now);
    binding.handle_message(now, &success(id, address(2))).unwrap();
    assert_eq!(binding.mapped(), Some(address(2)));
}

/// A network between a binding and its server: loses, delays, doubles and overtakes.
struct Network {
    random: fastrand::Rng,
    loss: f64,
    /// Due when, to the server or from it.
    flying: Vec<(Instant, bool, Vec<u8>)>,
}

impl Network {
    fn send(&mut self, now: Instant, to_server: bool, payload: &[u8]) {
        let copies = 1 + usize::from(self.random.f64() < 0.2);
        for _ in 0..copies {
            if self.random.f64() >= self.loss {
                let delay = Duration::from_millis(self.random.u64(1..400));
                self.flying.push((now + delay, to_server, payload.to_vec()));
            }
        }
    }

    fn next(&self) -> Option<Instant> {
        self.flying.iter().map(|(at, ..)| *at).min()
    }

    fn take(&mut self, now: Instant) -> Option<(bool, Vec<u8>)> {
        let index = self.flying.iter().position(|(at, ..)| *at <= now)?;
        let (_, to_server, payload) = self.flying.swap_remove(index);
        Some((to_server, payload))
    }
}

/// One life of a binding on a bad network, whose NAT changes its mind every 40 s; all is well in
/// the end. Returns what was sent when, so that runs can be compared.
fn live(seed: u64) -> Vec<(Duration, TransactionId)> {
    let start = crate::test_clock();
    let mut binding = binding(start, seed);
    let random = fastrand::Rng::with_seed(seed);
    let mut network = Network { random, loss: 0.4, flying: Vec::new() };
    let (faults_end, end) = (start + Duration::from_secs(300), start + Duration::from_secs(500));
    let mut now = start;
    let mut log = Vec::new();
    let mut truths = BTreeSet::new();
    for _ in 0..10_000 {
        now = binding.poll_timeout().into_iter().chain(network.next()).min().unwrap().max(now);
        if now > end {
            break;
        }
        if now > faults_end {
            network.loss = 0.0;
        }
        let truth = address(1000 + ((now.min(faults_end) - start).as_secs() / 40) as u16);
        truths.insert(truth);
        match network.take(now) {
            Some((true, asked_for)) => {
                network.send(now, false, &success(asked(&asked_for), truth));
            }
            Some((false, answer)) => {
                let before = (binding.mapped(), binding.poll_timeout());
                if binding.handle_message(now, &answer).is_err() {
                    assert_eq!((binding.mapped(), binding.poll_timeout()), before, "seed {seed}");
                }
            }
            None => binding.handle_timeout(now),
        }
        let mut buffer = [0; 64];
        if let Some(length) = binding.poll_transmit(now, &mut buffer) {
            log.push((now - start, asked(&buffer[..length])));
            network.send(now, true, &buffer[..length]);
        }
        if let Some(BindingEvent::Mapped(told)) = binding.poll_event() {
            assert!(truths.contains(&told), "seed {seed}: {told} was never true");
            assert_eq!(binding.mapped(), Some(told), "seed {seed}");
        }
    }
    assert!(now > end, "seed {seed}: the world goes round in circles");
    assert_eq!(binding.mapped(), truths.last().copied(), "seed {seed}: the world did not heal");
    assert!(binding.rtt().is_some_and(|rtt| rtt < Duration::from_millis(800)), "seed {seed}");
    log
}

#[test]
fn a_bad_network_is_lived_through_and_the_same_seed_lives_the_same() {
    for seed in 0..200 {
        let log = live(seed);
        assert!((21..300).contains(&log.len()), "seed {seed}: {} requests", log.len());
        let (_, healthy) = log.split_at(log.partition_point(|(at, _)| at.as_secs() < 380));
        for pair in healthy.windows(2) {
            let apart = pair[1].0 - pair[0].0;
            assert!(apart <= kernel::KEEPALIVE, "seed {seed}: {apart:?} between requests");
        }
        if seed < 5 {
            assert_eq!(log, live(seed), "seed {seed}");
        }
    }
}

/// What a server, or somebody in its place, may do to a binding.
#[derive(Debug, Clone)]
enum Deed {
    Wait(u16),
    Say(Vec<u8>),
    /// A success or an error to the open transaction, whose attributes are anything.
    Answer(bool, Vec<u8>),
    Probe,
}

fn deed() -> impl Strategy<Value = Deed> {
    let bytes = || prop::collection::vec(any::<u8>(), 0..48);
    // Attributes that parse now and then.
    let attribute =
        (prop::sample::select(vec![0x0001_u16, 0x0009, 0x0020, 0x802c, 0x8028]), bytes());
    let attribute = attribute.prop_map(|(kind, mut value)| {
        value.truncate(20);
        let length = (value.len() as u16).to_be_bytes();
        value.resize(value.len().next_multiple_of(4), 0);
        [&kind.to_be_bytes()[..], &length, &value].concat()
    });
    prop_oneof![
        any::<u16>().prop_map(Deed::Wait),
        bytes().prop_map(Deed::Say),
        (any::<bool>(), prop_oneof![attribute, bytes()])
            .prop_map(|(ok, said)| Deed::Answer(ok, said)),
        Just(Deed::Probe),
    ]
}

proptest! {
    #[test]
    fn whatever_is_said_the_next_request_is_never_more_than_a_minute_away(
        deeds in prop::collection::vec(deed(), 0..40)
    ) {
        let start = crate::test_clock();
        let mut binding = binding(start, 1);
        let (mut now, mut header) = (start, vec![0; 20]);
        for deed in deeds {
            let before = (binding.mapped(), binding.poll_timeout());
            let said = match deed {
                Deed::Wait(ms) => {
                    now += Duration::from_millis(ms.into());
                    binding.handle_timeout(now);
                    None
                }
                Deed::Probe => {
                    binding.probe(now);
                    None
                }
                Deed::Say(payload) => Some(payload),
                Deed::Answer(is_success, attributes) => {
                    let kind = [1, if is_success { 0x01 } else { 0x11 }];
                    let length = (attributes.len() as u16).to_be_bytes();
                    Some([&kind[..], &length, &header[4..], &attributes].concat())
                }
            };
            if said.is_some_and(|payload| binding.handle_message(now, &payload).is_err()) {
                prop_assert_eq!((binding.mapped(), binding.poll_timeout()), before);
            }
            let mut buffer = [0; message::REQUEST_BYTES_MAX];
            while let Some(length) = binding.poll_transmit(now, &mut buffer) {
                header = buffer[..length].to_vec();
            }
            prop_assert!(binding.poll_timeout().unwrap() <= now + Duration::from_secs(60));
        }
    }
}
