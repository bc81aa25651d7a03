//! The part of a STUN message that decides whose it is: a Binding request carries
//! `USERNAME = <our ufrag>:<their ufrag>` (RFC 8445 §7.2.2).

use stun_types::attribute::Username;
use stun_types::message::{
    BINDING, Message, MessageClass, MessageIntegrityCredentials, ShortTermCredentials,
};

/// A STUN message, as far as routing reads it.
#[derive(Debug)]
pub(crate) enum StunKind<'a> {
    /// An ICE connectivity check.
    Request(BindingRequest<'a>),
    /// Anything else: it belongs to whoever spoke with that address before.
    Other,
}

/// A connectivity check with a user name.
#[derive(Debug)]
pub(crate) struct BindingRequest<'a> {
    message: Message<'a>,
    username: String,
}

/// Parses a STUN message; `None` if it is none.
pub(crate) fn parse_stun(payload: &[u8]) -> Option<StunKind<'_>> {
    let message = Message::from_bytes(payload).ok()?;
    if !message.has_class(MessageClass::Request) || !message.has_method(BINDING) {
        return Some(StunKind::Other);
    }
    let username = message.attribute::<Username>().ok()?.username().to_owned();
    Some(StunKind::Request(BindingRequest { message, username }))
}

impl BindingRequest<'_> {
    /// The part of USERNAME that we chose.
    pub(crate) fn local_ufrag(&self) -> &str {
        self.username.split(':').next().unwrap_or_default()
    }

    /// Whether its MESSAGE-INTEGRITY was made with our `password`, RFC 8489 §9.1.3.
    pub(crate) fn is_authentic(&self, password: &str) -> bool {
        let credentials = ShortTermCredentials::new(password.to_owned());
        self.message
            .validate_integrity(&MessageIntegrityCredentials::ShortTerm(credentials))
            .is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use stun_types::message::{
        IntegrityAlgorithm, MessageType, MessageWrite, MessageWriteExt, MessageWriteVec,
        TransactionId,
    };

    fn request(password: &str) -> Vec<u8> {
        let kind = MessageType::from_class_method(MessageClass::Request, BINDING);
        let id = TransactionId::from(7u128);
        let mut message = Message::builder(kind, id, MessageWriteVec::new());
        message.add_attribute(&Username::new("ours:theirs").unwrap()).unwrap();
        let credentials = ShortTermCredentials::new(password.to_owned()).into();
        message.add_message_integrity(&credentials, IntegrityAlgorithm::Sha1).unwrap();
        message.add_fingerprint().unwrap();
        message.finish()
    }

    #[test]
    fn a_check_names_our_ufrag_and_proves_the_password() {
        let bytes = request("secret");

        let Some(StunKind::Request(check)) = parse_stun(&bytes) else { panic!("not a request") };

        assert_eq!(check.local_ufrag(), "ours");
        assert!(check.is_authentic("secret"));
        assert!(!check.is_authentic("other"));
    }

    #[test]
    fn every_truncation_and_every_flipped_byte_is_survived() {
        let bytes = request("secret");
        for length in 0..bytes.len() {
            assert!(parse_stun(&bytes[..length]).is_none(), "{length} bytes");
        }
        // What follows MESSAGE-INTEGRITY, the 8 bytes of FINGERPRINT, it does not cover.
        for index in 0..bytes.len() - 8 {
            let mut bent = bytes.clone();
            bent[index] ^= 0x55;
            if let Some(StunKind::Request(check)) = parse_stun(&bent) {
                assert!(!check.is_authentic("secret"), "byte {index}");
            }
        }
    }
}
