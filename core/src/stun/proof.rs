//! The datagram that proves a port from outside: sent to an address that is said to lead to one of
//! our sockets, it arrives there, somewhere else, or not at all.
//!
//! A STUN Binding request (RFC 8489) whose USERNAME is `TOKEN:pinhole`, with FINGERPRINT: a socket
//! for media tells it from an ICE check by the name, and whatever else listens there takes it for
//! harmless. The transaction id holds the first ten bytes of the token and a sequence number, so
//! that order and loss can be seen. Nobody else knows the token, and that is all its protection:
//! who copies a probe proves that it arrived.
//!
//! [`write_sighting`] answers one with where it came from, and is never longer than what it answers.

use std::net::SocketAddr;

use stun_types::attribute::{AttributeStaticType, Fingerprint, Username, XorMappedAddress};
use stun_types::message::{
    BINDING, Message, MessageClass, MessageHeader, MessageType, MessageWrite, MessageWriteExt,
    MessageWriteMutSlice, TransactionId,
};

/// What follows the token in the user name.
const SUFFIX: &str = ":pinhole";
/// Bytes of the token that stand in the transaction id, too.
const ID_BYTES: usize = 10;
/// The length of a token, all of it letters and digits.
const TOKEN_LENGTH: std::ops::RangeInclusive<usize> = ID_BYTES..=32;

/// Room that [`write_proof`] and [`write_sighting`] need: header, USERNAME, FINGERPRINT.
pub const PROOF_BYTES_MAX: usize = MessageHeader::LENGTH + 4 + 32 + SUFFIX.len() + 8;

/// Writes a probe to the start of `buffer` and returns its length. `None`: the token is not 10 to 32
/// ASCII letters and digits, or the buffer has no room for [`PROOF_BYTES_MAX`].
///
/// ```
/// use pinhole_core::stun::{PROOF_BYTES_MAX, read_proof, write_proof};
///
/// let mut buffer = [0; PROOF_BYTES_MAX];
/// let length = write_proof(&mut buffer, "k3Jd82hFq0", 7).ok_or("a bad token")?;
/// assert_eq!(read_proof(&buffer[..length]), Some(("k3Jd82hFq0", 7)));
/// # Ok::<(), &str>(())
/// ```
pub fn write_proof(buffer: &mut [u8], token: &str, sequence: u16) -> Option<usize> {
    if !is_token(token) || buffer.len() < PROOF_BYTES_MAX {
        return None;
    }
    let kind = MessageType::from_class_method(MessageClass::Request, BINDING);
    let mut message =
        Message::builder(kind, id(token, sequence)?, MessageWriteMutSlice::new(buffer));
    message.add_attribute(&Username::new(&format!("{token}{SUFFIX}")).ok()?).ok()?;
    message.add_fingerprint().ok()?;
    Some(message.finish())
}

/// Reads the token and the sequence number of a probe; `None` for whatever else a datagram is.
pub fn read_proof(payload: &[u8]) -> Option<(&str, u16)> {
    let header = MessageHeader::from_bytes(payload).ok()?;
    if MessageHeader::LENGTH + usize::from(header.data_length()) != payload.len() {
        return None;
    }
    // The codec holds a FINGERPRINT that is there to its value.
    let message = Message::from_bytes(payload).ok()?;
    let is_request = message.has_method(BINDING) && message.has_class(MessageClass::Request);
    if !is_request || !message.has_attribute(Fingerprint::TYPE) {
        return None;
    }
    let (offset, username) = message.raw_attribute_and_offset(Username::TYPE)?;
    let value = payload.get(offset + 4..)?.get(..username.value.len())?;
    let token = str::from_utf8(value).ok()?.strip_suffix(SUFFIX)?;
    let sequence = u128::from(message.transaction_id()) as u16;
    let is_ours = is_token(token) && id(token, sequence) == Some(message.transaction_id());
    is_ours.then_some((token, sequence))
}

/// Writes the answer to a probe: a Binding success that says where it came from. `None`: it is no
/// probe, or the answer would be longer than it.
pub fn write_sighting(buffer: &mut [u8], probe: &[u8], seen_from: SocketAddr) -> Option<usize> {
    read_proof(probe)?;
    if buffer.len() < PROOF_BYTES_MAX {
        return None;
    }
    let request = Message::from_bytes(probe).ok()?;
    let mut message = Message::builder_success(&request, MessageWriteMutSlice::new(buffer));
    let seen = SocketAddr::new(seen_from.ip().to_canonical(), seen_from.port());
    message.add_attribute(&XorMappedAddress::new(seen, request.transaction_id())).ok()?;
    Some(message.finish()).filter(|length| *length <= probe.len())
}

fn is_token(token: &str) -> bool {
    TOKEN_LENGTH.contains(&token.len()) && token.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

fn id(token: &str, sequence: u16) -> Option<TransactionId> {
    let head: &[u8; ID_BYTES] = token.as_bytes().first_chunk()?;
    let head = head.iter().fold(0_u128, |id, byte| id << 8 | u128::from(*byte));
    Some(TransactionId::from(head << 16 | u128::from(sequence)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stun::read_answer;
    use proptest::prelude::*;

    const TOKEN: &str = "0123456789abcdefABCDEF0123456789";

    fn probe(token: &str, sequence: u16) -> Vec<u8> {
        let mut buffer = [0; PROOF_BYTES_MAX];
        let length = write_proof(&mut buffer, token, sequence).unwrap();
        buffer[..length].to_vec()
    }

    #[test]
    fn what_is_written_is_read() {
        for token in [TOKEN, &TOKEN[..10], &TOKEN[..13]] {
            for sequence in [0, 1, 0x1234, u16::MAX] {
                assert_eq!(read_proof(&probe(token, sequence)), Some((token, sequence)));
            }
        }
        assert_eq!(probe(TOKEN, 0).len(), PROOF_BYTES_MAX);
    }

    #[test]
    fn tokens_are_letters_and_digits_of_a_certain_length() {
        let mut buffer = [0; PROOF_BYTES_MAX];
        for token in ["", "012345678", "0123456789:", "0123456789ü", &format!("{TOKEN}x")] {
            assert_eq!(write_proof(&mut buffer, token, 0), None, "{token}");
        }
        assert_eq!(write_proof(&mut buffer[1..], TOKEN, 0), None);
    }

    #[test]
    fn nothing_else_is_taken_for_a_probe() {
        let bytes = probe(TOKEN, 3);
        for length in 0..bytes.len() {
            assert_eq!(read_proof(&bytes[..length]), None, "{length} bytes");
        }
        for index in 0..bytes.len() {
            let mut bent = bytes.clone();
            bent[index] ^= 0x21;
            assert_eq!(read_proof(&bent), None, "byte {index}");
        }
        assert_eq!(read_proof(&[&bytes[..], b"x"].concat()), None);
        let check = crate::wire::Check {
            id: 1,
            their_ufrag: TOKEN,
            our_ufrag: "pinhole",
            their_password: "secret",
        };
        assert_eq!(read_proof(&check.write().unwrap()), None, "an ICE check is none");
    }

    #[test]
    fn a_sighting_says_where_a_probe_came_from_and_is_not_longer() {
        let mut buffer = [0; PROOF_BYTES_MAX];
        for (seen, plain) in [
            ("192.0.2.1:7", "192.0.2.1:7"),
            ("[::ffff:192.0.2.1]:7", "192.0.2.1:7"),
            ("[2001:db8::1]:9", "[2001:db8::1]:9"),
        ] {
            let probe = probe(&TOKEN[..10], 5);
            let length = write_sighting(&mut buffer, &probe, seen.parse().unwrap()).unwrap();
            assert!(length <= probe.len(), "{length} bytes for {}", probe.len());
            let (id, seen) = read_answer(&buffer[..length]).unwrap();
            assert_eq!((id as u16, seen), (5, Ok(plain.parse().unwrap())));
        }
        let seen = "192.0.2.1:7".parse().unwrap();
        assert_eq!(write_sighting(&mut buffer, b"what else", seen), None);
    }

    proptest! {
        #[test]
        fn a_probe_comes_back_as_it_was_written(token in "[A-Za-z0-9]{10,32}", sequence: u16) {
            let mut buffer = [0; PROOF_BYTES_MAX];
            let length = write_proof(&mut buffer, &token, sequence).unwrap();

            prop_assert_eq!(read_proof(&buffer[..length]), Some((token.as_str(), sequence)));
            for cut in 0..length {
                prop_assert_eq!(read_proof(&buffer[..cut]), None);
            }
        }

        #[test]
        fn any_other_token_is_refused(token in "[ -~]{0,40}") {
            let mut buffer = [0; PROOF_BYTES_MAX];
            let is_token = (10..=32).contains(&token.len())
                && token.bytes().all(|byte| byte.is_ascii_alphanumeric());
            prop_assert_eq!(write_proof(&mut buffer, &token, 1).is_some(), is_token);
        }
    }
}
