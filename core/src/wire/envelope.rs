//! What stands around a datagram on its way: nothing, the length that RFC 4571 puts before it on a
//! stream, or what makes a TURN server relay it.

/// The longest: a Send indication to an IPv6 peer, RFC 8656 §11.1.
const PREFIX_BYTES_MAX: usize = 48;

/// Bytes before a datagram and zero bytes after it. The datagram itself is written in place between.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Envelope {
    prefix: [u8; PREFIX_BYTES_MAX],
    prefix_len: u8,
    padding: u8,
}

impl Envelope {
    /// A datagram as it is.
    pub(crate) const NONE: Envelope =
        Envelope { prefix: [0; PREFIX_BYTES_MAX], prefix_len: 0, padding: 0 };

    /// `None`: the prefix is longer than any that is known.
    pub(crate) fn new(prefix: &[u8], padding: u8) -> Option<Envelope> {
        let mut envelope = Envelope { padding, ..Envelope::NONE };
        envelope.prefix.get_mut(..prefix.len())?.copy_from_slice(prefix);
        envelope.prefix_len = u8::try_from(prefix.len()).ok()?;
        Some(envelope)
    }

    /// RFC 4571 §2: the length before each packet. `None`: it is too long for a frame.
    pub(crate) fn rfc4571(len: usize) -> Option<Envelope> {
        Envelope::new(&u16::try_from(len).ok()?.to_be_bytes(), 0)
    }

    pub(crate) fn prefix(&self) -> &[u8] {
        self.prefix.get(..usize::from(self.prefix_len)).unwrap_or_default()
    }

    /// Bytes on the wire of a datagram of `len` bytes.
    pub(crate) fn size(&self, len: usize) -> usize {
        usize::from(self.prefix_len) + len + usize::from(self.padding)
    }

    /// Writes the whole. `None`: there is no room.
    pub(crate) fn write(&self, datagram: &[u8], out: &mut [u8]) -> Option<usize> {
        let size = self.size(datagram.len());
        let (prefix, rest) = out.get_mut(..size)?.split_at_mut(usize::from(self.prefix_len));
        prefix.copy_from_slice(self.prefix());
        let (body, padding) = rest.split_at_mut(datagram.len());
        body.copy_from_slice(datagram);
        padding.fill(0);
        Some(size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_datagram_stands_between_prefix_and_padding() {
        let envelope = Envelope::new(&[0x40, 0x00, 0, 3], 1).unwrap();
        let mut out = [9; 10];
        assert_eq!(envelope.write(b"abc", &mut out), Some(8));
        assert_eq!(out, [0x40, 0, 0, 3, b'a', b'b', b'c', 0, 9, 9]);
        assert_eq!(envelope.write(&[0; 6], &mut out), None);
        assert_eq!(Envelope::NONE.write(b"abc", &mut out), Some(3));
    }

    #[test]
    fn lengths_of_rfc_4571_have_16_bits() {
        assert_eq!(Envelope::rfc4571(258).unwrap().prefix(), [1, 2]);
        assert_eq!(Envelope::rfc4571(65_536), None);
        assert_eq!(Envelope::new(&[0; 49], 0), None);
    }

    proptest! {
        #[test]
        fn what_is_written_is_prefix_datagram_and_zeros(
            prefix in prop::collection::vec(any::<u8>(), 0..=48),
            padding in 0u8..4,
            datagram in prop::collection::vec(any::<u8>(), 0..100),
            room in 0usize..160,
        ) {
            let envelope = Envelope::new(&prefix, padding).unwrap();
            let expected = [&prefix[..], &datagram, &vec![0; padding.into()]].concat();
            prop_assert_eq!(envelope.size(datagram.len()), expected.len());

            let mut out = vec![9; room];
            let written = envelope.write(&datagram, &mut out);

            prop_assert_eq!(written, (expected.len() <= room).then_some(expected.len()));
            if let Some(written) = written {
                prop_assert_eq!(&out[..written], &expected[..]);
                prop_assert!(out[written..].iter().all(|byte| *byte == 9));
            }
        }
    }
}
