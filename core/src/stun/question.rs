//! One question to a STUN server, for programs that ask once and count the time themselves: how
//! does a socket look from outside (RFC 8489 §7). No retransmission, no state.

use std::net::SocketAddr;

use stun_types::message::TransactionId;

use super::message::{self, BindingMessage, Outcome, REQUEST_BYTES_MAX};

/// Room that [`write_question`] needs.
pub const QUESTION_BYTES_MAX: usize = REQUEST_BYTES_MAX;

/// Writes a Binding request to the start of `buffer` and returns its length; of `id` the low 96 bits
/// are its transaction id. `None`: no room for [`QUESTION_BYTES_MAX`].
pub fn write_question(buffer: &mut [u8], id: u128) -> Option<usize> {
    message::write_request(buffer, TransactionId::from(id), None)
}

/// Reads the answer: whose it is, and where the server saw the question come from, or the error code
/// with which it refuses. `None`: it is no answer to a Binding request.
pub fn read_answer(payload: &[u8]) -> Option<(u128, Result<SocketAddr, u16>)> {
    match message::parse(payload).ok()? {
        BindingMessage::Request(_) => None,
        BindingMessage::Response(id, Outcome::Mapped(mapped)) => {
            Some((id.into(), Ok(mapped.address)))
        }
        BindingMessage::Response(id, Outcome::Refused(code)) => Some((id.into(), Err(code))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_is_no_answer_and_has_its_id() {
        let mut buffer = [0; QUESTION_BYTES_MAX];
        let length = write_question(&mut buffer, 7).unwrap();

        assert_eq!(read_answer(&buffer[..length]), None);
        let parsed = message::parse(&buffer[..length]);
        assert_eq!(parsed, Ok(BindingMessage::Request(TransactionId::from(7))));
        assert_eq!(write_question(&mut buffer[1..], 7), None);
    }
}
