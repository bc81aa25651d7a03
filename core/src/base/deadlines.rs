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
}
