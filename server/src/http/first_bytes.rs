//! What a new connection speaks, told by its first bytes: TLS begins with 0x16, HTTP with a letter,
//! and ICE over TCP (RFC 6544) with the length of an RFC 4571 frame, whose high byte is small, and
//! a STUN binding request in it.

use std::io;

use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;

/// Bytes that decide: the frame's length, then the STUN message up to its magic cookie.
const DECIDING: usize = 10;
/// High byte of the length of the longest frame that may hold a check: 1535 bytes.
const LENGTH_HIGH_MAX: u8 = 5;
/// RFC 8489 §5.
const BINDING_REQUEST: [u8; 2] = [0, 1];
const MAGIC_COOKIE: [u8; 4] = [0x21, 0x12, 0xa4, 0x42];
/// A STUN message's header.
const HEADER_BYTES: u16 = 20;

/// What a connection speaks.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Speaks {
    /// ICE over TCP; with the first frame, which was read.
    Ice(Vec<u8>),
    /// HTTP or TLS, or what they refuse. Nothing was read.
    Other,
    /// Neither, or it ended.
    Nothing,
}

/// Waits for the first bytes, as long as they take.
pub(crate) async fn look(stream: &mut TcpStream) -> io::Result<Speaks> {
    let mut first = [0];
    if stream.peek(&mut first).await? == 0 {
        return Ok(Speaks::Nothing);
    }
    if first[0] > LENGTH_HIGH_MAX {
        return Ok(Speaks::Other);
    }
    // Read, and not peeked at: nothing but ICE begins like this, and a second peek would not wait
    // for more bytes than the first saw.
    let mut bytes = [0; DECIDING];
    let read = async {
        stream.read_exact(&mut bytes).await?;
        let Some(len) = check_len(bytes) else { return Ok(Speaks::Nothing) };
        // To its end, because it names the session, and with that the event loop.
        let mut frame = bytes.to_vec();
        frame.resize(2 + usize::from(len), 0);
        stream.read_exact(&mut frame[DECIDING..]).await?;
        Ok(Speaks::Ice(frame))
    };
    match read.await {
        Err(error) if is_end(&error) => Ok(Speaks::Nothing),
        read => read,
    }
}

fn is_end(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::UnexpectedEof
}

/// The length of the frame, if a framed STUN binding request begins like this: 20 bytes at least.
fn check_len([high, low, kind0, kind1, len0, len1, cookie @ ..]: [u8; DECIDING]) -> Option<u16> {
    let frame = u16::from_be_bytes([high, low]);
    let attributes = u16::from_be_bytes([len0, len1]);
    let is_check = high <= LENGTH_HIGH_MAX
        && [kind0, kind1] == BINDING_REQUEST
        && cookie == MAGIC_COOKIE
        && attributes % 4 == 0
        && attributes.checked_add(HEADER_BYTES) == Some(frame);
    is_check.then_some(frame)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHECK: [u8; DECIDING] = [0, 100, 0, 1, 0, 80, 0x21, 0x12, 0xa4, 0x42];

    #[test]
    fn only_a_whole_binding_request_in_a_frame_of_its_length_is_a_check() {
        assert_eq!(check_len(CHECK), Some(100));
        assert_eq!(check_len([5, 20, 0, 1, 5, 0, 0x21, 0x12, 0xa4, 0x42]), Some(1300));
        for (place, byte) in
            [(0, 6), (1, 101), (2, 1), (3, 3), (3, 17), (5, 81), (6, 0), (7, 0), (8, 0), (9, 0)]
        {
            let mut other = CHECK;
            other[place] = byte;
            assert_eq!(check_len(other), None, "{other:?}");
        }
        assert_eq!(
            check_len([0, 81, 0, 1, 0, 61, 0x21, 0x12, 0xa4, 0x42]),
            None,
            "not a multiple of four"
        );
        assert_eq!(check_len([0, 19, 0, 1, 0xff, 0xff, 0x21, 0x12, 0xa4, 0x42]), None);
    }
}
