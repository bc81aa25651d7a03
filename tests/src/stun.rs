//! STUN messages (RFC 8489 §5) written by hand, so that they can be wrong.

/// A binding request with a USERNAME and a MESSAGE-INTEGRITY of zeros, which is no key's.
pub fn request_with_bad_integrity(username: &str) -> Vec<u8> {
    const USERNAME: u16 = 0x0006;
    const MESSAGE_INTEGRITY: u16 = 0x0008;
    let mut attributes = Vec::new();
    push_attribute(&mut attributes, USERNAME, username.as_bytes());
    push_attribute(&mut attributes, MESSAGE_INTEGRITY, &[0; 20]);
    message(0x0001, &attributes)
}

/// A message of this type with these attributes, as they are.
pub fn message(kind: u16, attributes: &[u8]) -> Vec<u8> {
    const COOKIE_AND_ID: &[u8; 16] = b"\x21\x12\xa4\x42transaction.";
    with_id(kind, COOKIE_AND_ID, attributes)
}

/// A message of this type in the transaction of a request, with these attributes, as they are.
pub fn response(kind: u16, request: &[u8], attributes: &[u8]) -> Vec<u8> {
    with_id(kind, request.get(4..20).unwrap_or_default(), attributes)
}

fn with_id(kind: u16, cookie_and_id: &[u8], attributes: &[u8]) -> Vec<u8> {
    let length = u16::try_from(attributes.len()).unwrap_or(u16::MAX);
    let mut bytes = kind.to_be_bytes().to_vec();
    bytes.extend_from_slice(&length.to_be_bytes());
    bytes.extend_from_slice(cookie_and_id);
    bytes.extend_from_slice(attributes);
    bytes
}

fn push_attribute(out: &mut Vec<u8>, kind: u16, value: &[u8]) {
    out.extend_from_slice(&kind.to_be_bytes());
    out.extend_from_slice(&u16::try_from(value.len()).unwrap_or(u16::MAX).to_be_bytes());
    out.extend_from_slice(value);
    out.resize(out.len().next_multiple_of(4), 0);
}
