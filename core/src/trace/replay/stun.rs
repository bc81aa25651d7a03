//! STUN messages made anew from what a recording tells of them: the same attributes in the same
//! order, with ids and passwords of the re-run.

use std::net::{IpAddr, SocketAddr};

use hmac::{Hmac, Mac};
use sha1::Sha1;

use crate::trace::packet::{StunAttribute, StunMessage};

const HEADER_BYTES: usize = 20;
const COOKIE: [u8; 4] = [0x21, 0x12, 0xa4, 0x42];
/// Bytes of an attribute's value; a recording that names more is cut. RFC 8489 §14.9 allows 763.
const VALUE_BYTES_MAX: usize = 1_024;
/// RFC 8489 §14.7.
const FINGERPRINT_MASK: u32 = 0x5354_554e;

/// What the re-run puts in the place of what a recording leaves out.
#[derive(Debug, Clone)]
pub(super) struct Anew {
    /// The transaction.
    pub(super) id: [u8; 12],
    /// The user name, where that of the recording names another ufrag.
    pub(super) username: Option<String>,
    /// The key of MESSAGE-INTEGRITY.
    pub(super) key: Vec<u8>,
}

/// Writes a message. One that was not well-formed is written with a false length.
pub(super) fn write(message: &StunMessage, anew: &Anew) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(256);
    bytes.extend(kind(message).to_be_bytes());
    bytes.extend([0, 0]);
    bytes.extend(COOKIE);
    bytes.extend(anew.id);
    for attribute in &message.attributes {
        match attribute {
            StunAttribute::MessageIntegrity => {
                // RFC 8489 §14.5: over all that stands before it, with the length up to its own
                // end.
                set_length(&mut bytes, 24);
                let mut hmac =
                    Hmac::<Sha1>::new_from_slice(&anew.key).expect("any length is a key");
                hmac.update(&bytes);
                let value = hmac.finalize().into_bytes();
                push(&mut bytes, 0x0008, &value);
            }
            StunAttribute::Fingerprint => {
                set_length(&mut bytes, 8);
                let value = (crc32(&bytes) ^ FINGERPRINT_MASK).to_be_bytes();
                push(&mut bytes, 0x8028, &value);
            }
            other => {
                let (number, value) = value_of(other, anew);
                push(&mut bytes, number, &value);
            }
        }
    }
    set_length(&mut bytes, if message.whole { 0 } else { 4 });
    bytes
}

/// Adds the DATA of an indication, RFC 8656 §18.4.
pub(super) fn push_data(bytes: &mut Vec<u8>, data: &[u8]) {
    bytes.extend(0x0013u16.to_be_bytes());
    bytes.extend((data.len() as u16).to_be_bytes());
    bytes.extend(data);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    set_length(bytes, 0);
}

/// The key of short-term credentials is the password; this is that of long-term ones: RFC 8489
/// §9.2.2.
pub(super) fn long_term_key(username: &str, realm: &str, password: &str) -> Vec<u8> {
    use md5::Digest as _;
    md5::Md5::digest(format!("{username}:{realm}:{password}")).to_vec()
}

/// RFC 8489 §5: the bits of class and method are interleaved.
fn kind(message: &StunMessage) -> u16 {
    let class: u16 = match message.class.as_str() {
        "indication" => 1,
        "success" => 2,
        "error" => 3,
        _ => 0,
    };
    let method: u16 = match message.method.as_str() {
        "binding" => 1,
        "allocate" => 3,
        "refresh" => 4,
        "send" => 6,
        "data" => 7,
        "create_permission" => 8,
        "channel_bind" => 9,
        other => other
            .strip_prefix("0x")
            .and_then(|hex| u16::from_str_radix(hex, 16).ok())
            .unwrap_or(0xfff),
    };
    (method & 0xf)
        | (method & 0x70) << 1
        | (method & 0xf80) << 2
        | (class & 1) << 4
        | (class & 2) << 7
}

fn value_of(attribute: &StunAttribute, anew: &Anew) -> (u16, Vec<u8>) {
    let xored = |number, at: &SocketAddr| (number, address(*at, Some(&anew.id)));
    let plain = |number, at: &SocketAddr| (number, address(*at, None));
    let text = |number, text: &str| (number, text.as_bytes().to_vec());
    match attribute {
        StunAttribute::Username(name) => {
            text(0x0006, anew.username.as_ref().unwrap_or(name).as_str())
        }
        StunAttribute::Realm(realm) => text(0x0014, realm),
        StunAttribute::Nonce(nonce) => text(0x0015, nonce),
        StunAttribute::Software(software) => text(0x8022, software),
        StunAttribute::MappedAddress(at) => plain(0x0001, at),
        StunAttribute::AlternateServer(at) => plain(0x8023, at),
        StunAttribute::OtherAddress(at) => plain(0x802c, at),
        StunAttribute::ResponseOrigin(at) => plain(0x802b, at),
        StunAttribute::XorMappedAddress(at) => xored(0x0020, at),
        StunAttribute::XorPeerAddress(at) => xored(0x0012, at),
        StunAttribute::XorRelayedAddress(at) => xored(0x0016, at),
        StunAttribute::ErrorCode(code) => {
            (0x0009, vec![0, 0, (code / 100) as u8 & 7, (code % 100) as u8])
        }
        StunAttribute::Lifetime(seconds) => (0x000d, seconds.to_be_bytes().to_vec()),
        StunAttribute::ChannelNumber(number) => {
            (0x000c, u32::from(*number).rotate_left(16).to_be_bytes().to_vec())
        }
        StunAttribute::RequestedTransport(protocol) => (0x0019, vec![*protocol, 0, 0, 0]),
        StunAttribute::RequestedAddressFamily(family) => (0x0017, vec![*family, 0, 0, 0]),
        StunAttribute::ChangeRequest(flags) => (0x0003, flags.to_be_bytes().to_vec()),
        StunAttribute::Priority(priority) => (0x0024, priority.to_be_bytes().to_vec()),
        StunAttribute::UseCandidate => (0x0025, Vec::new()),
        StunAttribute::IceControlled(breaker) => (0x8029, breaker.to_be_bytes().to_vec()),
        StunAttribute::IceControlling(breaker) => (0x802a, breaker.to_be_bytes().to_vec()),
        StunAttribute::Other { number, len } => {
            (*number, vec![0; usize::from(*len).min(VALUE_BYTES_MAX)])
        }
        // Made where they stand.
        StunAttribute::MessageIntegrity => (0x0008, vec![0; 20]),
        StunAttribute::Fingerprint => (0x8028, vec![0; 4]),
    }
}

fn push(bytes: &mut Vec<u8>, number: u16, value: &[u8]) {
    let value = value.get(..VALUE_BYTES_MAX).unwrap_or(value);
    bytes.extend(number.to_be_bytes());
    bytes.extend((value.len() as u16).to_be_bytes());
    bytes.extend(value);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
}

/// The length field: what is there, and so much that is still to come.
fn set_length(bytes: &mut [u8], coming: usize) {
    let length = (bytes.len() - HEADER_BYTES + coming) as u16;
    if let Some(field) = bytes.get_mut(2..4) {
        field.copy_from_slice(&length.to_be_bytes());
    }
}

/// RFC 8489 §14.1, and §14.2 where it is xored with cookie and transaction id.
fn address(at: SocketAddr, xored_with: Option<&[u8; 12]>) -> Vec<u8> {
    let mut mask = [0; 16];
    if let Some(id) = xored_with {
        mask[..4].copy_from_slice(&COOKIE);
        mask[4..].copy_from_slice(id);
    }
    let (family, ip) = match at.ip() {
        IpAddr::V4(ip) => (1, ip.octets().to_vec()),
        IpAddr::V6(ip) => (2, ip.octets().to_vec()),
    };
    let port = at.port() ^ u16::from_be_bytes([mask[0], mask[1]]);
    let mut value = vec![0, family];
    value.extend(port.to_be_bytes());
    value.extend(ip.iter().zip(mask).map(|(byte, mask)| byte ^ mask));
    value
}

/// That of ITU V.42, as RFC 8489 §14.7 wants it.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 }
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::AddressPolicy;
    use crate::trace::addresses::Addresses;
    use crate::trace::names::Names;
    use crate::trace::packet::Integrity;
    use crate::trace::scrub_sdp::Scrub;
    use crate::wire::{StunKind, parse_stun};

    fn message(method: &str, class: &str, attributes: Vec<StunAttribute>) -> StunMessage {
        StunMessage {
            class: class.to_owned(),
            method: method.to_owned(),
            transaction: 1,
            integrity: Integrity::Unchecked,
            attributes,
            whole: true,
        }
    }

    #[test]
    fn what_is_written_is_told_by_a_recorder_as_it_was() {
        let v4: SocketAddr = "192.0.2.1:7".parse().unwrap();
        let v6: SocketAddr = "[2001:db8::1]:9".parse().unwrap();
        let all = vec![
            StunAttribute::Username("user1".to_owned()),
            StunAttribute::Realm("realm1".to_owned()),
            StunAttribute::Nonce("nonce1".to_owned()),
            StunAttribute::MappedAddress(v4),
            StunAttribute::XorMappedAddress(v6),
            StunAttribute::XorPeerAddress(v4),
            StunAttribute::XorRelayedAddress(v6),
            StunAttribute::AlternateServer(v4),
            StunAttribute::OtherAddress(v6),
            StunAttribute::ResponseOrigin(v4),
            StunAttribute::ErrorCode(437),
            StunAttribute::Lifetime(600),
            StunAttribute::ChannelNumber(0x4001),
            StunAttribute::RequestedTransport(17),
            StunAttribute::RequestedAddressFamily(2),
            StunAttribute::ChangeRequest(6),
            StunAttribute::Priority(7),
            StunAttribute::UseCandidate,
            StunAttribute::IceControlled(8),
            StunAttribute::IceControlling(9),
            StunAttribute::Software("coturn 4".to_owned()),
            StunAttribute::Other { number: 0xc057, len: 4 },
            StunAttribute::MessageIntegrity,
            StunAttribute::Fingerprint,
        ];
        for method in ["allocate", "refresh", "create_permission", "channel_bind", "0x71"] {
            for class in ["request", "indication", "success", "error"] {
                let mut told = message(method, class, all.clone());
                for whole in [true, false] {
                    told.whole = whole;
                    let anew = Anew { id: [7; 12], username: None, key: b"key".to_vec() };
                    let bytes = write(&told, &anew);
                    let addresses = Addresses::new(AddressPolicy::Keep);
                    let mut scrub = Scrub { names: Names::default(), addresses };
                    assert_eq!(scrub.stun(&bytes).unwrap(), told, "{method} {class}");
                }
            }
        }
    }

    #[test]
    fn a_check_that_is_made_anew_is_signed_and_a_codec_takes_its_fingerprint() {
        let attributes = vec![
            StunAttribute::Username("old:viewer".to_owned()),
            StunAttribute::MessageIntegrity,
            StunAttribute::Fingerprint,
        ];
        let told = message("binding", "request", attributes);
        let username = Some("ours:viewer".to_owned());
        let bytes = write(&told, &Anew { id: [3; 12], username, key: b"password".to_vec() });

        let Some(StunKind::Request(check)) = parse_stun(&bytes) else { panic!("no check") };
        assert_eq!(check.local_ufrag(), "ours");
        assert!(check.is_authentic("password") && !check.is_authentic("another"));
    }
}
