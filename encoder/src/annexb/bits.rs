//! Reads bits and Exp-Golomb codes of a raw byte sequence payload (H.264 §7.2, §9.1).

/// A cursor over bits. Reading past the end gives `None`, for ever.
pub(crate) struct Bits {
    payload: Vec<u8>,
    position: usize,
}

impl Bits {
    /// Copies a NAL unit without its header, and without the emulation prevention bytes of §7.4.1.
    /// Reads at most `limit` bytes, since headers are short and slices are not.
    pub(crate) fn of_nal(nal: &[u8], limit: usize) -> Bits {
        let mut payload = Vec::with_capacity(nal.len().min(limit));
        let mut zeros = 0;
        for &byte in nal.iter().skip(1).take(limit) {
            if zeros >= 2 && byte == 3 {
                zeros = 0;
                continue;
            }
            zeros = if byte == 0 { zeros + 1 } else { 0 };
            payload.push(byte);
        }
        Bits { payload, position: 0 }
    }

    pub(crate) fn bit(&mut self) -> Option<bool> {
        let byte = self.payload.get(self.position / 8)?;
        let bit = byte >> (7 - self.position % 8) & 1;
        self.position += 1;
        Some(bit == 1)
    }

    /// Up to 32 bits, most significant first.
    pub(crate) fn bits(&mut self, count: u32) -> Option<u32> {
        let mut value = 0u32;
        for _ in 0..count.min(32) {
            value = value << 1 | u32::from(self.bit()?);
        }
        Some(value)
    }

    pub(crate) fn skip(&mut self, count: u32) -> Option<()> {
        for _ in 0..count {
            self.bit()?;
        }
        Some(())
    }

    /// more_rbsp_data() of §7.2: whether anything comes before the bit that ends it.
    pub(crate) fn has_more(&self) -> bool {
        let Some(last) = self.payload.iter().rposition(|&byte| byte != 0) else { return false };
        let end = last * 8 + 7 - self.payload[last].trailing_zeros() as usize;
        self.position < end
    }

    /// `ue(v)` of §9.1. Codes longer than 32 zeros are not legal.
    pub(crate) fn ue(&mut self) -> Option<u32> {
        let mut zeros = 0;
        while !self.bit()? {
            zeros += 1;
            if zeros > 31 {
                return None;
            }
        }
        Some((1u32 << zeros) - 1 + self.bits(zeros)?)
    }

    /// `se(v)` of §9.1.1.
    pub(crate) fn se(&mut self) -> Option<i32> {
        let code = i64::from(self.ue()?);
        let value = if code % 2 == 1 { (code + 1) / 2 } else { -code / 2 };
        i32::try_from(value).ok()
    }
}

/// Copies a raw byte sequence payload into a NAL unit, with the emulation prevention bytes of §7.4.1.
pub(crate) fn escape(payload: &[u8]) -> Vec<u8> {
    let mut nal = Vec::with_capacity(payload.len() + 8);
    let mut zeros = 0;
    for &byte in payload {
        if zeros >= 2 && byte <= 3 {
            nal.push(3);
            zeros = 0;
        }
        zeros = if byte == 0 { zeros + 1 } else { 0 };
        nal.push(byte);
    }
    nal
}

/// The opposite: a NAL unit without them.
pub(crate) fn unescape(nal: &[u8]) -> Vec<u8> {
    let mut payload = nal.first().copied().into_iter().collect::<Vec<u8>>();
    payload.extend(Bits::of_nal(nal, nal.len()).payload);
    payload
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exp_golomb_codes_read_as_in_table_9_2_and_9_3() {
        // 1 | 010 | 011 | 00100 | 1 | 010 | 011 | 00100 and padding.
        let mut bits = Bits::of_nal(&[0x67, 0b1010_0110, 0b0100_1010, 0b0110_0100], 99);
        assert_eq!([bits.ue(), bits.ue(), bits.ue(), bits.ue()], [0, 1, 2, 3].map(Some));
        assert_eq!([bits.se(), bits.se(), bits.se(), bits.se()], [0, 1, -1, 2].map(Some));
        assert_eq!(bits.bit(), None);
    }

    #[test]
    fn emulation_prevention_bytes_are_left_out() {
        let mut bits = Bits::of_nal(&[0x67, 0, 0, 3, 1, 0, 3], 99);
        assert_eq!(bits.bits(24), Some(1));
        assert_eq!(bits.bits(16), Some(3));
    }

    #[test]
    fn what_is_left_before_the_bit_that_ends_a_payload_is_seen() {
        let mut bits = Bits::of_nal(&[0x68, 0b1011_0000, 0], 99);
        for more in [true, true, true, false] {
            assert_eq!(bits.has_more(), more);
            bits.bit();
        }
        assert!(!Bits::of_nal(&[0x68, 0], 99).has_more());
    }

    #[test]
    fn payloads_are_escaped_as_they_were() {
        for (payload, nal) in [
            (&[0x67, 0, 0, 1, 0, 0, 0, 3, 0, 0][..], &[0x67, 0, 0, 3, 1, 0, 0, 3, 0, 3, 0, 0][..]),
            (&[0x67, 0, 0, 3], &[0x67, 0, 0, 3, 3]),
            (&[0x67, 0, 0, 4], &[0x67, 0, 0, 4]),
            (&[], &[]),
        ] {
            assert_eq!(escape(payload), nal);
            assert_eq!(unescape(nal), payload);
        }
    }

    #[test]
    fn a_code_that_never_ends_is_none() {
        assert_eq!(Bits::of_nal(&[0; 20], 99).ue(), None);
    }
}
