//! STUN messages with an integrity that holds, and attributes as somebody wanted them.

use stun_types::attribute::{RawAttribute, Username};
use stun_types::message::{
    IntegrityAlgorithm, Message, MessageIntegrityCredentials, MessageType, MessageWrite as _,
    MessageWriteExt as _, MessageWriteVec, TransactionId,
};

/// MESSAGE-INTEGRITY, its successor, FINGERPRINT: the codec writes them, and panics where it is
/// asked to write others.
const WRITTEN_LAST: [u16; 3] = [0x0008, 0x001C, 0x8028];

/// Writes a message. `attributes` are kinds of two bytes, lengths of one, and values; what the codec
/// does not take is left out.
pub(super) fn signed(
    kind: MessageType,
    id: TransactionId,
    username: Option<&str>,
    mut attributes: &[u8],
    credentials: &MessageIntegrityCredentials,
) -> Vec<u8> {
    let mut message = Message::builder(kind, id, MessageWriteVec::new());
    if let Some(Ok(username)) = username.map(Username::new) {
        let _ = message.add_attribute(&username);
    }
    while let Some((&[high, low, length], after)) = attributes.split_first_chunk() {
        let (value, after) = after.split_at(usize::from(length).min(after.len()));
        attributes = after;
        let kind = u16::from_be_bytes([high, low]);
        if !WRITTEN_LAST.contains(&kind) {
            let _ = message.add_attribute(&RawAttribute::new(kind.into(), value));
        }
    }
    let _ = message.add_message_integrity(credentials, IntegrityAlgorithm::Sha1);
    let _ = message.add_fingerprint();
    message.finish()
}
