//! What was recorded is decided the same when it is run again.

use std::time::Instant;

use pinhole_core::Certificate;
use pinhole_core::trace::{Recording, STEPS_MAX, compare, replay};

/// Runs it again; panics with the first differences.
pub(crate) fn assert_same(recording: &Recording) -> usize {
    let certificate = Certificate::generate().unwrap();
    let replayed = replay(Instant::now(), recording, &certificate, STEPS_MAX).unwrap();
    let comparison = compare(recording, &replayed);
    for difference in &comparison.differences {
        eprintln!("then {:?}\nnow  {:?}", difference.recorded, difference.replayed);
    }
    for caveat in &replayed.caveats {
        eprintln!("{caveat}");
    }
    assert!(comparison.is_same(), "{} are the same", comparison.same);
    comparison.same
}
