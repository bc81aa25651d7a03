//! STUN on both ends: a server with two addresses and two ports, and the question that a viewer
//! asks it. The codec is that of `stun-types`; nothing of the core is used.

use std::net::{IpAddr, SocketAddr};

use stun_types::attribute::{
    Attribute, AttributeStaticType, AttributeType, AttributeWrite, AttributeWriteExt,
    MappedSocketAddr, RawAttribute, XorMappedAddress,
};
use stun_types::message::{
    BINDING, Message, MessageClass, MessageType, MessageWrite, MessageWriteExt, MessageWriteVec,
    TransactionId,
};

/// OTHER-ADDRESS, RFC 5780 §7.4.
#[derive(Debug, Clone)]
struct OtherAddress(MappedSocketAddr);

impl AttributeStaticType for OtherAddress {
    const TYPE: AttributeType = AttributeType::new(0x802c);
}

impl Attribute for OtherAddress {
    fn get_type(&self) -> AttributeType {
        Self::TYPE
    }

    fn length(&self) -> u16 {
        self.0.length()
    }
}

impl AttributeWrite for OtherAddress {
    fn to_raw(&self) -> RawAttribute<'_> {
        self.0.to_raw(Self::TYPE)
    }

    fn write_into_unchecked(&self, dest: &mut [u8]) {
        let header = self.write_header_unchecked(dest);
        self.0.write_into_unchecked(&mut dest[header..]);
    }
}

/// A STUN server: answers Binding requests on two addresses with two ports each.
#[derive(Debug)]
pub struct StunServer {
    /// Its first address and port; what clients are told.
    pub address: SocketAddr,
    /// Its second address and second port.
    pub other: SocketAddr,
    /// Whether it answers.
    pub alive: bool,
    /// Whom it does not answer.
    pub ignores: Option<IpAddr>,
    /// How it lies, if it does.
    pub lie: Option<Lie>,
}

/// How a STUN server is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lie {
    /// Says that the client is at an address where it is not.
    Elsewhere,
    /// Says that it is at a private one.
    Private,
    /// Answers something that nobody asked.
    OtherTransaction,
    /// Stops in the middle of its answer.
    Truncated,
}

impl StunServer {
    /// Makes a server that is alive and honest.
    pub fn new(address: SocketAddr, other: SocketAddr) -> StunServer {
        StunServer { address, other, alive: true, ignores: None, lie: None }
    }

    /// The answer to what came to one of its addresses.
    pub fn answer(&self, to: SocketAddr, from: SocketAddr, bytes: &[u8]) -> Option<Vec<u8>> {
        if !self.alive || self.ignores == Some(from.ip()) {
            return None;
        }
        let swap = |one: SocketAddr, first: SocketAddr, second: SocketAddr| {
            if one == first { second } else { first }
        };
        let other = SocketAddr::new(
            swap(at(to, 0), at(self.address, 0), at(self.other, 0)).ip(),
            if to.port() == self.address.port() { self.other.port() } else { self.address.port() },
        );
        let seen = match self.lie {
            Some(Lie::Elsewhere) => SocketAddr::from(([203, 0, 113, 250], from.port())),
            Some(Lie::Private) => SocketAddr::from(([10, 9, 9, 9], from.port())),
            _ => from,
        };
        let mut answer = binding_answer(seen, Some(other), bytes)?;
        match self.lie {
            // The transaction id is the last twelve bytes of the header.
            Some(Lie::OtherTransaction) => answer[19] ^= 1,
            Some(Lie::Truncated) => answer.truncate(answer.len() - 5),
            _ => {}
        }
        Some(answer)
    }
}

/// The answer to a Binding request; `None` if it is none.
pub fn binding_answer(
    from: SocketAddr,
    other: Option<SocketAddr>,
    bytes: &[u8],
) -> Option<Vec<u8>> {
    let request = Message::from_bytes(bytes).ok()?;
    if !request.has_class(MessageClass::Request) || !request.has_method(BINDING) {
        return None;
    }
    let kind = MessageType::from_class_method(MessageClass::Success, BINDING);
    let id = request.transaction_id();
    let mut answer = Message::builder(kind, id, MessageWriteVec::new());
    answer.add_attribute(&XorMappedAddress::new(from, id)).ok()?;
    if let Some(other) = other {
        answer.add_attribute(&OtherAddress(MappedSocketAddr::new(other))).ok()?;
    }
    Some(answer.finish())
}

fn at(address: SocketAddr, port: u16) -> SocketAddr {
    SocketAddr::new(address.ip(), port)
}

/// A Binding request.
pub fn binding_request(id: u128) -> Vec<u8> {
    let kind = MessageType::from_class_method(MessageClass::Request, BINDING);
    Message::builder(kind, TransactionId::from(id), MessageWriteVec::new()).finish()
}

/// The address in the answer to a Binding request.
pub fn mapped_address(bytes: &[u8]) -> Option<SocketAddr> {
    let answer = Message::from_bytes(bytes).ok()?;
    let mapped = answer.attribute::<XorMappedAddress>().ok()?;
    Some(mapped.addr(answer.transaction_id()))
}
