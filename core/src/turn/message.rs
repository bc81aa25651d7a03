//! The control messages: RFC 8656 §17 and §18, in the form of RFC 8489 §5 and §14.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use stun_types::attribute::Attribute;
use stun_types::message::Message;

pub(super) const HEADER: usize = 20;
pub(super) const ATTRIBUTE_HEADER: usize = 4;
pub(super) const COOKIE: u32 = 0x2112_A442;

pub(super) const USERNAME: u16 = 0x0006;
pub(super) const MESSAGE_INTEGRITY: u16 = 0x0008;
pub(super) const ERROR_CODE: u16 = 0x0009;
pub(super) const CHANNEL_NUMBER: u16 = 0x000C;
pub(super) const LIFETIME: u16 = 0x000D;
pub(super) const XOR_PEER_ADDRESS: u16 = 0x0012;
pub(super) const DATA: u16 = 0x0013;
pub(super) const REALM: u16 = 0x0014;
pub(super) const NONCE: u16 = 0x0015;
pub(super) const XOR_RELAYED_ADDRESS: u16 = 0x0016;
pub(super) const REQUESTED_ADDRESS_FAMILY: u16 = 0x0017;
pub(super) const REQUESTED_TRANSPORT: u16 = 0x0019;
pub(super) const MESSAGE_INTEGRITY_SHA256: u16 = 0x001C;
pub(super) const PASSWORD_ALGORITHM: u16 = 0x001D;
pub(super) const USERHASH: u16 = 0x001E;
pub(super) const XOR_MAPPED_ADDRESS: u16 = 0x0020;
pub(super) const ADDITIONAL_ADDRESS_FAMILY: u16 = 0x8000;
/// What coturn sent and took for it up to 4.6.1 (`turnutils_uclient -Z`).
pub(super) const ADDITIONAL_ADDRESS_FAMILY_OF_COTURN: u16 = 0x8032;
pub(super) const PASSWORD_ALGORITHMS: u16 = 0x8002;
pub(super) const ALTERNATE_SERVER: u16 = 0x8023;

/// Of REQUESTED-TRANSPORT: UDP, the only one that RFC 8656 relays.
pub(super) const UDP: u8 = 17;
/// Of REQUESTED-ADDRESS-FAMILY and ADDITIONAL-ADDRESS-FAMILY.
pub(super) const IPV6: u8 = 2;
/// Of addresses.
const IPV4: u8 = 1;

/// RFC 8656 §17.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Method {
    Allocate = 0x003,
    Refresh = 0x004,
    Send = 0x006,
    Data = 0x007,
    CreatePermission = 0x008,
    ChannelBind = 0x009,
}

/// RFC 8489 §5, as its two bits stand in the type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Class {
    Request = 0x000,
    Indication = 0x010,
    Success = 0x100,
    Error = 0x110,
}

pub(super) fn message_type(method: Method, class: Class) -> u16 {
    method as u16 | class as u16
}

/// A message that grows by attributes; its length field is always right.
#[derive(Debug)]
pub(super) struct Writer(Vec<u8>);

impl Writer {
    pub(super) fn new(kind: u16, id: u128) -> Writer {
        let mut bytes = Vec::with_capacity(256);
        bytes.extend_from_slice(&kind.to_be_bytes());
        bytes.extend_from_slice(&[0, 0]);
        bytes.extend_from_slice(&COOKIE.to_be_bytes());
        bytes.extend_from_slice(&id.to_be_bytes()[4..]);
        Writer(bytes)
    }

    /// Adds an attribute, padded. Those that we write are far from what 16 bits of length hold:
    /// texts of servers are limited where they are read.
    pub(super) fn attribute(&mut self, kind: u16, value: &[u8]) {
        self.0.extend_from_slice(&kind.to_be_bytes());
        self.0.extend_from_slice(&(value.len() as u16).to_be_bytes());
        self.0.extend_from_slice(value);
        self.0.resize(self.0.len().next_multiple_of(4), 0);
        let length = (self.0.len() - HEADER) as u16;
        self.0[2..4].copy_from_slice(&length.to_be_bytes());
    }

    pub(super) fn xor_address(&mut self, kind: u16, address: SocketAddr, id: u128) {
        let (value, len) = xor_address(address, id);
        self.attribute(kind, &value[..len]);
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }

    pub(super) fn finish(self) -> Vec<u8> {
        self.0
    }

    /// The last `len` bytes: the value of the attribute just written.
    pub(super) fn tail(&mut self, len: usize) -> &mut [u8] {
        let at = self.0.len() - len;
        &mut self.0[at..]
    }
}

/// The value of an XOR address attribute, RFC 8489 §14.2, and its length: 8 or 20.
pub(super) fn xor_address(address: SocketAddr, id: u128) -> ([u8; 20], usize) {
    let port = address.port() ^ (COOKIE >> 16) as u16;
    let mut value = [0; 20];
    value[2..4].copy_from_slice(&port.to_be_bytes());
    match address.ip() {
        IpAddr::V4(ip) => {
            value[1] = IPV4;
            value[4..8].copy_from_slice(&(ip.to_bits() ^ COOKIE).to_be_bytes());
            (value, 8)
        }
        IpAddr::V6(ip) => {
            value[1] = IPV6;
            value[4..].copy_from_slice(&(ip.to_bits() ^ mask(id)).to_be_bytes());
            (value, 20)
        }
    }
}

fn mask(id: u128) -> u128 {
    u128::from(COOKIE) << 96 | id
}

fn parse_address(value: &[u8], port_mask: u16, mask: u128) -> Option<SocketAddr> {
    let (&[_, family, high, low], rest) = value.split_first_chunk()?;
    let port = u16::from_be_bytes([high, low]) ^ port_mask;
    let ip: IpAddr = match family {
        IPV4 => {
            let bits = u32::from_be_bytes(rest.try_into().ok()?);
            Ipv4Addr::from_bits(bits ^ (mask >> 96) as u32).into()
        }
        IPV6 => Ipv6Addr::from_bits(u128::from_be_bytes(rest.try_into().ok()?) ^ mask).into(),
        _ => return None,
    };
    Some(SocketAddr::new(ip, port))
}

/// A STUN message that fills its bytes exactly.
#[derive(Debug, Clone, Copy)]
pub(super) struct Parsed<'a> {
    message: Message<'a>,
    bytes: &'a [u8],
}

impl<'a> Parsed<'a> {
    pub(super) fn parse(bytes: &'a [u8]) -> Option<Parsed<'a>> {
        let length = u16::from_be_bytes(*bytes.get(2..4)?.first_chunk()?);
        if bytes.len() != HEADER + usize::from(length) {
            return None;
        }
        Some(Parsed { message: Message::from_bytes(bytes).ok()?, bytes })
    }

    pub(super) fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    pub(super) fn id(&self) -> u128 {
        self.message.transaction_id().into()
    }

    /// The type, as [`message_type`] makes it.
    pub(super) fn kind(&self) -> u16 {
        self.bytes.first_chunk().map_or(0, |kind| u16::from_be_bytes(*kind))
    }

    /// The first attribute of this type that counts, and where its header begins. What follows
    /// an integrity attribute does not count.
    pub(super) fn find(&self, kind: u16) -> Option<(usize, &'a [u8])> {
        self.all(kind).next()
    }

    pub(super) fn value(&self, kind: u16) -> Option<&'a [u8]> {
        self.find(kind).map(|(_, value)| value)
    }

    fn all(&self, kind: u16) -> impl Iterator<Item = (usize, &'a [u8])> {
        let bytes = self.bytes;
        let of_kind =
            self.message.iter_attributes().filter(move |(_, it)| it.get_type() == kind.into());
        of_kind.filter_map(move |(offset, attribute)| {
            let at = offset + ATTRIBUTE_HEADER;
            Some((offset, bytes.get(at..at + attribute.value.len())?))
        })
    }

    pub(super) fn text(&self, kind: u16) -> Option<&'a str> {
        std::str::from_utf8(self.value(kind)?).ok()
    }

    /// The XOR addresses of this attribute type.
    pub(super) fn xor_addresses(&self, kind: u16) -> impl Iterator<Item = SocketAddr> {
        let mask = mask(self.id());
        self.all(kind)
            .filter_map(move |(_, value)| parse_address(value, (COOKIE >> 16) as u16, mask))
    }

    pub(super) fn alternate_server(&self) -> Option<SocketAddr> {
        parse_address(self.value(ALTERNATE_SERVER)?, 0, 0)
    }

    /// Of an error response: 300 to 699.
    pub(super) fn error_code(&self) -> Option<u16> {
        let [_, _, class, number] = *self.value(ERROR_CODE)?.first_chunk()?;
        let (class, number) = (u16::from(class & 7), u16::from(number));
        ((3..=6).contains(&class) && number <= 99).then_some(class * 100 + number)
    }

    pub(super) fn lifetime(&self) -> Option<Duration> {
        let seconds = u32::from_be_bytes(self.value(LIFETIME)?.try_into().ok()?);
        Some(Duration::from_secs(seconds.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn addresses_are_read_as_they_were_written() {
        let id = 0x0102_0304_0506_0708_090a_0b0c;
        for address in ["192.0.2.1:32853", "[2001:db8:1234:5678:11:2233:4455:6677]:32853"] {
            let address: SocketAddr = address.parse().unwrap();
            let mut writer = Writer::new(message_type(Method::Allocate, Class::Success), id);
            writer.xor_address(XOR_RELAYED_ADDRESS, address, id);
            let bytes = writer.finish();

            let parsed = Parsed::parse(&bytes).unwrap();

            assert!(parsed.xor_addresses(XOR_RELAYED_ADDRESS).eq([address]));
            assert_eq!((parsed.id(), parsed.kind()), (id, 0x0103));
        }
    }

    #[test]
    fn the_addresses_of_rfc_5769_are_read() {
        // RFC 5769 §2.2 and §2.3: XOR-MAPPED-ADDRESS under the transaction id of both.
        let id = 0xb7e7_a701_bc34_d686_fa87_dfae;
        let v4 = [0x00, 0x01, 0xa1, 0x47, 0xe1, 0x12, 0xa6, 0x43];
        let v6 = [
            0x00, 0x02, 0xa1, 0x47, 0x01, 0x13, 0xa9, 0xfa, 0xa5, 0xd3, 0xf1, 0x79, 0xbc, 0x25,
            0xf4, 0xb5, 0xbe, 0xd2, 0xb9, 0xd9,
        ];

        let read = |value: &[u8]| parse_address(value, 0x2112, mask(id)).unwrap().to_string();

        assert_eq!(read(&v4), "192.0.2.1:32853");
        assert_eq!(read(&v6), "[2001:db8:1234:5678:11:2233:4455:6677]:32853");
    }

    #[test]
    fn a_message_that_is_longer_or_shorter_than_it_says_is_none() {
        let mut writer = Writer::new(message_type(Method::Refresh, Class::Success), 1);
        writer.attribute(LIFETIME, &600u32.to_be_bytes());
        let bytes = writer.finish();

        assert_eq!(Parsed::parse(&bytes).unwrap().lifetime(), Some(Duration::from_secs(600)));
        assert!(Parsed::parse(&[&bytes[..], &[0; 4]].concat()).is_none());
        for length in 0..bytes.len() {
            assert!(Parsed::parse(&bytes[..length]).is_none(), "{length} bytes");
        }
    }

    proptest! {
        #[test]
        fn attributes_come_back_as_they_were_written(
            id in 0u128..1 << 96,
            attributes in prop::collection::vec(
                (0xC100u16..0xC200, prop::collection::vec(any::<u8>(), 0..40)),
                0..8,
            ),
            address: SocketAddr,
        ) {
            // Flow and scope have no place in STUN.
            let address = SocketAddr::new(address.ip(), address.port());
            let kind = message_type(Method::Allocate, Class::Success);
            let mut writer = Writer::new(kind, id);
            for (kind, value) in &attributes {
                writer.attribute(*kind, value);
            }
            writer.xor_address(XOR_RELAYED_ADDRESS, address, id);
            let bytes = writer.finish();

            let parsed = Parsed::parse(&bytes).unwrap();

            prop_assert_eq!((parsed.kind(), parsed.id()), (kind, id));
            prop_assert!(parsed.xor_addresses(XOR_RELAYED_ADDRESS).eq([address]));
            for (kind, _) in &attributes {
                let first = attributes.iter().find(|(other, _)| other == kind);
                prop_assert_eq!(parsed.value(*kind), first.map(|(_, value)| value.as_slice()));
            }
        }
    }
}
