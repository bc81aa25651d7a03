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

#[cfg(test)]
mod tests {
    use super::*;

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
