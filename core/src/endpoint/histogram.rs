//! Durations, counted by how long they were.

use std::time::Duration;

/// Upper bounds in microseconds: from what one system call takes to what nobody waits for. Close
/// together between 4 and 50 ms, where the parts of a picture's age lie that anybody can change.
const BOUNDS_US: [u64; 20] = [
    100, 250, 500, 1_000, 2_000, 4_000, 6_000, 8_000, 10_000, 15_000, 20_000, 25_000, 30_000,
    40_000, 50_000, 75_000, 100_000, 200_000, 500_000, 1_000_000,
];

/// How long something took, each time. Buckets are fixed; counting allocates nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Histogram {
    buckets: [u64; BOUNDS_US.len()],
    /// Longer than the last bound.
    beyond: u64,
    sum: Duration,
}

impl Histogram {
    /// Counts one duration.
    pub fn observe(&mut self, took: Duration) {
        let place = BOUNDS_US.partition_point(|bound| Duration::from_micros(*bound) < took);
        *self.buckets.get_mut(place).unwrap_or(&mut self.beyond) += 1;
        self.sum = self.sum.saturating_add(took);
    }

    /// Counts all that another has counted.
    pub fn add(&mut self, other: &Histogram) {
        self.buckets.iter_mut().zip(&other.buckets).for_each(|(count, more)| *count += more);
        self.beyond += other.beyond;
        self.sum = self.sum.saturating_add(other.sum);
    }

    /// Each bound, with the number of durations that were no longer.
    pub fn cumulative(&self) -> impl Iterator<Item = (Duration, u64)> + '_ {
        let mut total = 0;
        BOUNDS_US.iter().zip(&self.buckets).map(move |(bound, count)| {
            total += count;
            (Duration::from_micros(*bound), total)
        })
    }

    /// All that were counted.
    pub fn count(&self) -> u64 {
        self.buckets.iter().sum::<u64>() + self.beyond
    }

    /// All durations together.
    pub fn sum(&self) -> Duration {
        self.sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_counts_up_to_each_bound_that_holds_it() {
        let mut histogram = Histogram::default();
        for us in [0, 100, 101, 30_000, 1_000_000, 1_000_001] {
            histogram.observe(Duration::from_micros(us));
        }

        let counts: Vec<_> =
            histogram.cumulative().map(|(bound, n)| (bound.as_micros(), n)).collect();
        assert_eq!(counts[..3], [(100, 2), (250, 3), (500, 3)]);
        assert_eq!(counts[11..13], [(25_000, 3), (30_000, 4)]);
        assert_eq!(counts[18..], [(500_000, 4), (1_000_000, 5)]);
        assert_eq!(histogram.count(), 6);
        assert_eq!(histogram.sum(), Duration::from_micros(2_030_202));
    }
}
