//! Binding requests and their answers, as values: RFC 8489 §5 to §7 and §14, RFC 5780 §7.
//!
//! Read leniently where servers of RFC 3489 must be heard: MAPPED-ADDRESS does, and attributes that
//! we do not know are ignored (RFC 8489 §6.3.3 would have us discard the answer; CHANGED-ADDRESS
//! and SOURCE-ADDRESS of those servers are such). Read strictly where it costs nobody: the length
//! must be that of the datagram, FINGERPRINT must fit if it is there, and an address must be one
//! that can be reached.

use std::net::SocketAddr;

use stun_types::attribute::{
    AttributeFromRaw, AttributeStaticType, AttributeWrite, ErrorCode, XorMappedAddress,
};
use stun_types::message::{
    BINDING, Message, MessageClass, MessageHeader, MessageType, MessageWrite, MessageWriteExt,
    MessageWriteMutSlice, TransactionId,
};

use super::attributes::{MappedAddress, OtherAddress, ResponseOrigin};
use crate::base::SeedRng;
use crate::wire::{DropReason, can_receive};

/// The longest Binding request that we write: a header and one attribute of four bytes.
pub(crate) const REQUEST_BYTES_MAX: usize = MessageHeader::LENGTH + 8;

/// Draws the 96 bits of a transaction id, RFC 8489 §5.
pub(crate) fn transaction_id(rng: &mut SeedRng) -> TransactionId {
    let (high, low) = (u128::from(rng.u32()), u128::from(rng.u64()));
    TransactionId::from(high << 64 | low)
}

/// A message of the method Binding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BindingMessage {
    /// A request, perhaps our own.
    Request(TransactionId),
    /// The answer to a request.
    Response(TransactionId, Outcome),
}

/// What an answer says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Success.
    Mapped(Mapped),
    /// An error and its code, 300 to 699.
    Refused(u16),
}

/// What a success says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mapped {
    /// Where the server saw the request come from.
    pub(crate) address: SocketAddr,
    /// The server's other address, if it has one.
    pub(crate) other: Option<SocketAddr>,
    /// Where the server thinks that it answers from.
    pub(crate) origin: Option<SocketAddr>,
}

/// Writes a Binding request; `None` if `buffer` is too short. No FINGERPRINT: the port demultiplexes
/// by first byte (RFC 7983), and the cookie tells STUN from the rest.
pub(crate) fn write_request(
    buffer: &mut [u8],
    id: TransactionId,
    attribute: Option<&dyn AttributeWrite>,
) -> Option<usize> {
    if buffer.len() < REQUEST_BYTES_MAX {
        return None;
    }
    let kind = MessageType::from_class_method(MessageClass::Request, BINDING);
    let mut message = Message::builder(kind, id, MessageWriteMutSlice::new(buffer));
    if let Some(attribute) = attribute {
        message.add_attribute(attribute).ok()?;
    }
    Some(message.finish())
}

/// Reads a Binding request or response.
///
/// # Errors
/// `BadStun` if it does not parse, has a false FINGERPRINT or lacks what its class must have;
/// `NoTransaction` for what is neither, such as the answer to an Allocate.
pub(crate) fn parse(payload: &[u8]) -> Result<BindingMessage, DropReason> {
    let header = MessageHeader::from_bytes(payload).map_err(|_| DropReason::BadStun)?;
    // The codec would read on behind the message.
    if MessageHeader::LENGTH + usize::from(header.data_length()) != payload.len() {
        return Err(DropReason::BadStun);
    }
    if header.get_type().method() != BINDING {
        return Err(DropReason::NoTransaction);
    }
    let message = Message::from_bytes(payload).map_err(|_| DropReason::BadStun)?;
    let id = message.transaction_id();
    match message.class() {
        MessageClass::Request => Ok(BindingMessage::Request(id)),
        MessageClass::Indication => Err(DropReason::NoTransaction),
        MessageClass::Success => {
            let mapped = parse_mapped(&message).ok_or(DropReason::BadStun)?;
            Ok(BindingMessage::Response(id, Outcome::Mapped(mapped)))
        }
        MessageClass::Error => {
            let code = parse_error_code(&message).ok_or(DropReason::BadStun)?;
            Ok(BindingMessage::Response(id, Outcome::Refused(code)))
        }
    }
}

fn parse_mapped(message: &Message<'_>) -> Option<Mapped> {
    // RFC 8489 §14.2: XOR-MAPPED-ADDRESS goes before MAPPED-ADDRESS, which a NAT may have rewritten.
    let address = match message.raw_attribute(XorMappedAddress::TYPE) {
        Some(raw) => XorMappedAddress::from_raw(raw).ok()?.addr(message.transaction_id()),
        None => message.attribute::<MappedAddress>().ok()?.address(),
    };
    let other = message.attribute::<OtherAddress>().ok();
    let origin = message.attribute::<ResponseOrigin>().ok();
    Some(Mapped {
        address: reachable(address)?,
        other: other.and_then(|other| reachable(other.address())),
        origin: origin.and_then(|origin| reachable(origin.address())),
    })
}

/// ERROR-CODE without its phrase: that is for people, need not be UTF-8, and is not worth a copy.
fn parse_error_code(message: &Message<'_>) -> Option<u16> {
    let raw = message.raw_attribute(ErrorCode::TYPE)?;
    let (class, number) = (raw.value.get(2)? & 0x07, *raw.value.get(3)?);
    let is_code = (3..=6).contains(&class) && number < 100;
    is_code.then(|| u16::from(class) * 100 + u16::from(number))
}

/// An address that datagrams can be sent to, in its plain form: an IPv4 address is never wrapped
/// into IPv6, as servers with one socket for both families may write it.
fn reachable(address: SocketAddr) -> Option<SocketAddr> {
    let plain = SocketAddr::new(address.ip().to_canonical(), address.port());
    can_receive(plain).then_some(plain)
}

#[cfg(test)]
mod tests;
