//! What a file of bounded size keeps.

use crate::trace::{Admission, Budget, Entry, What};

/// Fills a file of 100 kB with entries of every class, by turns; the kinds kept, by class, the last
/// entry and the bytes written.
fn fill(budget: &mut Budget, offer_each: u64) -> ([usize; 3], What, u64) {
    let (mut kept, mut last, mut bytes) = ([0; 3], What::Leave, 0);
    for n in 0..10_000u64 {
        let what = match n % 3 {
            _ if n % offer_each == 0 => What::Offer { sdp: "v=0".into() },
            0 => What::KeyframeWanted,
            1 => What::Dropped { reason: "x".into(), count: 1 },
            _ => What::RestartWanted { session: n },
        };
        let entry = Entry { at_us: n * 1_000_000, what };
        for _ in 0..3 {
            let line = entry.to_line().len() as u64;
            let (written, done) = match budget.admit(&entry, line) {
                Admission::Take => (entry.clone(), true),
                Admission::Omit => break,
                Admission::Announce(before) => (before, false),
                Admission::Close(end) => (end, true),
            };
            let line = written.to_line().len() as u64;
            budget.on_written(line);
            bytes += line;
            kept[written.what.class() as usize] += 1;
            last = written.what;
            if done {
                break;
            }
        }
    }
    (kept, last, bytes)
}

#[test]
fn a_file_gives_up_sums_first_and_stories_last_and_stays_within_its_size() {
    let mut budget = Budget::new(100_000);

    let ([bulk, routine, story], last, bytes) = fill(&mut budget, u64::MAX);

    assert!(budget.is_full() && (99_000..=100_000).contains(&bytes), "{bytes}");
    assert_eq!(last, What::End { reason: "full".to_owned() });
    assert!(bulk * 5 < routine * 4 && routine * 5 < story * 4, "{bulk} {routine} {story}");
}

#[test]
fn the_first_seconds_after_an_offer_are_kept_whole_to_the_end() {
    let ([bulk, routine, story], ..) = fill(&mut Budget::new(100_000), 9);

    assert!(bulk.abs_diff(routine) < routine / 2 && story > routine, "{bulk} {routine} {story}");
}
