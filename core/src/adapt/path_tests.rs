//! The kernel against a link of a few lines: what leaves waits behind what left before it.

use std::time::{Duration, Instant};

use super::{Arrival, PathRate};
use crate::adapt::{Advice, PathReport};

const FRAME: Duration = Duration::from_millis(33);
const DELAY: Duration = Duration::from_millis(80);

/// All that left has arrived that much later.
fn told(path: &PathRate, at: Instant, delay: Duration) -> Option<Arrival> {
    Some(Arrival { at, delay, bits: path.delivery.sent_until(at - delay) })
}

/// A link, a sender that keeps to the rate to the bit, and feedback with every frame.
struct Link {
    path: PathRate,
    now: Instant,
    capacity: u64,
    estimate: u64,
    /// Bits that wait.
    queue: u64,
    /// What of the link was used, and the longest wait.
    carried: u64,
    longest: Duration,
}

impl Link {
    fn new(capacity: u64) -> Link {
        let path = PathRate::new(3_000_000);
        let now = crate::test_clock();
        let (queue, carried, longest) = (0, 0, Duration::ZERO);
        Link { path, now, capacity, estimate: 5_000_000, queue, carried, longest }
    }

    fn run(&mut self, time: Duration) {
        (self.carried, self.longest) = (0, Duration::ZERO);
        let until = self.now + time;
        while self.now < until {
            self.now += FRAME;
            let frame = self.path.rate() * 33 / 1_000;
            self.path.on_sent(self.now, frame);
            let gone = (self.queue + frame).min(self.capacity * 33 / 1_000);
            self.queue = self.queue + frame - gone;
            self.carried += gone;
            let waits = Duration::from_micros(self.queue * 1_000_000 / self.capacity);
            self.longest = self.longest.max(waits);
            // Not to the nanosecond the same, as no two are.
            let rtt = DELAY + waits + Duration::from_nanos(self.carried % 1_000);
            let report = PathReport {
                estimate: self.estimate,
                arrival: told(&self.path, self.now, rtt),
                loss: 0.0,
                heard: self.now,
            };
            self.path.on_report(self.now, report);
        }
    }

    fn used(&self, time: Duration) -> f64 {
        self.carried as f64 / (self.capacity as f64 * time.as_secs_f64())
    }
}

#[test]
fn a_path_that_takes_all_is_given_all() {
    let mut link = Link::new(20_000_000);
    link.run(Duration::from_secs(5));
    assert_eq!(link.path.rate(), 3_000_000);
}

#[test]
fn the_estimate_is_an_upper_bound_of_what_was_not_seen_to_arrive() {
    let mut link = Link::new(20_000_000);
    link.estimate = 1_000_000;
    link.run(FRAME * 5);
    assert_eq!(link.path.rate(), 950_000);

    link.run(Duration::from_secs(12));
    // The first frame arrived at the ceiling, and counts among those of half a second.
    assert!(link.path.rate() <= 1_000_000, "{} bit/s", link.path.rate());
}

#[test]
fn an_estimate_that_falls_while_everything_arrives_takes_nothing() {
    let mut link = Link::new(20_000_000);
    link.estimate = 1_000_000;
    link.run(Duration::from_secs(3));
    link.estimate = 600_000;
    link.run(Duration::from_secs(3));
    assert!(link.path.rate() >= 850_000, "{} bit/s", link.path.rate());

    link.run(Duration::from_secs(30));
    assert!(link.path.rate() >= 570_000, "{} bit/s, no less than the estimate", link.path.rate());
}

#[test]
fn a_round_trip_that_jumps_halves_the_rate_for_a_moment_and_not_again_soon() {
    let ms = Duration::from_millis;
    let mut link = Link::new(20_000_000);
    link.run(Duration::from_secs(3));
    let start = link.now;
    let mut report = |after: u64, queue| {
        let now = start + ms(after);
        link.path.on_sent(now, 99_000);
        let rtt = DELAY + ms(queue) + Duration::from_nanos(after);
        let report = PathReport {
            estimate: 5_000_000,
            arrival: told(&link.path, now, rtt),
            loss: 0.0,
            heard: now,
        };
        link.path.on_report(now, report);
        link.path.rate()
    };

    assert_eq!(report(33, 0), 3_000_000);
    assert_eq!(report(66, 70), 1_500_000);
    assert_eq!(report(100, 0), 1_650_750, "a clear path rises as it does");
    assert_eq!(report(266, 0), 3_000_000, "what was thought of it was wrong");
    assert_eq!(report(300, 70), 3_000_000, "this one jumps by itself");
    for frame in 10..63 {
        assert_eq!(report(frame * 33, 0), 3_000_000);
    }
    assert_eq!(report(2_100, 70), 1_500_000);
}

#[test]
fn a_queue_of_our_own_keyframe_is_no_reason_for_caution() {
    let ms = Duration::from_millis;
    let mut link = Link::new(20_000_000);
    link.run(Duration::from_secs(3));
    let sent = link.now + ms(10);
    link.path.on_sent(sent, 400_000);

    let heard = sent + DELAY + ms(70);
    let rtt = DELAY + ms(70);
    link.path.on_report(
        heard,
        PathReport { estimate: 5_000_000, arrival: told(&link.path, heard, rtt), loss: 0.0, heard },
    );

    assert_eq!(link.path.rate(), 3_000_000);
}

#[test]
fn a_link_that_becomes_slower_shows_in_its_queue_long_before_it_does_in_the_estimate() {
    let mut link = Link::new(20_000_000);
    link.run(Duration::from_secs(3));
    link.capacity = 1_500_000;

    link.run(Duration::from_secs(2));

    assert!(link.longest < Duration::from_millis(220), "waits {:?}", link.longest);
    link.run(Duration::from_secs(20));
    let used = link.used(Duration::from_secs(20));
    assert!((0.85..=1.0).contains(&used), "{used} of the link is used");
    assert!(link.longest < Duration::from_millis(120), "waits {:?}", link.longest);
}

#[test]
fn a_probe_that_proves_more_ends_the_caution_at_once() {
    let mut link = Link::new(1_000_000);
    link.estimate = 1_100_000;
    link.run(Duration::from_secs(10));
    (link.capacity, link.estimate) = (20_000_000, 6_000_000);

    link.run(Duration::from_millis(1_500));

    assert!(link.path.rate() > 2_500_000, "{} bit/s", link.path.rate());
}

#[test]
fn it_is_looked_for_more_only_on_a_calm_path_and_not_all_the_time() {
    let mut link = Link::new(20_000_000);
    link.estimate = 1_000_000;
    link.run(Duration::from_secs(12));
    let looks = |link: &mut Link| {
        let now = link.now;
        (0..100).filter(|n| link.path.desired(now + FRAME * *n) > 1_100_000).count()
    };

    assert_eq!(looks(&mut link), 1, "once in four seconds");
    link.capacity = 500_000;
    link.run(Duration::from_secs(1));
    link.now += Duration::from_secs(4);
    assert_eq!(looks(&mut link), 0, "a queue stands");
}

#[test]
fn a_path_that_is_not_heard_of_stays_as_it_was() {
    let mut link = Link::new(20_000_000);
    link.run(Duration::from_secs(1));
    let before = link.path.rate();
    for _ in 0..100 {
        link.now += FRAME;
        let silent = PathReport { estimate: 5_000_000, arrival: None, loss: 0.0, heard: link.now };
        link.path.on_report(link.now, silent);
    }
    assert_eq!(link.path.rate(), before);
}

#[test]
fn what_was_lost_while_a_path_was_cut_off_is_held_against_it_for_no_rate() {
    let ms = Duration::from_millis;
    let mut link = Link::new(20_000_000);
    link.run(Duration::from_secs(2));
    let rate = link.path.rate();
    let back = link.now + ms(1_500);
    let mut report = |after: u64, estimate, loss| {
        let now = back + ms(after);
        let rtt = DELAY + Duration::from_nanos(after);
        let advice = link.path.on_report(
            now,
            PathReport { estimate, arrival: told(&link.path, now, rtt), loss, heard: now },
        );
        (advice, link.path.rate())
    };

    assert_eq!(report(0, 5_000_000, 0.0), (Advice::Nothing, rate));
    assert_eq!(report(450, 5_000_000, 0.0), (Advice::Nothing, rate));
    let (advice, kept) = report(900, 150_000, 0.6);
    assert!(
        matches!(advice, Advice::BeginFrom(estimate) if estimate * 95 / 100 >= rate),
        "{advice:?}"
    );
    assert_eq!(kept, rate);
    assert_eq!(report(950, 5_000_000, 0.6), (Advice::Nothing, rate));
    assert!(report(1_000, 400_000, 0.02).1 < 400_000, "what falls without losses is believed");
    assert_eq!(report(1_450, 5_000_000, 0.0).0, Advice::Nothing);
    assert_eq!(report(1_900, 5_000_000, 0.0).0, Advice::Nothing);
    assert!(report(2_100, 200_000, 0.6).1 < 200_000, "and what comes later");
}

#[test]
fn a_queue_that_still_stands_after_its_time_to_drain_is_given_what_arrives() {
    let ms = Duration::from_millis;
    let mut link = Link::new(20_000_000);
    link.run(Duration::from_secs(3));
    let start = link.now;

    // From now on 600 kbit/s are sent, and a queue of 100 ms stays as long as it is.
    let rates: Vec<u64> = (1..=12)
        .map(|step| {
            let now = start + ms(50) * step;
            link.path.on_sent(now, 30_000);
            let rtt = DELAY + ms(100) + Duration::from_nanos(step.into());
            let report = PathReport {
                estimate: 5_000_000,
                arrival: told(&link.path, now, rtt),
                loss: 0.0,
                heard: now,
            };
            link.path.on_report(now, report);
            link.path.rate()
        })
        .collect();

    assert_eq!(rates[0], 900_000, "half of the 60 % that a path is trusted to take still");
    assert_eq!(rates[6], 747_800, "{rates:?}: 82 % of what arrives, over what is known of it");
    assert_eq!(
        rates.last(),
        Some(&300_000),
        "{rates:?}: half of what arrives, as it is deep still"
    );
}

#[test]
fn a_rate_below_what_arrives_without_a_queue_that_stands_is_raised_to_the_better_part_of_it() {
    let ms = Duration::from_millis;
    let mut link = Link::new(20_000_000);
    link.run(Duration::from_secs(3));
    let start = link.now;
    // As a cut left it, while an encoder at its floor makes 400 kbit/s.
    link.path.rate = 100_000;
    link.path.proved.on_full(start, None);

    for step in 1..=40 {
        let now = start + ms(50) * step;
        link.path.on_sent(now, 20_000);
        // Neither clear nor standing.
        let rtt = DELAY + ms(40) + Duration::from_nanos(step.into());
        link.path.on_report(
            now,
            PathReport {
                estimate: 5_000_000,
                arrival: told(&link.path, now, rtt),
                loss: 0.0,
                heard: now,
            },
        );
    }

    let rate = link.path.rate();
    assert!(rate >= 320_000, "{rate} bit/s of 400000 that arrive");
}

#[test]
fn an_estimate_that_collapses_behind_a_pause_is_begun_anew_and_one_that_fell_a_little_is_taken() {
    let after_pause = |estimate: u64| {
        let mut link = Link::new(20_000_000);
        link.run(Duration::from_secs(3));
        assert_eq!(link.path.rate(), 3_000_000);
        for _ in 0..20 {
            link.now += Duration::from_millis(200);
            link.path.on_pause(link.now);
        }
        let (now, rtt) = (link.now + Duration::from_millis(50), Duration::from_millis(81));
        let report =
            PathReport { estimate, arrival: told(&link.path, now, rtt), loss: 0.0, heard: now };
        (link.path.on_report(now, report), link.path.rate())
    };

    assert_eq!(after_pause(5_000_000), (Advice::Nothing, 3_000_000));
    assert_eq!(after_pause(2_000_000), (Advice::Nothing, 1_900_000));
    let (advice, rate) = after_pause(40_000);
    assert!(matches!(advice, Advice::BeginFrom(3_100_000..3_200_000)), "{advice:?}");
    assert_eq!(rate, 3_000_000, "what it was given before");
}
