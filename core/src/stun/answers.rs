//! What a STUN server says, for tests.

use std::net::SocketAddr;

use stun_types::attribute::{AttributeWrite, ErrorCode, XorMappedAddress};
use stun_types::message::{
    BINDING, Message, MessageClass, MessageType, MessageWrite, MessageWriteExt, MessageWriteVec,
    TransactionId,
};

/// A Binding message with these attributes.
pub(crate) fn message(
    class: MessageClass,
    id: TransactionId,
    attributes: &[&dyn AttributeWrite],
) -> Vec<u8> {
    let kind = MessageType::from_class_method(class, BINDING);
    let mut message = Message::builder(kind, id, MessageWriteVec::new());
    attributes.iter().for_each(|attribute| message.add_attribute(*attribute).unwrap());
    message.finish()
}

/// A success with XOR-MAPPED-ADDRESS.
pub(crate) fn success(id: TransactionId, mapped: SocketAddr) -> Vec<u8> {
    message(MessageClass::Success, id, &[&XorMappedAddress::new(mapped, id)])
}

/// An error.
pub(crate) fn refusal(id: TransactionId, code: u16) -> Vec<u8> {
    message(MessageClass::Error, id, &[&ErrorCode::builder(code).build().unwrap()])
}

/// The transaction of a request that we wrote.
pub(crate) fn asked(request: &[u8]) -> TransactionId {
    let message = Message::from_bytes(request).unwrap();
    assert!(message.has_class(MessageClass::Request) && message.has_method(BINDING));
    message.transaction_id()
}
