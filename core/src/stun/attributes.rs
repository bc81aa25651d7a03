//! Attributes that `stun-types` has not: those of NAT behaviour discovery (RFC 5780 §7), and
//! MAPPED-ADDRESS (RFC 8489 §14.1), which servers of RFC 3489 send alone.

use std::net::SocketAddr;

use stun_types::attribute::{
    Attribute, AttributeFromRaw, AttributeStaticType, AttributeType, AttributeWrite,
    AttributeWriteExt, MappedSocketAddr, RawAttribute,
};
use stun_types::message::StunParseError;

/// An attribute that is one address in the clear.
macro_rules! address_attribute {
    ($(#[$doc:meta])* $name:ident, $kind:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub(crate) struct $name(MappedSocketAddr);

        impl $name {
            #[cfg(test)]
            pub(crate) fn new(address: SocketAddr) -> $name {
                $name(MappedSocketAddr::new(address))
            }

            pub(crate) fn address(&self) -> SocketAddr {
                self.0.addr()
            }
        }

        impl AttributeStaticType for $name {
            const TYPE: AttributeType = AttributeType::new($kind);
        }

        impl Attribute for $name {
            fn get_type(&self) -> AttributeType {
                Self::TYPE
            }

            fn length(&self) -> u16 {
                self.0.length()
            }
        }

        impl AttributeWrite for $name {
            fn to_raw(&self) -> RawAttribute<'_> {
                self.0.to_raw(Self::TYPE)
            }

            fn write_into_unchecked(&self, dest: &mut [u8]) {
                let header = self.write_header_unchecked(dest);
                self.0.write_into_unchecked(&mut dest[header..]);
            }
        }

        impl AttributeFromRaw<'_> for $name {
            fn from_raw_ref(raw: &RawAttribute) -> Result<$name, StunParseError> {
                raw.check_type_and_len(Self::TYPE, 8..=20)?;
                MappedSocketAddr::from_raw(raw).map($name)
            }
        }
    };
}

address_attribute!(
    /// MAPPED-ADDRESS: what the server saw, unprotected from middle-boxes that rewrite addresses.
    MappedAddress,
    0x0001
);
address_attribute!(
    /// RESPONSE-ORIGIN: what the server takes for the source of its answer.
    ResponseOrigin,
    0x802b
);
address_attribute!(
    /// OTHER-ADDRESS: the server's other address and other port, where CHANGE-REQUEST leads.
    OtherAddress,
    0x802c
);

/// An attribute whose value is four bytes, of which `$name` knows the meaning.
macro_rules! word_attribute {
    ($name:ident, $kind:literal, $length:literal) => {
        impl AttributeStaticType for $name {
            const TYPE: AttributeType = AttributeType::new($kind);
        }

        impl Attribute for $name {
            fn get_type(&self) -> AttributeType {
                Self::TYPE
            }

            fn length(&self) -> u16 {
                $length
            }
        }

        impl AttributeWrite for $name {
            fn to_raw(&self) -> RawAttribute<'_> {
                RawAttribute::new(Self::TYPE, &self.value()[..$length]).into_owned()
            }

            fn write_into_unchecked(&self, dest: &mut [u8]) {
                let header = self.write_header_unchecked(dest);
                dest[header..header + 4].copy_from_slice(&self.value());
            }
        }

        impl AttributeFromRaw<'_> for $name {
            fn from_raw_ref(raw: &RawAttribute) -> Result<$name, StunParseError> {
                raw.check_type_and_len(Self::TYPE, $length..=4)?;
                $name::parse(&raw.value).ok_or(StunParseError::InvalidAttributeData)
            }
        }
    };
}

/// CHANGE-REQUEST, RFC 5780 §7.2: the answer shall come from somewhere else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ChangeRequest {
    /// From the other address and the other port.
    AddressAndPort,
    /// From the other port.
    Port,
}

word_attribute!(ChangeRequest, 0x0003, 4);

impl ChangeRequest {
    const CHANGE_IP: u8 = 0x04;
    const CHANGE_PORT: u8 = 0x02;

    fn value(self) -> [u8; 4] {
        [0, 0, 0, Self::CHANGE_PORT | if self == Self::Port { 0 } else { Self::CHANGE_IP }]
    }

    /// `None`: a change that we never ask for.
    fn parse(value: &[u8]) -> Option<ChangeRequest> {
        match value.get(3)? & (Self::CHANGE_IP | Self::CHANGE_PORT) {
            0x06 => Some(ChangeRequest::AddressAndPort),
            0x02 => Some(ChangeRequest::Port),
            _ => None,
        }
    }
}

/// RESPONSE-PORT, RFC 5780 §7.5: the answer shall go to another port of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ResponsePort(pub(crate) u16);

word_attribute!(ResponsePort, 0x0027, 2);

impl ResponsePort {
    fn value(self) -> [u8; 4] {
        let [high, low] = self.0.to_be_bytes();
        [high, low, 0, 0]
    }

    fn parse(value: &[u8]) -> Option<ResponsePort> {
        let (port, _) = value.split_first_chunk()?;
        Some(ResponsePort(u16::from_be_bytes(*port)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use stun_types::message::{
        BINDING, Message, MessageClass, MessageType, MessageWrite, MessageWriteExt,
        MessageWriteVec, TransactionId,
    };

    /// Through a whole message, and through a raw attribute.
    fn twice_around<A>(attribute: &A) -> [A; 2]
    where
        A: AttributeWrite + AttributeStaticType + for<'a> AttributeFromRaw<'a>,
    {
        let kind = MessageType::from_class_method(MessageClass::Request, BINDING);
        let id = TransactionId::from(7u128);
        let mut message = Message::builder(kind, id, MessageWriteVec::new());
        message.add_attribute(attribute).unwrap();
        let bytes = message.finish();
        let message = Message::from_bytes(&bytes).unwrap();
        let raw = attribute.to_raw();
        [message.attribute().unwrap(), A::from_raw_ref(&raw).unwrap()]
    }

    proptest! {
        #[test]
        fn addresses_come_back_as_they_were_written(address: SocketAddr) {
            // Flow and scope have no place in STUN.
            let address = SocketAddr::new(address.ip(), address.port());
            for read in twice_around(&MappedAddress::new(address)) {
                prop_assert_eq!(read.address(), address);
            }
            for read in twice_around(&ResponseOrigin::new(address)) {
                prop_assert_eq!(read.address(), address);
            }
            for read in twice_around(&OtherAddress::new(address)) {
                prop_assert_eq!(read.address(), address);
            }
        }

        #[test]
        fn ports_come_back_as_they_were_written(port: u16) {
            prop_assert_eq!(twice_around(&ResponsePort(port)), [ResponsePort(port); 2]);
        }

        #[test]
        fn any_value_is_read_or_refused(value in prop::collection::vec(any::<u8>(), 0..24)) {
            let read = |kind| RawAttribute::new(kind, &value);
            if let Ok(other) = OtherAddress::from_raw_ref(&read(OtherAddress::TYPE)) {
                // The first byte is reserved.
                prop_assert_eq!(&other.to_raw().value[1..], &value[1..]);
            }
            if let Ok(change) = ChangeRequest::from_raw_ref(&read(ChangeRequest::TYPE)) {
                prop_assert_eq!(change.to_raw().value[3], value[3] & 6);
            }
            if let Ok(port) = ResponsePort::from_raw_ref(&read(ResponsePort::TYPE)) {
                prop_assert_eq!(&port.to_raw().value[..2], &value[..2]);
            }
        }
    }

    #[test]
    fn attributes_stand_on_the_wire_as_rfc_5780_draws_them() {
        let bytes = |attribute: &dyn AttributeWrite| attribute.to_raw().to_bytes();
        let v4 = "192.0.2.1:3479".parse().unwrap();

        assert_eq!(bytes(&ChangeRequest::AddressAndPort), [0, 3, 0, 4, 0, 0, 0, 6]);
        assert_eq!(bytes(&ChangeRequest::Port), [0, 3, 0, 4, 0, 0, 0, 2]);
        assert_eq!(bytes(&ResponsePort(0x1234)), [0, 0x27, 0, 2, 0x12, 0x34, 0, 0]);
        let address = [0, 8, 0, 1, 0x0d, 0x97, 192, 0, 2, 1];
        assert_eq!(bytes(&OtherAddress::new(v4)), [&[0x80, 0x2c][..], &address].concat());
        assert_eq!(bytes(&ResponseOrigin::new(v4)), [&[0x80, 0x2b][..], &address].concat());
        assert_eq!(bytes(&MappedAddress::new(v4)), [&[0, 1][..], &address].concat());
        for change in [ChangeRequest::AddressAndPort, ChangeRequest::Port] {
            assert_eq!(twice_around(&change), [change; 2]);
        }
    }
}
