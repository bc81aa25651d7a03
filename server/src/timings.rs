//! Histograms of durations, filled from any thread.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Upper bounds of the buckets in seconds: from an answer on loopback to a viewer who nearly gave
/// up.
pub(crate) const BOUNDS: [f64; 12] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 20.0];

/// How long something took, each time.
#[derive(Debug, Default)]
pub(crate) struct Histogram {
    /// One more than bounds: the last bucket has none.
    buckets: [AtomicU64; BOUNDS.len() + 1],
    sum_micros: AtomicU64,
}

impl Histogram {
    /// Counts one duration.
    pub(crate) fn observe(&self, duration: Duration) {
        let seconds = duration.as_secs_f64();
        let bucket = BOUNDS.iter().position(|bound| seconds <= *bound).unwrap_or(BOUNDS.len());
        self.buckets[bucket].fetch_add(1, Ordering::Relaxed);
        let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        self.sum_micros.fetch_add(micros, Ordering::Relaxed);
    }

    /// Counts of all durations up to each bound, the last without one.
    pub(crate) fn cumulative(&self) -> [u64; BOUNDS.len() + 1] {
        let mut total = 0;
        std::array::from_fn(|bucket| {
            total += self.buckets[bucket].load(Ordering::Relaxed);
            total
        })
    }

    /// All durations together, in seconds.
    pub(crate) fn sum_seconds(&self) -> f64 {
        self.sum_micros.load(Ordering::Relaxed) as f64 / 1e6
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_counts_in_every_bucket_that_holds_it() {
        let histogram = Histogram::default();

        histogram.observe(Duration::from_millis(5));
        histogram.observe(Duration::from_secs(60));

        let counts = histogram.cumulative();
        assert_eq!(counts[1..4], [0, 1, 1]);
        assert_eq!(counts[11..], [1, 2]);
        assert!((histogram.sum_seconds() - 60.005).abs() < 1e-9);
    }
}
