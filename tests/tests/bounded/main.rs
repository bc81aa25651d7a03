//! What one session can cost, whatever its viewer does: memory, work and answers are counted, not
//! timed. How long each datagram takes is for `benches/benches/hostile.rs` to say.
#![allow(clippy::unwrap_used)]

mod meter;

use pinhole_core::SESSION_BYTES_MAX;
use pinhole_tests::hostile::{ATTACKS, Act, Hostile};

use crate::meter::{reading, watch};

/// Acts of each kind: what would grow by 1.4 kB each goes over the limit.
const ACTS: u64 = 2_000;
/// Memory that a long attack may take beyond a short one: buffers that grow to their size, and the
/// stream's own ups and downs.
const GROWTH_MAX: isize = 512 << 10;
/// Allocations for one datagram: the most is a NACK for all that is kept, one for each packet that
/// is sent again.
const ALLOCATIONS_MAX: u64 = 600;
/// Allocations for an offer of 240 kB, which comes over signalling.
const OFFER_ALLOCATIONS_MAX: u64 = 2_500;
/// Bytes sent for one datagram, at once: half of what the stream has sent lately.
const ANSWER_BYTES_MAX: usize = 700_000;
/// Bytes sent for each datagram received, over a long attack: one datagram of the stream.
const ANSWER_BYTES_MEAN_MAX: usize = 1_200;

#[test]
fn a_hostile_viewer_takes_no_more_memory_and_work_than_the_limits() {
    each_attack(|name, estimator, act| {
        let (before, mut viewer) = (reading().live, Hostile::watching(estimator, watch));
        let mut cost = Cost::default();
        let mut last = reading();
        viewer.besiege(act, ACTS, |number, answered| {
            let now = reading();
            cost.peak = cost.peak.max(now.live - before);
            if number < ACTS / 10 {
                cost.peak_early = cost.peak;
            }
            cost.allocations = cost.allocations.max(now.allocations - last.allocations);
            cost.answer = cost.answer.max(answered.bytes);
            cost.answers += answered.bytes;
            last = now;
        });
        println!("{name}, estimator {estimator:?}: {cost:?}");
        cost.check(name, estimator.is_some());
    });
}

/// What an attack cost.
#[derive(Debug, Default)]
struct Cost {
    /// The most memory, and that of the first tenth.
    peak: isize,
    peak_early: isize,
    /// The most allocations for one act.
    allocations: u64,
    /// The most bytes sent for one act, and those for all.
    answer: usize,
    answers: usize,
}

impl Cost {
    fn check(&self, name: &str, is_paced: bool) {
        assert!(self.peak < SESSION_BYTES_MAX.cast_signed(), "{name}: {self:?}");
        assert!(self.peak - self.peak_early < GROWTH_MAX, "{name} grows: {self:?}");
        let most = if name == "giant_offers" { OFFER_ALLOCATIONS_MAX } else { ALLOCATIONS_MAX };
        assert!(self.allocations <= most, "{name}: {self:?}");
        assert!(self.answer <= ANSWER_BYTES_MAX, "{name}: {self:?}");
        let mean = self.answers / usize::try_from(ACTS).unwrap();
        assert!(mean <= ANSWER_BYTES_MEAN_MAX, "{name}: {mean} bytes for each datagram");
        if name == "rtcp_nack_all" {
            // An estimate that no report has changed lets half of the stream through.
            let least = if is_paced { 5_000 } else { 20_000 };
            assert!(self.answer > least, "what it protects is not taken for its own: {self:?}");
        }
    }
}

#[test]
fn a_flood_from_ever_new_addresses_leaves_the_viewer_its_picture() {
    let (_, act) = ATTACKS.iter().find(|(name, _)| *name == "check_new_hosts").unwrap();
    let mut viewer = Hostile::watching(None, watch);
    viewer.besiege(*act, ACTS, |_, _| ());

    let sent = viewer.frame(16_000);

    assert!(viewer.is_connected());
    assert!(sent.datagrams > 10, "{sent:?}");
    let reason = pinhole_core::DropReason::TooManyAddresses;
    let refused = viewer.endpoint.dropped_total().get(&reason).copied().unwrap_or(0);
    assert!(refused > ACTS / 2, "{refused} of {ACTS} checks were refused");
}

fn each_attack(check: impl Fn(&str, Option<u64>, Act)) {
    let only = std::env::var("ATTACK").ok();
    for (name, act) in ATTACKS.iter().filter(|(name, _)| only.as_ref().is_none_or(|o| o == name)) {
        for estimator in [None, Some(8_000_000)] {
            check(name, estimator, *act);
        }
    }
}
