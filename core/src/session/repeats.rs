//! Handshake messages that come again before the answer to the first has left.
//!
//! A viewer sends its flight again when the answer is late (RFC 6347 §4.2.4), and a shell that reads a
//! batch of datagrams may have both before anything of ours leaves. `dimpl` answers each, the last
//! flight twice in one datagram, which a client that is `dimpl` itself does not understand: it never
//! sees our Finished, loses the IDR that follows at once, and is connected when it asks again, seconds
//! later. The answer to the first is on its way; so the second is dropped.

/// Messages remembered. A flight has five; what comes beyond that is not looked at.
const MESSAGES_MAX: usize = 16;

/// A record's header, RFC 6347 §4.1, before a handshake message's, §4.2.2.
const RECORD: usize = 13;
const HANDSHAKE: u8 = 22;

/// What is taken for the same message: its number and the offset of the fragment.
type Message = [u8; 5];

/// Since our side was polled until it had nothing to say.
#[derive(Debug, Default)]
pub(super) struct Repeats {
    taken: Vec<Message>,
}

impl Repeats {
    /// Whether this datagram begins with a handshake message that was taken since.
    pub(super) fn is_one(&self, datagram: &[u8]) -> bool {
        first_message(datagram).is_some_and(|message| self.taken.contains(&message))
    }

    /// Notes that a datagram was taken.
    pub(super) fn on_taken(&mut self, datagram: &[u8]) {
        if let Some(message) = first_message(datagram).filter(|_| self.taken.len() < MESSAGES_MAX) {
            self.taken.push(message);
        }
    }

    /// Notes that everything that our side had to say is out.
    pub(super) fn on_drained(&mut self) {
        self.taken.clear();
    }
}

/// The handshake message that stands first in a datagram, if it is in clear.
fn first_message(datagram: &[u8]) -> Option<Message> {
    let (record, handshake) = datagram.split_at_checked(RECORD)?;
    let in_clear = record.first() == Some(&HANDSHAKE) && record.get(3..5) == Some(&[0, 0]);
    // After type and length: message_seq, fragment_offset.
    handshake.get(4..9).filter(|_| in_clear)?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A handshake record of this epoch with a message of this number, from this offset.
    fn datagram(epoch: u8, message: u8, offset: u8) -> Vec<u8> {
        let record = [HANDSHAKE, 254, 253, 0, epoch, 0, 0, 0, 0, 0, 9, 0, 14];
        [&record[..], &[11, 0, 0, 99, 0, message, 0, 0, offset, 0, 0, 2, 7, 7]].concat()
    }

    #[test]
    fn a_message_is_taken_once_until_our_side_has_spoken() {
        let mut repeats = Repeats::default();
        repeats.on_taken(&datagram(0, 1, 0));

        assert!(repeats.is_one(&datagram(0, 1, 0)));
        assert!(!repeats.is_one(&datagram(0, 2, 0)), "the next message");
        assert!(!repeats.is_one(&datagram(0, 1, 50)), "the next fragment of it");
        assert!(!repeats.is_one(&datagram(1, 1, 0)), "encrypted: nobody knows what it is");
        assert!(!repeats.is_one(&[HANDSHAKE; 20]), "cut short");
        repeats.on_drained();
        assert!(!repeats.is_one(&datagram(0, 1, 0)), "our answer may have been lost");
    }
}
