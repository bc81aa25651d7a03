//! What an SRTP packet shows to those who cannot read it: its header, RFC 3550 §5.1.

/// The part of an RTP header that tells a packet's place in its stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RtpPacket {
    pub(crate) ssrc: u32,
    pub(crate) timestamp: u32,
    /// Of video: the last packet of its frame.
    pub(crate) marker: bool,
}

impl RtpPacket {
    /// `None`: this is no RTP.
    pub(crate) fn parse(datagram: &[u8]) -> Option<RtpPacket> {
        let [first, second, _, _, t0, t1, t2, t3, s0, s1, s2, s3] = *datagram.first_chunk()?;
        // Version 2, and none of the types that RFC 5761 §4 leaves to RTCP.
        if first >> 6 != 2 || (192..224).contains(&second) {
            return None;
        }
        Some(RtpPacket {
            ssrc: u32::from_be_bytes([s0, s1, s2, s3]),
            timestamp: u32::from_be_bytes([t0, t1, t2, t3]),
            marker: second & 0x80 != 0,
        })
    }
}

/// The number of an RTP packet among all of its transport, in the header extension with that id:
/// draft-holmer-rmcat-transport-wide-cc-extensions-01 §2, RFC 8285 §4.2 and §4.3.
pub(crate) fn transport_sequence(datagram: &[u8], id: u8) -> Option<u16> {
    RtpPacket::parse(datagram).filter(|_| datagram.first().is_some_and(|it| it & 0x10 != 0))?;
    let sources = usize::from(datagram.first()? & 0x0f);
    let (head, rest) = datagram.get(12 + sources * 4..)?.split_first_chunk::<4>()?;
    let [p0, p1, w0, w1] = *head;
    let one_byte = [p0, p1] == [0xbe, 0xde];
    let mut elements = rest.get(..usize::from(u16::from_be_bytes([w0, w1])) * 4)?;
    while let [first, behind @ ..] = elements {
        let (element, bytes, data) = match (one_byte, behind) {
            _ if *first == 0 => {
                elements = behind;
                continue;
            }
            (true, data) => (first >> 4, usize::from(first & 0x0f) + 1, data),
            (false, [bytes, data @ ..]) => (*first, usize::from(*bytes), data),
            (false, []) => return None,
        };
        if element == id {
            return data.get(..bytes)?.first_chunk().map(|it| u16::from_be_bytes(*it));
        }
        elements = data.get(bytes..)?;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A packet with two extensions in elements of either form, the second is that of id 5.
    fn extended(profile: [u8; 2], elements: [u8; 8]) -> Vec<u8> {
        let mut packet = vec![0x90, 0xe0, 0, 1, 1, 2, 3, 4, 5, 6, 7, 8];
        packet.extend(profile);
        packet.extend([0, 2]);
        packet.extend(elements);
        packet.extend([9; 20]);
        packet
    }

    #[test]
    fn the_number_in_the_transport_is_read_in_both_forms_of_extensions() {
        let short = extended([0xbe, 0xde], [0x30, 7, 0x51, 1, 2, 0, 0, 0]);
        assert_eq!(transport_sequence(&short, 5), Some(0x0102));
        assert_eq!(transport_sequence(&short, 4), None);
        assert_eq!(transport_sequence(&short, 3), None, "one byte is no number");
        let long = extended([0x10, 0], [3, 1, 7, 5, 2, 1, 2, 0]);
        assert_eq!(transport_sequence(&long, 5), Some(0x0102));
        for length in 0..short.len() - 21 {
            let _ = transport_sequence(&short[..length], 5);
        }
        let mut plain = short;
        plain[0] = 0x80;
        assert_eq!(transport_sequence(&plain, 5), None, "no extensions");
    }

    #[test]
    fn the_header_is_read_and_nothing_else_is_taken_for_one() {
        let mut packet = [0x90, 0xe0, 0, 1, 1, 2, 3, 4, 5, 6, 7, 8, 9];
        let parsed = RtpPacket { ssrc: 0x0506_0708, timestamp: 0x0102_0304, marker: true };
        assert_eq!(RtpPacket::parse(&packet), Some(parsed));
        assert_eq!(RtpPacket::parse(&packet[..11]), None, "too short");
        packet[1] = 96;
        assert_eq!(RtpPacket::parse(&packet), Some(RtpPacket { marker: false, ..parsed }));
        packet[1] = 200;
        assert_eq!(RtpPacket::parse(&packet), None, "RTCP");
        (packet[0], packet[1]) = (22, 96);
        assert_eq!(RtpPacket::parse(&packet), None, "DTLS");
    }
}
