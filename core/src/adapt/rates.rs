//! What all paths take, as a multiset: one that changes is moved in it, and nobody walks them all.

use std::collections::BTreeMap;

/// Rates in bits per second, each with how many paths have it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Rates(BTreeMap<u64, usize>);

impl Rates {
    /// A path's rate is another one now; `None`: it is not known.
    pub(crate) fn change(&mut self, before: Option<u64>, after: Option<u64>) {
        if before == after {
            return;
        }
        if let Some(before) = before
            && let Some(paths) = self.0.get_mut(&before)
        {
            *paths -= 1;
            if *paths == 0 {
                self.0.remove(&before);
            }
        }
        if let Some(after) = after {
            *self.0.entry(after).or_default() += 1;
        }
    }

    /// The least of those at or above a floor.
    pub(crate) fn slowest_from(&self, floor: u64) -> Option<u64> {
        self.0.range(floor..).next().map(|(rate, _)| *rate)
    }

    /// Whether a path takes less than that.
    pub(crate) fn has_below(&self, floor: u64) -> bool {
        self.0.first_key_value().is_some_and(|(rate, _)| *rate < floor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn it_says_what_a_walk_over_all_paths_would(
            steps in prop::collection::vec((0usize..6, prop::option::of(0u64..8)), 0..60),
            floor in 0u64..9,
        ) {
            let (mut rates, mut paths) = (Rates::default(), [None; 6]);
            for (path, rate) in steps {
                let before = std::mem::replace(&mut paths[path], rate);
                rates.change(before, rate);

                let known = || paths.iter().flatten().copied();
                let slowest = known().filter(|rate| *rate >= floor).min();
                prop_assert_eq!(rates.slowest_from(floor), slowest);
                prop_assert_eq!(rates.has_below(floor), known().any(|rate| rate < floor));
            }
        }
    }
}
