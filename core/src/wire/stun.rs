//! The part of a STUN message that decides whose it is: a Binding request carries
//! `USERNAME = <our ufrag>:<their ufrag>` (RFC 8445 §7.2.2), and whoever answers one of ours proves
//! with its MESSAGE-INTEGRITY that it has the password of the viewer that was asked.

use stun_types::attribute::{RawAttribute, Username};
use stun_types::message::{
    BINDING, IntegrityAlgorithm, Message, MessageClass, MessageIntegrityCredentials, MessageType,
    MessageWrite, MessageWriteExt, MessageWriteVec, ShortTermCredentials, TransactionId,
};

/// RFC 8445 §7.1.1 and §16.1.
const PRIORITY: u16 = 0x0024;
const ICE_CONTROLLED: u16 = 0x8029;
/// That of a peer-reflexive candidate, RFC 8445 §5.1.2.1.
const PEER_REFLEXIVE: u32 = 110 << 24 | 0xFFFF << 8 | 0xFF;

/// A STUN message, as far as routing reads it.
#[derive(Debug)]
pub(crate) enum StunKind<'a> {
    /// An ICE connectivity check.
    Request(BindingRequest<'a>),
    /// The answer to one, whatever it says.
    Response(BindingResponse<'a>),
    /// Anything else: it belongs to whoever spoke with that address before.
    Other,
}

/// A connectivity check with a user name.
#[derive(Debug)]
pub(crate) struct BindingRequest<'a> {
    message: Message<'a>,
    username: String,
}

/// The answer to a connectivity check.
#[derive(Debug)]
pub(crate) struct BindingResponse<'a> {
    message: Message<'a>,
}

/// Parses a STUN message; `None` if it is none.
pub(crate) fn parse_stun(payload: &[u8]) -> Option<StunKind<'_>> {
    let message = Message::from_bytes(payload).ok()?;
    if !message.has_method(BINDING) {
        return Some(StunKind::Other);
    }
    if message.is_response() {
        return Some(StunKind::Response(BindingResponse { message }));
    }
    if !message.has_class(MessageClass::Request) {
        return Some(StunKind::Other);
    }
    let username = message.attribute::<Username>().ok()?.username().to_owned();
    Some(StunKind::Request(BindingRequest { message, username }))
}

/// The transaction id of a Binding request (RFC 8489 §5), if this is one.
pub(crate) fn check_id(payload: &[u8]) -> Option<u128> {
    let id = payload.get(8..20).filter(|_| payload.starts_with(&[0, 1]))?;
    Some(id.iter().fold(0, |id, byte| id << 8 | u128::from(*byte)))
}

impl BindingRequest<'_> {
    /// The part of USERNAME that we chose.
    pub(crate) fn local_ufrag(&self) -> &str {
        self.username.split(':').next().unwrap_or_default()
    }

    /// Whether its MESSAGE-INTEGRITY was made with our `password`, RFC 8489 §9.1.3.
    pub(crate) fn is_authentic(&self, password: &str) -> bool {
        has_integrity(&self.message, password)
    }
}

impl BindingResponse<'_> {
    /// The transaction id of the check that it answers.
    pub(crate) fn id(&self) -> u128 {
        self.message.transaction_id().into()
    }

    /// Whether its MESSAGE-INTEGRITY was made with the `password` of the one who was asked.
    pub(crate) fn is_authentic(&self, password: &str) -> bool {
        has_integrity(&self.message, password)
    }
}

fn has_integrity(message: &Message<'_>, password: &str) -> bool {
    let credentials = ShortTermCredentials::new(password.to_owned());
    message.validate_integrity(&MessageIntegrityCredentials::ShortTerm(credentials)).is_ok()
}

/// A connectivity check of our own: a question to a viewer that only it can answer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Check<'a> {
    /// 96 bits.
    pub(crate) id: u128,
    pub(crate) their_ufrag: &'a str,
    pub(crate) our_ufrag: &'a str,
    pub(crate) their_password: &'a str,
}

impl Check<'_> {
    /// Writes it, as the controlled agent that we are: it nominates nothing. `None`: a ufrag is
    /// longer than a user name may be.
    pub(crate) fn write(&self) -> Option<Vec<u8>> {
        let kind = MessageType::from_class_method(MessageClass::Request, BINDING);
        let mut message =
            Message::builder(kind, TransactionId::from(self.id), MessageWriteVec::new());
        let username = format!("{}:{}", self.their_ufrag, self.our_ufrag);
        message.add_attribute(&Username::new(&username).ok()?).ok()?;
        let priority = PEER_REFLEXIVE.to_be_bytes();
        message.add_attribute(&RawAttribute::new(PRIORITY.into(), &priority)).ok()?;
        // The highest tie-breaker: no viewer takes another role because of this.
        let role = RawAttribute::new(ICE_CONTROLLED.into(), &[0xFF; 8]);
        message.add_attribute(&role).ok()?;
        let credentials = ShortTermCredentials::new(self.their_password.to_owned()).into();
        message.add_message_integrity(&credentials, IntegrityAlgorithm::Sha1).ok()?;
        message.add_fingerprint().ok()?;
        Some(message.finish())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn a_check_is_known_by_its_transaction() {
        assert_eq!(check_id(&request("secret")), Some(7));
        assert_eq!(check_id(&[0, 1, 0, 0]), None, "cut short");
        assert_eq!(check_id(&[1; 20]), None, "an answer");
    }

    #[test]
    fn a_check_of_ours_names_the_viewer_first_and_its_answer_proves_the_password() {
        let check =
            Check { id: 9, their_ufrag: "theirs", our_ufrag: "ours", their_password: "theirs!" };
        let bytes = check.write().unwrap();

        // To the viewer it is what its checks are to us.
        let Some(StunKind::Request(seen)) = parse_stun(&bytes) else { panic!("not a request") };
        assert_eq!(seen.username, "theirs:ours");
        assert!(seen.is_authentic("theirs!"));
        for password in ["theirs!", "forged"] {
            let mut answer = Message::builder_success(&seen.message, MessageWriteVec::new());
            let credentials = ShortTermCredentials::new(password.to_owned()).into();
            answer.add_message_integrity(&credentials, IntegrityAlgorithm::Sha1).unwrap();
            let bytes = answer.finish();
            let Some(StunKind::Response(answer)) = parse_stun(&bytes) else { panic!("no answer") };
            assert_eq!(answer.id(), 9);
            assert_eq!(answer.is_authentic("theirs!"), password == "theirs!");
        }
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
