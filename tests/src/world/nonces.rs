//! Nonces from the seed. The TURN server's crate draws its own from a generator that cannot be
//! seeded, and clients repeat them, so its messages are rewritten on the way: nobody outside sees a
//! nonce of the crate's, and it sees no other. What is signed is signed anew, if the signature was
//! a good one; a bad one stays bad.

use std::collections::BTreeMap;

use stun_types::attribute::{
    Attribute, AttributeStaticType, Fingerprint, MessageIntegrity, MessageIntegritySha256, Nonce,
    PasswordAlgorithms, RawAttribute,
};
use stun_types::message::{
    LongTermCredentials, Message, MessageClass, MessageIntegrityCredentials, MessageWrite,
    MessageWriteExt, MessageWriteVec,
};

/// Characters of a nonce that are drawn; what stands before them says what the server can
/// (RFC 8489 §9.2).
const DRAWN: usize = 16;

/// The crate's nonces and ours, one another's.
pub(super) struct Nonces {
    rng: fastrand::Rng,
    realm: String,
    outside: BTreeMap<String, String>,
    inside: BTreeMap<String, String>,
    /// PASSWORD-ALGORITHMS as the server names them.
    algorithms: Option<Vec<u8>>,
}

impl Nonces {
    /// Draws a seed from the thread's generator.
    pub(super) fn new(realm: &str) -> Nonces {
        Nonces {
            rng: fastrand::Rng::new(),
            realm: realm.to_owned(),
            outside: BTreeMap::new(),
            inside: BTreeMap::new(),
            algorithms: None,
        }
    }

    /// A message of the server's, as it leaves. `users`: names and passwords.
    pub(super) fn outwards(&mut self, bytes: Vec<u8>, users: &BTreeMap<String, String>) -> Vec<u8> {
        let Some(theirs) = nonce_of(&bytes) else { return bytes };
        if let Some(named) = algorithms_of(&bytes) {
            self.algorithms = Some(named);
        }
        if !self.outside.contains_key(&theirs) {
            let kept = theirs.len().saturating_sub(DRAWN);
            let drawn = (kept..theirs.len()).map(|_| self.rng.alphanumeric());
            let ours: String = theirs.chars().take(kept).chain(drawn).collect();
            self.inside.insert(ours.clone(), theirs.clone());
            self.outside.insert(theirs.clone(), ours);
        }
        self.rewritten(bytes, &self.outside[&theirs], users)
    }

    /// A client's message, as the server's crate gets it.
    pub(super) fn inwards(&self, bytes: Vec<u8>, users: &BTreeMap<String, String>) -> Vec<u8> {
        let known = nonce_of(&bytes).and_then(|ours| self.inside.get(&ours));
        known.map_or(bytes.clone(), |theirs| self.rewritten(bytes, theirs, users))
    }

    fn rewritten(&self, bytes: Vec<u8>, nonce: &str, users: &BTreeMap<String, String>) -> Vec<u8> {
        self.try_rewritten(&bytes, nonce, users).unwrap_or(bytes)
    }

    fn try_rewritten(
        &self,
        bytes: &[u8],
        nonce: &str,
        users: &BTreeMap<String, String>,
    ) -> Option<Vec<u8>> {
        let message = Message::from_bytes(bytes).ok()?;
        let signed = users.iter().find_map(|(name, password)| {
            let credentials = LongTermCredentials::new(name.clone(), password.clone());
            let key: MessageIntegrityCredentials = credentials.to_key(self.realm.clone()).into();
            Some((message.validate_integrity(&key).ok()?, key))
        });
        let (kind, id) = (message.get_type(), message.transaction_id());
        let mut out = Message::builder(kind, id, MessageWriteVec::new());
        for (_, attribute) in message.iter_attributes() {
            match attribute.get_type() {
                Nonce::TYPE => {
                    out.add_attribute(&Nonce::new(nonce).ok()?).ok()?;
                    self.add_algorithms(&message, &mut out);
                }
                MessageIntegrity::TYPE | MessageIntegritySha256::TYPE if signed.is_some() => {
                    let (algorithm, key) = signed.as_ref()?;
                    out.add_message_integrity(key, *algorithm).ok()?;
                }
                Fingerprint::TYPE => out.add_fingerprint().ok()?,
                _ => out.push_attribute_unchecked(&attribute),
            }
        }
        Some(out.finish())
    }
}

impl Nonces {
    /// The crate (stun-proto 2.0.4) leaves the algorithms out of a 401 to whoever was known before,
    /// though the nonce says that they are named. A client must take that for an attack (RFC 8489
    /// §9.2.5), and ours does.
    fn add_algorithms(&self, message: &Message<'_>, out: &mut MessageWriteVec) {
        let is_error = message.has_class(MessageClass::Error);
        let has_some = message.raw_attribute(PasswordAlgorithms::TYPE).is_some();
        if let Some(named) = self.algorithms.as_ref().filter(|_| is_error && !has_some) {
            out.push_attribute_unchecked(&RawAttribute::new(PasswordAlgorithms::TYPE, named));
        }
    }
}

fn algorithms_of(bytes: &[u8]) -> Option<Vec<u8>> {
    let message = Message::from_bytes(bytes).ok()?;
    Some(message.raw_attribute(PasswordAlgorithms::TYPE)?.value.to_vec())
}

fn nonce_of(bytes: &[u8]) -> Option<String> {
    let message = Message::from_bytes(bytes).ok()?;
    Some(message.attribute::<Nonce>().ok()?.nonce().to_owned())
}
