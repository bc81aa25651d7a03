//! Checks of a controlling ICE agent and answers to those of the other side, RFC 8445 §7.

use std::net::SocketAddr;

use stun_types::attribute::{AttributeType, RawAttribute, Username, XorMappedAddress};
use stun_types::message::{
    BINDING, IntegrityAlgorithm, Message, MessageClass, MessageIntegrityCredentials, MessageType,
    MessageWrite, MessageWriteExt, MessageWriteVec, ShortTermCredentials, TransactionId,
};

// RFC 8445 §16.1.
const PRIORITY: u16 = 0x0024;
const USE_CANDIDATE: u16 = 0x0025;
const ICE_CONTROLLING: u16 = 0x802a;

/// A check with integrity.
pub(super) fn check(id: u128, username: &str, password: &str, nominates: bool) -> Vec<u8> {
    let kind = MessageType::from_class_method(MessageClass::Request, BINDING);
    let mut out = Message::builder(kind, TransactionId::from(id), MessageWriteVec::new());
    let key: MessageIntegrityCredentials = ShortTermCredentials::new(password.to_owned()).into();
    let username = Username::new(username).expect("a short name");
    out.add_attribute(&username).expect("there is room");
    let mut add = |kind: u16, value: &[u8]| {
        let attribute = RawAttribute::new(AttributeType::new(kind), value);
        out.push_attribute_unchecked(&attribute);
    };
    add(PRIORITY, &1_845_494_271_u32.to_be_bytes());
    add(ICE_CONTROLLING, &7_u64.to_be_bytes());
    if nominates {
        add(USE_CANDIDATE, &[]);
    }
    out.add_message_integrity(&key, IntegrityAlgorithm::Sha1).expect("it has none yet");
    out.add_fingerprint().expect("it has none yet");
    out.finish()
}

/// The answer to a check of the other side's, which came from `from`.
pub(super) fn answer(check: &[u8], from: SocketAddr, password: &str) -> Option<Vec<u8>> {
    let request = Message::from_bytes(check).ok()?;
    let kind = MessageType::from_class_method(MessageClass::Success, BINDING);
    let id = request.transaction_id();
    let mut out = Message::builder(kind, id, MessageWriteVec::new());
    let key: MessageIntegrityCredentials = ShortTermCredentials::new(password.to_owned()).into();
    out.add_attribute(&XorMappedAddress::new(from, id)).ok()?;
    out.add_message_integrity(&key, IntegrityAlgorithm::Sha1).ok()?;
    out.add_fingerprint().ok()?;
    Some(out.finish())
}
