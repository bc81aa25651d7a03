use super::*;
use crate::base::Seed;
use crate::stun::message::Mapped;

const A: &str = "203.0.113.1:5000";

fn mapped(address: &str) -> Outcome {
    Outcome::Mapped(Mapped { address: address.parse().unwrap(), other: None, origin: None })
}

/// What happens to the kernel; answers are to the open transaction unless they say so.
#[derive(Clone, Copy)]
enum Input {
    Due,
    Early,
    GaveUp,
    Answer(Outcome),
    Stale(Outcome),
    Probe,
}

struct Machine {
    start: Instant,
    now: Instant,
    rng: SeedRng,
    kernel: Kernel,
}

impl Machine {
    fn new() -> Machine {
        let start = crate::test_clock();
        let rng = Seed::new([3; 32]).rng();
        Machine { start, now: start, rng, kernel: Kernel::new(start) }
    }

    fn take(&mut self, input: Input) -> String {
        let id = self.kernel.transaction().unwrap_or(TransactionId::from(1));
        match input {
            Input::Due => {
                self.now = self.kernel.deadline();
                let action = self.kernel.on_timeout(self.now, &mut self.rng);
                self.kernel.on_sent(self.now);
                format!("{action:?}")
            }
            Input::Early => {
                let early = self.kernel.deadline() - Duration::from_nanos(1);
                format!("{:?}", self.kernel.on_timeout(early, &mut self.rng))
            }
            Input::GaveUp => {
                let mut last = String::new();
                while self.kernel.transaction().is_some() {
                    last = self.take(Input::Due);
                }
                last
            }
            Input::Answer(outcome) => {
                self.now += Duration::from_millis(20);
                format!("{:?}", self.kernel.on_response(self.now, id, outcome, &mut self.rng))
            }
            Input::Stale(outcome) => {
                let id = TransactionId::from(u128::from(id) ^ 1);
                format!("{:?}", self.kernel.on_response(self.now, id, outcome, &mut self.rng))
            }
            Input::Probe => {
                self.kernel.on_probe(self.now);
                "()".to_owned()
            }
        }
    }

    fn shown(&self) -> String {
        let due = self.kernel.deadline().saturating_duration_since(self.now).as_millis();
        let state = match self.kernel.state {
            State::Resting { .. } => "resting",
            State::Asking { .. } => "asking",
        };
        format!("{state} {due} ms, {:?}", self.kernel.known)
    }
}

/// The whole state × input table: what was done, where it leads, how long until the next deadline,
/// and what is known. Rests are shortened by chance, here by that of one seed.
#[test]
fn every_input_in_every_state_leads_where_the_diagram_says() {
    let states: [(&str, &[Input]); 5] = [
        ("new", &[]),
        ("asking", &[Input::Due]),
        ("mapped", &[Input::Due, Input::Answer(mapped(A))]),
        ("asking again", &[Input::Due, Input::Answer(mapped(A)), Input::Due]),
        ("silent", &[Input::Due, Input::GaveUp]),
    ];
    let inputs = [
        ("early", Input::Early),
        ("due", Input::Due),
        ("gave up", Input::GaveUp),
        ("same", Input::Answer(mapped(A))),
        ("other", Input::Answer(mapped("203.0.113.1:5001"))),
        ("refused", Input::Answer(Outcome::Refused(500))),
        ("stale", Input::Stale(mapped("203.0.113.1:5002"))),
        ("probe", Input::Probe),
    ];
    let mut table = String::new();
    for (name, path) in states {
        for (input_name, input) in inputs {
            let mut machine = Machine::new();
            path.iter().for_each(|step| drop(machine.take(*step)));
            let done = machine.take(input).replace("203.0.113.1", "A");
            let shown = machine.shown().replace("203.0.113.1", "A");
            table += &format!("{name} + {input_name}: {done} -> {shown}\n");
        }
    }
    assert_eq!(table, include_str!("kernel_table.txt"), "{table}");
}

#[test]
fn rests_after_silence_double_up_to_a_minute_and_are_never_the_same() {
    let mut machine = Machine::new();
    let mut rests = Vec::new();
    for _ in 0..12 {
        machine.take(Input::Due);
        machine.take(Input::GaveUp);
        rests.push((machine.kernel.deadline() - machine.now).as_secs_f64());
    }

    for (index, rest) in rests.iter().enumerate() {
        let most = [5.0, 10.0, 20.0, 40.0].get(index).copied().unwrap_or(60.0);
        assert!((most * 0.8..=most).contains(rest), "rest {index} is {rest} s");
    }
    let mut distinct = rests;
    distinct.sort_by(f64::total_cmp);
    distinct.dedup();
    assert_eq!(distinct.len(), 12);
}

#[test]
fn a_success_forgets_the_failures_before_it() {
    let mut machine = Machine::new();
    for _ in 0..4 {
        machine.take(Input::Due);
        machine.take(Input::GaveUp);
    }
    machine.take(Input::Due);
    machine.take(Input::Answer(mapped(A)));
    machine.take(Input::Due);
    machine.take(Input::GaveUp);

    assert!(machine.kernel.deadline() - machine.now <= RETRY_FIRST);
}

#[test]
fn keepalives_count_from_the_last_datagram_and_a_repeated_request_has_no_round_trip() {
    let mut machine = Machine::new();
    machine.take(Input::Due);
    machine.take(Input::Due);
    let sent = machine.now;
    machine.now += Duration::from_secs(3);
    machine.take(Input::Answer(mapped(A)));

    let rest = machine.kernel.deadline() - sent;
    assert!(rest <= KEEPALIVE && rest >= KEEPALIVE.mul_f64(0.9), "{rest:?}");
    assert_eq!(machine.kernel.rtt(), None);

    machine.take(Input::Due);
    machine.take(Input::Answer(mapped(A)));
    assert_eq!(machine.kernel.rtt(), Some(Duration::from_millis(20)));
}

#[test]
fn each_transaction_has_an_id_of_its_own_and_keeps_it() {
    let mut machine = Machine::new();
    let mut ids = Vec::new();
    for _ in 0..5 {
        machine.take(Input::Due);
        let id = machine.kernel.transaction();
        machine.take(Input::Due);
        assert_eq!(machine.kernel.transaction(), id);
        ids.push(id);
        machine.take(Input::Answer(mapped(A)));
    }
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 5);
}

#[test]
fn a_storm_of_probes_is_one_request_in_a_while_and_the_old_answer_is_stale() {
    let mut machine = Machine::new();
    machine.take(Input::Due);
    let old = machine.kernel.transaction().unwrap();
    let mut sent = 0;
    for _ in 0..1000 {
        machine.now += Duration::from_millis(1);
        machine.take(Input::Probe);
        let action = machine.kernel.on_timeout(machine.now, &mut machine.rng);
        sent += usize::from(action == Action::Send);
    }

    assert_eq!(sent, 4, "a second has room for four more");
    let answer = machine.kernel.on_response(machine.now, old, mapped(A), &mut machine.rng);
    assert_eq!(answer, Err(DropReason::NoTransaction));
    assert!(machine.start < machine.now);
}

#[test]
fn a_server_far_away_is_soon_asked_once_and_its_round_trip_known() {
    let mut machine = Machine::new();
    let rtt = Duration::from_millis(620);
    let mut requests = Vec::new();
    for _ in 0..5 {
        let begun = machine.kernel.deadline();
        let mut sent = 0;
        while machine.kernel.deadline() < begun + rtt {
            machine.take(Input::Due);
            sent += 1;
        }
        machine.now = begun + rtt - Duration::from_millis(20);
        machine.take(Input::Answer(mapped(A)));
        requests.push(sent);
    }

    assert_eq!(requests, [2, 2, 1, 1, 1]);
    assert_eq!(machine.kernel.rtt(), Some(rtt));
}
