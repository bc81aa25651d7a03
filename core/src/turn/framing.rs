//! How payload travels between us and the server: ChannelData (RFC 8656 §12.4) and Send
//! indications (§11.1), and where one message ends in a stream (RFC 8656 §12.5, RFC 8489 §6.2.2).

use std::net::SocketAddr;

use super::message::{ATTRIBUTE_HEADER, COOKIE, DATA, HEADER, XOR_PEER_ADDRESS, xor_address};
use super::message::{Class, Method, message_type};

const CHANNEL_HEADER: usize = 4;

/// A number of RFC 8656 §12: 0x4000 to 0x4FFF.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ChannelNumber(u16);

impl ChannelNumber {
    pub(super) const FIRST: ChannelNumber = ChannelNumber(0x4000);
    const LAST: u16 = 0x4FFF;
    pub(super) const COUNT: usize = (Self::LAST - Self::FIRST.0) as usize + 1;

    pub(super) fn new(number: u16) -> Option<ChannelNumber> {
        (Self::FIRST.0..=Self::LAST).contains(&number).then_some(ChannelNumber(number))
    }

    pub(super) fn value(self) -> u16 {
        self.0
    }

    /// The one after it; after the last comes the first.
    pub(super) fn next(self) -> ChannelNumber {
        ChannelNumber::new(self.0 + 1).unwrap_or(Self::FIRST)
    }
}

/// What stands around a payload on its way to the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Envelope {
    bytes: [u8; Envelope::PREFIX_BYTES_MAX],
    len: usize,
    padding: usize,
}

impl Envelope {
    /// The longest prefix: a Send indication to an IPv6 peer.
    pub const PREFIX_BYTES_MAX: usize = 48;
    /// The most zero bytes that follow.
    pub const PADDING_BYTES_MAX: usize = 3;

    /// What stands before the payload: 4 bytes, 36 or 48.
    pub fn prefix(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    /// How many zero bytes follow the payload.
    pub fn padding(&self) -> usize {
        self.padding
    }

    /// `None`: a payload that long has no place in it.
    pub(super) fn channel_data(
        number: ChannelNumber,
        len: usize,
        padded: bool,
    ) -> Option<Envelope> {
        let length = u16::try_from(len).ok()?;
        let mut bytes = [0; Self::PREFIX_BYTES_MAX];
        bytes[..2].copy_from_slice(&number.value().to_be_bytes());
        bytes[2..4].copy_from_slice(&length.to_be_bytes());
        let padding = if padded { padding_of(len) } else { 0 };
        Some(Envelope { bytes, len: CHANNEL_HEADER, padding })
    }

    /// A Send indication with this transaction id. `None`: a payload that long has no place in it.
    pub(super) fn indication(id: u128, peer: SocketAddr, len: usize) -> Option<Envelope> {
        let (address, address_len) = xor_address(peer, id);
        let padding = padding_of(len);
        let prefix = HEADER + ATTRIBUTE_HEADER + address_len + ATTRIBUTE_HEADER;
        let total = u16::try_from(prefix - HEADER + len + padding).ok()?;
        let mut bytes = [0; Self::PREFIX_BYTES_MAX];
        let mut at = 0;
        let mut put = |piece: &[u8]| {
            bytes[at..at + piece.len()].copy_from_slice(piece);
            at += piece.len();
        };
        put(&message_type(Method::Send, Class::Indication).to_be_bytes());
        put(&total.to_be_bytes());
        put(&COOKIE.to_be_bytes());
        put(&id.to_be_bytes()[4..]);
        put(&XOR_PEER_ADDRESS.to_be_bytes());
        put(&(address_len as u16).to_be_bytes());
        put(&address[..address_len]);
        put(&DATA.to_be_bytes());
        put(&u16::try_from(len).ok()?.to_be_bytes());
        Some(Envelope { bytes, len: prefix, padding })
    }
}

fn padding_of(len: usize) -> usize {
    len.next_multiple_of(4) - len
}

/// ChannelData: which channel, and the payload. `None` where its length is not that of the message,
/// give or take the padding that streams have and datagrams may have.
pub(super) fn parse_channel_data(message: &[u8]) -> Option<(ChannelNumber, &[u8])> {
    let (number, length) = channel_header(message)?;
    let payload = message.get(CHANNEL_HEADER..CHANNEL_HEADER + length)?;
    let beyond = message.len() - CHANNEL_HEADER - length;
    (beyond == 0 || beyond == padding_of(length)).then_some((number, payload))
}

fn channel_header(bytes: &[u8]) -> Option<(ChannelNumber, usize)> {
    let [a, b, c, d] = *bytes.first_chunk()?;
    Some((ChannelNumber::new(u16::from_be_bytes([a, b]))?, u16::from_be_bytes([c, d]).into()))
}

/// Not the beginning of a STUN message or of ChannelData: nothing after it can be told apart
/// either, so the stream is of no more use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("neither STUN nor ChannelData; close the connection and open a new one")]
pub struct Malformed;

/// Says how many bytes the message at the beginning of `bytes` has, with its padding; they need
/// not all be there yet. `None`: too few are there to tell.
///
/// # Errors
/// No message begins here.
pub fn next_message(bytes: &[u8]) -> Result<Option<usize>, Malformed> {
    let Some(&[first, _, high, low]) = bytes.first_chunk() else {
        return match bytes.first() {
            Some(first) if !matches!(first, 0..=3 | 0x40..=0x4F) => Err(Malformed),
            _ => Ok(None),
        };
    };
    let length = usize::from(u16::from_be_bytes([high, low]));
    match first {
        0..=3 => {
            let cookie = bytes.get(4..bytes.len().min(8)).unwrap_or_default();
            let is_stun = COOKIE.to_be_bytes().starts_with(cookie) && length.is_multiple_of(4);
            if is_stun { Ok(Some(HEADER + length)) } else { Err(Malformed) }
        }
        0x40..=0x4F => Ok(Some(CHANNEL_HEADER + length.next_multiple_of(4))),
        _ => Err(Malformed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use stun_types::message::Message;

    #[test]
    fn channel_numbers_go_round_from_4000_to_4fff() {
        assert_eq!(ChannelNumber::new(0x3FFF), None);
        assert_eq!(ChannelNumber::new(0x5000), None);
        assert_eq!(ChannelNumber::new(0x4FFF).unwrap().next(), ChannelNumber::FIRST);
        assert_eq!(ChannelNumber::COUNT, 4096);
    }

    #[test]
    fn an_indication_is_what_the_codec_reads() {
        for (peer, len) in [("192.0.2.1:7", 36), ("[2001:db8::1]:7", 48)] {
            for payload in [&b""[..], b"a", b"ab", b"abc", b"abcd"] {
                let peer: SocketAddr = peer.parse().unwrap();
                let id = 0x1234_5678_9abc_def0_1122_3344;

                let envelope = Envelope::indication(id, peer, payload.len()).unwrap();

                let mut bytes = envelope.prefix().to_vec();
                assert_eq!(bytes.len(), len);
                bytes.extend(payload);
                bytes.extend(vec![0; envelope.padding()]);
                let message = Message::from_bytes(&bytes).unwrap();
                assert_eq!(message.transaction_id(), id.into());
                let data = message.raw_attribute(DATA.into()).unwrap();
                assert_eq!(&*data.value, payload);
                let address = message.raw_attribute(XOR_PEER_ADDRESS.into()).unwrap();
                let address = stun_types::attribute::XorSocketAddr::from_raw(&address).unwrap();
                assert_eq!(address.addr(id.into()), peer);
            }
        }
        let peer = "192.0.2.1:7".parse().unwrap();
        assert_eq!(Envelope::indication(1, peer, 65_530), None);
        assert_eq!(Envelope::channel_data(ChannelNumber::FIRST, 65_536, false), None);
    }

    #[test]
    fn channel_data_must_have_its_length_or_its_padding() {
        let number = ChannelNumber::new(0x4ABC).unwrap();
        for (tail, is_taken) in [(0, true), (1, true), (2, false), (3, false), (4, false)] {
            let envelope = Envelope::channel_data(number, 3, false).unwrap();
            let bytes = [envelope.prefix(), b"abc", &vec![0; tail]].concat();

            let parsed = parse_channel_data(&bytes);

            assert_eq!(parsed.is_some(), is_taken, "{tail} bytes more");
            assert!(parsed.is_none_or(|it| it == (number, b"abc")));
        }
        assert_eq!(parse_channel_data(&[0x40, 0, 0, 4, 1, 2, 3]), None);
        assert_eq!(parse_channel_data(&[0x50, 0, 0, 0]), None);
        assert_eq!(parse_channel_data(&[0x40, 0, 0]), None);
        assert_eq!(Envelope::channel_data(number, 3, true).unwrap().padding(), 1);
        assert_eq!(Envelope::channel_data(number, 3, false).unwrap().padding(), 0);
    }

    #[test]
    fn a_stream_is_cut_at_any_byte() {
        let stun = [&[0, 3, 0, 8][..], &COOKIE.to_be_bytes(), &[9; 12], &[0; 8]].concat();
        let channel = [0x40, 0, 0, 5, 1, 2, 3, 4, 5, 0, 0, 0];
        let stream = [&stun[..], &channel, &stun].concat();
        for cut in 1..stream.len() {
            let (mut at, mut seen, mut lengths) = (0, cut, Vec::new());
            while at < stream.len() {
                match next_message(&stream[at..seen]) {
                    Ok(Some(len)) if at + len <= seen => {
                        lengths.push(len);
                        at += len;
                    }
                    Ok(_) => seen = stream.len(),
                    Err(Malformed) => panic!("cut at {cut}"),
                }
            }
            assert_eq!(lengths, [28, 12, 28], "cut at {cut}");
        }
    }

    #[test]
    fn what_is_neither_is_malformed_as_soon_as_it_can_be_told() {
        for bad in
            [&b"\x16\x03\x01"[..], b"P", b"\x80abc", b"\x00\x01\x00\x03", b"\x50\x00\x00\x00"]
        {
            assert_eq!(next_message(bad), Err(Malformed), "{bad:?}");
        }
        assert_eq!(next_message(&[0, 1, 0, 0, 0x21, 0x13]), Err(Malformed));
        assert_eq!(next_message(&[0, 1, 0, 0, 0x21]), Ok(Some(20)));
        assert_eq!(next_message(&[0x40, 0, 0]), Ok(None));
        assert_eq!(next_message(&[]), Ok(None));
    }

    proptest! {
        #[test]
        fn channel_data_comes_back_as_it_was_written(
            number in 0x4000u16..=0x4FFF,
            payload in prop::collection::vec(any::<u8>(), 0..200),
            padded: bool,
        ) {
            let number = ChannelNumber::new(number).unwrap();
            let envelope = Envelope::channel_data(number, payload.len(), padded).unwrap();
            let padding = vec![0; envelope.padding()];
            let bytes = [envelope.prefix(), &payload, &padding].concat();

            prop_assert_eq!(parse_channel_data(&bytes), Some((number, payload.as_slice())));
            if padded {
                prop_assert_eq!(next_message(&bytes), Ok(Some(bytes.len())));
            }
        }

        #[test]
        fn an_indication_ends_where_its_header_says(
            peer: SocketAddr,
            id in 0u128..1 << 96,
            len in 0usize..2_000,
        ) {
            let envelope = Envelope::indication(id, peer, len).unwrap();
            let size = envelope.prefix().len() + len + envelope.padding();
            let bytes = [envelope.prefix(), &vec![7; size - envelope.prefix().len()]].concat();

            prop_assert_eq!(next_message(&bytes), Ok(Some(size)));
            prop_assert!(Message::from_bytes(&bytes).is_ok());
        }

        #[test]
        fn what_a_stream_begins_with_is_the_same_however_much_of_it_is_there(
            bytes in prop::collection::vec(prop_oneof![any::<u8>(), Just(0), Just(0x40)], 0..24),
        ) {
            let whole = next_message(&bytes);
            for seen in 0..bytes.len() {
                match next_message(&bytes[..seen]) {
                    Ok(None) => {}
                    Ok(Some(length)) => {
                        // The cookie, if it is there by now, may still show that it is none.
                        prop_assert!(whole == Ok(Some(length)) || seen < 8);
                    }
                    Err(Malformed) => prop_assert_eq!(whole, Err(Malformed)),
                }
            }
        }
    }
}
