//! Stand-ins for secrets: the same for the same, in the form of what they stand for.

use std::collections::{BTreeMap, VecDeque};

/// Names of one kind. Beyond it each new one is given the stand-in numbered 0.
const NAMES_MAX: usize = 8_192;
/// Bytes of a name that is remembered; a longer one is given that stand-in, too. RFC 8489 allows 508
/// for a user name, and whoever reaches our port can send as many as he likes.
const NAME_BYTES_MAX: usize = 512;
/// Transactions that may wait for their answer; the oldest is forgotten.
const TRANSACTIONS_MAX: usize = 4_096;

/// What stands for what.
#[derive(Default)]
pub(super) struct Names {
    ufrags: Table,
    passwords: Table,
    fingerprints: Table,
    users: Table,
    realms: Table,
    nonces: Table,
    removed: Table,
    /// The password of each ufrag that SDP told.
    password_of: BTreeMap<String, String>,
    transactions: BTreeMap<[u8; 12], Transaction>,
    transaction_order: VecDeque<[u8; 12]>,
    transactions_total: u64,
}

/// A transaction that was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Transaction {
    pub(super) number: u64,
    /// The ufrag of whoever was asked.
    pub(super) asked: Option<String>,
}

#[derive(Default)]
struct Table(BTreeMap<String, usize>);

impl Table {
    fn number(&mut self, secret: &str) -> usize {
        let next = self.0.len() + 1;
        match self.0.get(secret) {
            Some(number) => *number,
            None if next > NAMES_MAX || secret.len() > NAME_BYTES_MAX => 0,
            None => {
                self.0.insert(secret.to_owned(), next);
                next
            }
        }
    }
}

impl Names {
    /// RFC 8839 §5.4: at least 4 characters.
    pub(super) fn ufrag(&mut self, ufrag: &str) -> String {
        format!("u{:05}", self.ufrags.number(ufrag))
    }

    /// RFC 8839 §5.4: at least 22 characters.
    pub(super) fn password(&mut self, password: &str) -> String {
        format!("p{:023}", self.passwords.number(password))
    }

    /// RFC 8122 §5: as many bytes as there were, counting up in the last ones.
    pub(super) fn fingerprint(&mut self, fingerprint: &str) -> String {
        let number = self.fingerprints.number(fingerprint) as u64;
        let pairs = fingerprint.split(':').count().clamp(8, 64);
        let bytes = std::iter::repeat_n(0, pairs - 8).chain(number.to_be_bytes());
        bytes.map(|byte: u8| format!("{byte:02X}")).collect::<Vec<_>>().join(":")
    }

    pub(super) fn user(&mut self, user: &str) -> String {
        format!("user{}", self.users.number(user))
    }

    pub(super) fn realm(&mut self, realm: &str) -> String {
        format!("realm{}", self.realms.number(realm))
    }

    pub(super) fn nonce(&mut self, nonce: &str) -> String {
        format!("nonce{}", self.nonces.number(nonce))
    }

    /// Something that is of no use to a replay, but may be the same as before.
    pub(super) fn removed(&mut self, secret: &str) -> String {
        format!("removed{}", self.removed.number(secret))
    }

    /// Learns which password belongs to a ufrag.
    pub(super) fn learn(&mut self, ufrag: &str, password: &str) {
        let short = ufrag.len().max(password.len()) <= NAME_BYTES_MAX;
        if short && self.password_of.len() < NAMES_MAX {
            self.password_of.insert(ufrag.to_owned(), password.to_owned());
        }
    }

    /// The password of a ufrag.
    pub(super) fn password_of(&self, ufrag: &str) -> Option<&str> {
        self.password_of.get(ufrag).map(String::as_str)
    }

    /// Replaces users and realms of TURN where they stand in a text.
    pub(super) fn replace_in_prose(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (table, stand_in) in [(&self.users, "user"), (&self.realms, "realm")] {
            // A word that holds a shorter one goes first.
            let mut known: Vec<_> = table.0.iter().filter(|(word, _)| !word.is_empty()).collect();
            known.sort_by_key(|(word, _)| std::cmp::Reverse(word.len()));
            for (word, number) in known {
                text = text.replace(word.as_str(), &format!("{stand_in}{number}"));
            }
        }
        text
    }

    /// The transaction of this id; a new one asks for `asked`.
    pub(super) fn transaction(&mut self, id: [u8; 12], asked: Option<&str>) -> Transaction {
        if let Some(known) = self.transactions.get(&id) {
            return known.clone();
        }
        if self.transaction_order.len() >= TRANSACTIONS_MAX
            && let Some(oldest) = self.transaction_order.pop_front()
        {
            self.transactions.remove(&oldest);
        }
        self.transactions_total += 1;
        let asked = asked.filter(|ufrag| ufrag.len() <= NAME_BYTES_MAX).map(str::to_owned);
        let new = Transaction { number: self.transactions_total, asked };
        self.transactions.insert(id, new.clone());
        self.transaction_order.push_back(id);
        new
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_secret_has_the_same_stand_in_of_the_same_form() {
        let mut names = Names::default();

        assert_eq!(names.ufrag("abcd"), names.ufrag("abcd"));
        assert_ne!(names.ufrag("abcd"), names.ufrag("efgh"));
        assert!(names.ufrag("abcd").len() >= 4 && names.password("secret").len() >= 22);
        let sha256 = vec!["AB"; 32].join(":");
        assert_eq!(names.fingerprint(&sha256).split(':').count(), 32);
        assert!(names.fingerprint(&sha256).ends_with("00:01"));
        assert!(names.fingerprint("AB").ends_with("00:02"));
    }

    #[test]
    fn a_flood_of_names_and_long_ones_are_not_remembered() {
        let mut names = Names::default();
        let long = "x".repeat(NAME_BYTES_MAX + 1);
        names.learn(&long, "password");
        names.transaction([7; 12], Some(&long));

        for n in 0..2 * NAMES_MAX {
            names.user(&n.to_string());
        }

        assert_eq!(names.users.0.len(), NAMES_MAX);
        assert_eq!((names.user("another"), names.ufrag(&long)), ("user0".into(), "u00000".into()));
        assert_eq!((names.password_of(&long), names.ufrags.0.len()), (None, 0));
        assert_eq!(names.transactions[&[7; 12]].asked, None);
    }

    #[test]
    fn a_flood_of_transactions_forgets_the_oldest_and_stays_bounded() {
        let mut names = Names::default();
        let id = |n: u32| -> [u8; 12] { std::array::from_fn(|i| n.to_be_bytes()[i % 4]) };
        let first = names.transaction(id(0), Some("u"));

        for n in 1..=TRANSACTIONS_MAX as u32 {
            names.transaction(id(n), None);
        }

        assert_eq!(names.transactions.len(), TRANSACTIONS_MAX);
        assert_ne!(names.transaction(id(0), None).number, first.number);
    }
}
