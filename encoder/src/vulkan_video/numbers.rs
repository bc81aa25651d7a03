//! Whether pictures are numbered as their SPS says (H.264 §7.4.3, frame_num).
//!
//! gpu-video counts pictures since the last IDR without an end, in an SPS whose frame_num has 7 bits; it
//! never meets the end because it makes an IDR every 30 pictures. Ours come only when asked for. A driver
//! that writes the low bits is right; one that does something else makes a decoder believe that pictures
//! were lost, and nobody has tried. So the number of each picture is read. pic_order_cnt_lsb has 8 bits, and
//! gpu-video counts it in a byte, so it runs round by itself.

use crate::annexb::{Bits, nal_type, nal_units, type_of};

/// Follows the numbers of one encoder.
#[derive(Debug, Clone, Copy)]
pub(super) struct Numbers {
    bits: u32,
    last: Option<u32>,
}

impl Numbers {
    /// frame_num has so many bits.
    pub(super) fn new(bits: u32) -> Numbers {
        Numbers { bits, last: None }
    }

    /// Reads an access unit: whether its number follows the one before.
    pub(super) fn on_unit(&mut self, unit: &[u8]) -> bool {
        let is_slice = |nal: &&[u8]| matches!(type_of(nal), nal_type::SLICE | nal_type::IDR);
        let Some(nal) = nal_units(unit).map(|range| &unit[range]).find(is_slice) else {
            return false;
        };
        let is_idr = type_of(nal) == nal_type::IDR;
        let (number, due) = (read(nal, self.bits), self.next());
        let follows = number.is_some() && number == if is_idr { Some(0) } else { due };
        self.last = number;
        follows
    }

    /// Whether the next number begins from 0 again, unless an IDR comes.
    pub(super) fn wraps_next(&self) -> bool {
        self.next() == Some(0)
    }

    fn next(&self) -> Option<u32> {
        self.last.map(|last| (last + 1) % (1 << self.bits))
    }
}

fn read(nal: &[u8], frame_num_bits: u32) -> Option<u32> {
    let mut bits = Bits::of_nal(nal, 32);
    bits.ue()?; // first_mb_in_slice
    bits.ue()?; // slice_type
    bits.ue()?; // pic_parameter_set_id
    bits.bits(frame_num_bits)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// first_mb_in_slice 0, slice_type 7 or 5, pic_parameter_set_id 0, frame_num in 4 bits.
    fn unit(is_idr: bool, number: u8) -> Vec<u8> {
        let (header, slice) = if is_idr { (0x65, 0b1000_1000) } else { (0x41, 0b1001_1010) };
        let number = number & 15;
        let bytes = if is_idr {
            // 1 0001000 1 nnnn 000
            [slice, 0b1000_0000 | number << 3, 0x80]
        } else {
            // 1 00110 1 n nnn00000
            [slice | number >> 3, number << 5 | 0b1_0000, 0x80]
        };
        [&[0, 0, 1, header], &bytes[..]].concat()
    }

    #[test]
    fn numbers_run_round_and_start_at_an_idr() {
        let mut numbers = Numbers::new(4);
        assert!(numbers.on_unit(&unit(true, 0)));
        for n in 1..40u8 {
            assert_eq!(numbers.wraps_next(), n % 16 == 0, "{n}");
            assert!(numbers.on_unit(&unit(false, n % 16)), "{n}");
        }
        assert!(numbers.on_unit(&unit(true, 0)));
        assert!(numbers.on_unit(&unit(false, 1)));
    }

    #[test]
    fn gaps_repeats_and_what_is_no_picture_are_seen() {
        for (before, next) in [(unit(true, 0), unit(false, 2)), (unit(false, 3), unit(false, 3))] {
            let mut numbers = Numbers::new(4);
            numbers.on_unit(&before);
            assert!(!numbers.on_unit(&next));
        }
        assert!(!Numbers::new(4).on_unit(&unit(false, 1)), "the first is an IDR");
        assert!(!Numbers::new(4).on_unit(&unit(true, 1)), "an IDR is 0");
        assert!(!Numbers::new(4).on_unit(&[0, 0, 1, 6, 5]));
    }
}
