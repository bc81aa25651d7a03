//! Deadlines of many owners, ordered, with the reason of each.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

/// At most one deadline per key; the earliest is found in O(log n).
///
/// Ties are broken by the key, so that the order in which things fire does not depend on the order
/// in which they were set.
#[derive(Debug)]
pub(crate) struct Deadlines<K: Ord + Copy> {
    by_time: BTreeSet<(Instant, K)>,
    by_key: BTreeMap<K, Instant>,
}

impl<K: Ord + Copy> Default for Deadlines<K> {
    fn default() -> Deadlines<K> {
        Deadlines::new()
    }
}

impl<K: Ord + Copy> Deadlines<K> {
    pub(crate) fn new() -> Deadlines<K> {
        Deadlines { by_time: BTreeSet::new(), by_key: BTreeMap::new() }
    }

    /// Sets, moves or (with `None`) removes the deadline of `key`.
    pub(crate) fn set(&mut self, key: K, at: Option<Instant>) {
        let before = match at {
            Some(at) => self.by_key.insert(key, at),
            None => self.by_key.remove(&key),
        };
        if before == at {
            return;
        }
        if let Some(before) = before {
            self.by_time.remove(&(before, key));
        }
        if let Some(at) = at {
            self.by_time.insert((at, key));
        }
    }

    /// The deadline of `key`.
    pub(crate) fn of(&self, key: K) -> Option<Instant> {
        self.by_key.get(&key).copied()
    }

    /// The earliest deadline and whose it is.
    pub(crate) fn earliest(&self) -> Option<(Instant, K)> {
        self.by_time.first().copied()
    }

    /// Takes out one deadline that is due at `now`.
    pub(crate) fn pop_due(&mut self, now: Instant) -> Option<K> {
        let (at, key) = self.earliest()?;
        if at > now {
            return None;
        }
        self.set(key, None);
        Some(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::time::Duration;

    #[test]
    fn the_earliest_fires_first_and_only_when_due() {
        let start = crate::test_clock();
        let at = |ms| start + Duration::from_millis(ms);
        let mut deadlines = Deadlines::new();
        deadlines.set('b', Some(at(20)));
        deadlines.set('a', Some(at(20)));
        deadlines.set('c', Some(at(10)));
        deadlines.set('c', Some(at(30)));
        deadlines.set('d', Some(at(5)));
        deadlines.set('d', None);

        assert_eq!(deadlines.earliest(), Some((at(20), 'a')));
        assert_eq!(deadlines.pop_due(at(19)), None);
        assert_eq!(deadlines.pop_due(at(20)), Some('a'));
        assert_eq!(deadlines.pop_due(at(20)), Some('b'));
        assert_eq!(deadlines.pop_due(at(20)), None);
        assert_eq!(deadlines.pop_due(at(30)), Some('c'));
        assert_eq!(deadlines.earliest(), None);
    }

    /// The same as a plain list: whatever is set, moved, removed and fired.
    fn earliest_of(model: &BTreeMap<u8, Instant>) -> Option<(Instant, u8)> {
        model.iter().map(|(key, at)| (*at, *key)).min()
    }

    proptest! {
        #[test]
        fn whatever_is_set_moved_and_fired_the_earliest_is_told(
            steps in prop::collection::vec((0u8..6, prop::option::of(0u64..50), 0u64..50), 0..60),
        ) {
            let start = crate::test_clock();
            let at = |ms| start + Duration::from_millis(ms);
            let (mut deadlines, mut model) = (Deadlines::new(), BTreeMap::new());
            for (key, set, now) in steps {
                deadlines.set(key, set.map(at));
                match set {
                    Some(ms) => drop(model.insert(key, at(ms))),
                    None => drop(model.remove(&key)),
                }
                prop_assert_eq!(deadlines.earliest(), earliest_of(&model));
                let due = earliest_of(&model).filter(|(due, _)| *due <= at(now));
                prop_assert_eq!(deadlines.pop_due(at(now)), due.map(|(_, key)| key));
                due.map(|(_, key)| model.remove(&key));
            }
        }
    }
}
