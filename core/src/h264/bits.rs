//! Bits and Exp-Golomb codes of a NAL unit's payload (ITU-T H.264 §7.2 and §9.1).

/// Reads bits, most significant first, over emulation prevention bytes (H.264 §7.4.1). `None` is
/// always the end of the data, or a code that is longer than any legal one.
#[derive(Debug, Clone)]
pub(super) struct BitReader<'a> {
    bytes: std::slice::Iter<'a, u8>,
    /// The byte being read, and how many of its low bits are still to come.
    current: u8,
    left: u32,
    /// Zero bytes read in a row.
    zeros: u32,
}

impl<'a> BitReader<'a> {
    /// Takes the payload of a NAL unit, behind its header.
    pub(super) fn new(payload: &'a [u8]) -> BitReader<'a> {
        BitReader { bytes: payload.iter(), current: 0, left: 0, zeros: 0 }
    }

    /// `u(1)` as a flag.
    pub(super) fn flag(&mut self) -> Option<bool> {
        if self.left == 0 {
            self.current = self.next_byte()?;
            self.left = 8;
        }
        self.left -= 1;
        Some(self.current >> self.left & 1 == 1)
    }

    /// `u(n)`, at most 32 bits.
    pub(super) fn bits(&mut self, count: u32) -> Option<u32> {
        let mut value: u32 = 0;
        for _ in 0..count.min(32) {
            value = value << 1 | u32::from(self.flag()?);
        }
        Some(value)
    }

    /// `ue(v)`: unsigned Exp-Golomb, at most 2³² − 2.
    pub(super) fn unsigned(&mut self) -> Option<u32> {
        let mut zeros = 0;
        while !self.flag()? {
            zeros += 1;
            if zeros == 32 {
                return None;
            }
        }
        let base = (1u32 << zeros) - 1;
        base.checked_add(self.bits(zeros)?)
    }

    /// `se(v)`: signed Exp-Golomb.
    pub(super) fn signed(&mut self) -> Option<i64> {
        let code = i64::from(self.unsigned()?);
        Some(if code % 2 == 0 { -(code / 2) } else { code / 2 + 1 })
    }

    fn next_byte(&mut self) -> Option<u8> {
        let mut byte = *self.bytes.next()?;
        if self.zeros >= 2 && byte == 3 {
            self.zeros = 0;
            byte = *self.bytes.next()?;
        }
        self.zeros = if byte == 0 { self.zeros + 1 } else { 0 };
        Some(byte)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn exp_golomb_codes_read_as_table_9_2_says() {
        // 1 | 010 | 011 | 00100 | 00101 | 1, then stuffing.
        let mut reader = BitReader::new(&[0b1010_0110, 0b0100_0010, 0b1100_0000]);
        let codes: Vec<u32> = (0..6).map(|_| reader.unsigned().unwrap()).collect();
        assert_eq!(codes, [0, 1, 2, 3, 4, 0]);
        let mut reader = BitReader::new(&[0b1010_0110, 0b0100_0010, 0b1100_0000]);
        let codes: Vec<i64> = (0..5).map(|_| reader.signed().unwrap()).collect();
        assert_eq!(codes, [0, 1, -1, 2, -2]);
    }

    #[test]
    fn emulation_prevention_bytes_are_skipped_and_only_those() {
        let mut reader = BitReader::new(&[0, 0, 3, 1, 0, 3, 0, 0, 3, 0, 0, 3, 2]);
        let bytes: Vec<u32> = std::iter::from_fn(|| reader.bits(8)).collect();
        assert_eq!(bytes, [0, 0, 1, 0, 3, 0, 0, 0, 0, 2]);
    }

    #[test]
    fn the_end_and_endless_codes_are_none() {
        assert_eq!(BitReader::new(&[]).flag(), None);
        assert_eq!(BitReader::new(&[0b0000_0100]).unsigned(), None);
        assert_eq!(BitReader::new(&[0, 0, 3, 0, 0, 3, 0x80, 0, 1, 1, 1, 1]).unsigned(), None);
        assert_eq!(BitReader::new(&[0, 0, 3, 0, 1, 0xff, 0xff, 0xff, 0xff]).unsigned(), {
            Some(u32::MAX - 1)
        });
        assert_eq!(BitReader::new(&[0xff; 5]).bits(32), Some(u32::MAX));
    }
}
