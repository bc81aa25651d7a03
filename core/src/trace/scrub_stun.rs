//! STUN without its secrets. Attributes are read here one by one, further than a codec would read a
//! message that is damaged; whether MESSAGE-INTEGRITY holds is asked of the codec.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::packet::{Integrity, StunAttribute, StunMessage};
use super::scrub_sdp::Scrub;
use crate::wire::{StunKind, parse_stun};

const HEADER_BYTES: usize = 20;
const COOKIE: [u8; 4] = [0x21, 0x12, 0xa4, 0x42];
/// More attributes of one message are not told.
const ATTRIBUTES_MAX: usize = 32;
/// Characters of SOFTWARE that are told.
const SOFTWARE_CHARS_MAX: usize = 64;

const MESSAGE_INTEGRITY: u16 = 0x0008;
const MESSAGE_INTEGRITY_SHA256: u16 = 0x001c;
const XOR_PEER_ADDRESS: u16 = 0x0012;
const DATA: u16 = 0x0013;
const CHANNEL_NUMBER: u16 = 0x000c;
const BINDING: u16 = 1;
const CHANNEL_BIND: u16 = 9;
const SEND: u16 = 6;
const DATA_INDICATION: u16 = 7;

/// A STUN message cut into its fields.
pub(super) struct Fields<'a> {
    class: u16,
    method: u16,
    pub(super) id: [u8; 12],
    attributes: Vec<(u16, &'a [u8])>,
    whole: bool,
}

impl Scrub {
    /// What a STUN message says. `None`: it is not even a header.
    pub(super) fn stun(&mut self, bytes: &[u8]) -> Option<StunMessage> {
        let fields = cut(bytes)?;
        let asked = fields.ice_username().and_then(|name| name.split(':').next());
        let transaction = self.names.transaction(fields.id, asked);
        let signed = fields
            .attributes
            .iter()
            .any(|(number, _)| matches!(*number, MESSAGE_INTEGRITY | MESSAGE_INTEGRITY_SHA256));
        let integrity = match signed {
            true => self.integrity(bytes, asked.or(transaction.asked.as_deref())),
            false => Integrity::Absent,
        };
        let attributes = fields.attributes.iter().take(ATTRIBUTES_MAX);
        let attributes =
            attributes.map(|(number, value)| self.stun_attribute(&fields, *number, value));
        Some(StunMessage {
            class: class(fields.class).to_owned(),
            method: method(fields.method),
            transaction: transaction.number,
            integrity,
            attributes: attributes.collect(),
            whole: fields.whole,
        })
    }

    fn integrity(&self, bytes: &[u8], asked: Option<&str>) -> Integrity {
        let Some(password) = asked.and_then(|ufrag| self.names.password_of(ufrag)) else {
            return Integrity::Unchecked;
        };
        let held = match parse_stun(bytes) {
            Some(StunKind::Request(check)) => check.is_authentic(password),
            Some(StunKind::Response(answer)) => answer.is_authentic(password),
            Some(StunKind::Other) | None => return Integrity::Unchecked,
        };
        if held { Integrity::Held } else { Integrity::Failed }
    }

    fn stun_attribute(&mut self, fields: &Fields<'_>, number: u16, value: &[u8]) -> StunAttribute {
        let other = StunAttribute::Other { number, len: value.len() as u16 };
        let plain = || address(value, None);
        let xored = || address(value, Some(&fields.id));
        let attribute = match number {
            0x0001 => plain().map(|at| StunAttribute::MappedAddress(self.addresses.socket(at))),
            0x0003 => number_of(value).map(StunAttribute::ChangeRequest),
            0x0006 => Some(StunAttribute::Username(self.username(fields, value))),
            MESSAGE_INTEGRITY | MESSAGE_INTEGRITY_SHA256 => Some(StunAttribute::MessageIntegrity),
            0x0009 => error_code(value).map(StunAttribute::ErrorCode),
            CHANNEL_NUMBER => first_half(value).map(StunAttribute::ChannelNumber),
            0x000d => number_of(value).map(StunAttribute::Lifetime),
            XOR_PEER_ADDRESS => {
                xored().map(|at| StunAttribute::XorPeerAddress(self.addresses.socket(at)))
            }
            0x0014 => Some(StunAttribute::Realm(self.names.realm(&text(value)))),
            0x0015 => Some(StunAttribute::Nonce(self.names.nonce(&text(value)))),
            0x0016 => xored().map(|at| StunAttribute::XorRelayedAddress(self.addresses.socket(at))),
            0x0017 => value.first().copied().map(StunAttribute::RequestedAddressFamily),
            0x0019 => value.first().copied().map(StunAttribute::RequestedTransport),
            0x0020 => xored().map(|at| StunAttribute::XorMappedAddress(self.addresses.socket(at))),
            0x0024 => number_of(value).map(StunAttribute::Priority),
            0x0025 => Some(StunAttribute::UseCandidate),
            0x8022 => Some(StunAttribute::Software(self.software(value))),
            0x8023 => plain().map(|at| StunAttribute::AlternateServer(self.addresses.socket(at))),
            0x8028 => Some(StunAttribute::Fingerprint),
            0x8029 => tie_breaker(value).map(StunAttribute::IceControlled),
            0x802a => tie_breaker(value).map(StunAttribute::IceControlling),
            0x802b => plain().map(|at| StunAttribute::ResponseOrigin(self.addresses.socket(at))),
            0x802c => plain().map(|at| StunAttribute::OtherAddress(self.addresses.socket(at))),
            _ => None,
        };
        attribute.unwrap_or(other)
    }

    fn username(&mut self, fields: &Fields<'_>, value: &[u8]) -> String {
        let name = text(value);
        match fields.method {
            BINDING => {
                let parts = name.split(':').map(|ufrag| self.names.ufrag(ufrag));
                parts.collect::<Vec<_>>().join(":")
            }
            _ => self.names.user(&name),
        }
    }

    fn software(&mut self, value: &[u8]) -> String {
        let text = text(value);
        let printable = text.chars().filter(|c| c.is_ascii_graphic() || *c == ' ');
        let short: String = printable.take(SOFTWARE_CHARS_MAX).collect();
        self.addresses.text(&short)
    }
}

/// The peer and the bytes of a Send or Data indication, RFC 8656 §11.
pub(super) fn unwrap_indication(bytes: &[u8]) -> Option<(SocketAddr, &[u8])> {
    let fields = cut(bytes)?;
    let is_wrapper = fields.class == 1 && matches!(fields.method, SEND | DATA_INDICATION);
    let value = |wanted: u16| fields.attributes.iter().find(|(number, _)| *number == wanted);
    let (_, peer) = value(XOR_PEER_ADDRESS).filter(|_| is_wrapper)?;
    let (_, data) = value(DATA)?;
    Some((address(peer, Some(&fields.id))?, data))
}

/// The number and the peer that a ChannelBind request names, RFC 8656 §12.
pub(super) fn channel_binding(bytes: &[u8]) -> Option<(u16, SocketAddr)> {
    let fields = cut(bytes).filter(|fields| (fields.class, fields.method) == (0, CHANNEL_BIND))?;
    let peer = address(fields.value(XOR_PEER_ADDRESS)?, Some(&fields.id))?;
    Some((first_half(fields.value(CHANNEL_NUMBER)?)?, peer))
}

/// RFC 8489 §5 and §14: header, then attributes padded to four bytes.
pub(super) fn cut(bytes: &[u8]) -> Option<Fields<'_>> {
    let (head, mut rest) = bytes.split_first_chunk::<HEADER_BYTES>()?;
    let kind = u16::from_be_bytes([head[0], head[1]]);
    let len = usize::from(u16::from_be_bytes([head[2], head[3]]));
    let id = *head.last_chunk::<12>()?;
    let mut whole = head[4..8] == COOKIE && rest.len() == len;
    let mut attributes = Vec::new();
    while let Some((head, after)) = rest.split_first_chunk::<4>() {
        let number = u16::from_be_bytes([head[0], head[1]]);
        let len = usize::from(u16::from_be_bytes([head[2], head[3]]));
        let Some((value, after)) = after.split_at_checked(len) else { break };
        attributes.push((number, value));
        rest = after.get((4 - len % 4) % 4..).unwrap_or_default();
    }
    whole &= rest.is_empty();
    // RFC 8489 §5: the bits of class and method are interleaved.
    let class = (kind >> 4 & 1) | (kind >> 7 & 2);
    let method = (kind & 0xf) | (kind >> 1 & 0x70) | (kind >> 2 & 0xf80);
    Some(Fields { class, method, id, attributes, whole })
}

impl<'a> Fields<'a> {
    /// The value of the first attribute of this number.
    pub(super) fn value(&self, wanted: u16) -> Option<&'a [u8]> {
        self.attributes.iter().find(|(number, _)| *number == wanted).map(|(_, value)| *value)
    }

    fn ice_username(&self) -> Option<&'a str> {
        let (_, value) = self.attributes.iter().find(|(number, _)| *number == 0x0006)?;
        std::str::from_utf8(value).ok().filter(|_| self.method == BINDING)
    }
}

fn class(class: u16) -> &'static str {
    ["request", "indication", "success", "error"][usize::from(class & 3)]
}

fn method(method: u16) -> String {
    match method {
        1 => "binding".to_owned(),
        3 => "allocate".to_owned(),
        4 => "refresh".to_owned(),
        6 => "send".to_owned(),
        7 => "data".to_owned(),
        8 => "create_permission".to_owned(),
        9 => "channel_bind".to_owned(),
        other => format!("{other:#x}"),
    }
}

/// RFC 8489 §14.1, and §14.2 where it is xored with cookie and transaction id.
fn address(value: &[u8], xored_with: Option<&[u8; 12]>) -> Option<SocketAddr> {
    let (head, ip) = value.split_first_chunk::<4>()?;
    let mut mask = [0; 16];
    if let Some(id) = xored_with {
        mask[..4].copy_from_slice(&COOKIE);
        mask[4..].copy_from_slice(id);
    }
    let port = u16::from_be_bytes([head[2] ^ mask[0], head[3] ^ mask[1]]);
    mask.iter_mut().zip(ip).for_each(|(mask, byte)| *mask ^= byte);
    let [a, b, c, d, ..] = mask;
    let ip: IpAddr = match (head[1], ip.len()) {
        (1, 4) => Ipv4Addr::new(a, b, c, d).into(),
        (2, 16) => Ipv6Addr::from(mask).into(),
        _ => return None,
    };
    Some(SocketAddr::new(ip, port))
}

fn number_of(value: &[u8]) -> Option<u32> {
    Some(u32::from_be_bytes(value.try_into().ok()?))
}

fn first_half(value: &[u8]) -> Option<u16> {
    Some(u16::from_be_bytes(*value.first_chunk()?))
}

fn tie_breaker(value: &[u8]) -> Option<u64> {
    Some(u64::from_be_bytes(value.try_into().ok()?))
}

fn error_code(value: &[u8]) -> Option<u16> {
    Some(u16::from(value.get(2)? & 7) * 100 + u16::from(*value.get(3)?))
}

fn text(value: &[u8]) -> String {
    String::from_utf8_lossy(value).into_owned()
}
