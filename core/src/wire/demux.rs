//! RFC 7983 §7: protocols that share a port are told apart by their first byte.

/// What a datagram looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Stun,
    Dtls,
    /// SRTP or SRTCP.
    Media,
}

/// Tells a datagram by its first byte. `None`: nothing that we speak (ZRTP, TURN channels, noise).
pub(crate) fn demux(payload: &[u8]) -> Option<Kind> {
    match payload.first()? {
        0..=3 => Some(Kind::Stun),
        20..=63 => Some(Kind::Dtls),
        128..=191 => Some(Kind::Media),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_bytes_are_told_apart_as_rfc_7983_says() {
        let kinds: Vec<_> = (0..=255).map(|byte| demux(&[byte, 0])).collect();
        let runs: Vec<_> = kinds.chunk_by(|a, b| a == b).map(|run| (run.len(), run[0])).collect();

        assert_eq!(demux(&[]), None);
        assert_eq!(
            runs,
            [
                (4, Some(Kind::Stun)),
                (16, None),
                (44, Some(Kind::Dtls)),
                (64, None),
                (64, Some(Kind::Media)),
                (64, None)
            ]
        );
    }
}
