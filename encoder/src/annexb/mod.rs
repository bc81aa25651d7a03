//! The little of H.264 that this crate reads for itself (ITU-T H.264, Annex B and §7).
//!
//! Back ends hand out access units, and files are cut into them; both need to know where NAL units
//! begin, what a parameter set says about size, level and timing, and where one picture ends. Sending
//! is another crate's work, so nothing here knows of packets.

mod bits;
mod picture;
mod pps;
mod sps;

pub(crate) use bits::{Bits, escape, unescape};
pub(crate) use picture::{Cutter, Unit};
pub(crate) use pps::Pps;
pub(crate) use sps::Sps;

use std::ops::Range;

use memchr::memmem;

/// NAL unit types of H.264 table 7-1 that are told apart here.
pub(crate) mod nal_type {
    pub(crate) const SLICE: u8 = 1;
    pub(crate) const PARTITION_A: u8 = 2;
    pub(crate) const IDR: u8 = 5;
    pub(crate) const SEI: u8 = 6;
    pub(crate) const SPS: u8 = 7;
    pub(crate) const PPS: u8 = 8;
    pub(crate) const DELIMITER: u8 = 9;
}

/// Ranges of the NAL units of a byte stream, without start codes and trailing zeros (Annex B).
pub(crate) fn nal_units(data: &[u8]) -> impl Iterator<Item = Range<usize>> {
    let mut starts = memmem::find_iter(data, &[0, 0, 1]);
    let mut start = starts.next();
    std::iter::from_fn(move || {
        let begin = start? + 3;
        start = starts.next();
        let mut end = start.unwrap_or(data.len());
        while end > begin && data[end - 1] == 0 {
            end -= 1;
        }
        Some(begin..end)
    })
    .filter(|range| !range.is_empty())
}

/// The type of a NAL unit, 0 for an empty one.
pub(crate) fn type_of(nal: &[u8]) -> u8 {
    nal.first().map_or(0, |header| header & 0x1f)
}

/// Whether an access unit holds an IDR picture.
pub(crate) fn has_idr(access_unit: &[u8]) -> bool {
    nal_units(access_unit).any(|range| type_of(&access_unit[range]) == nal_type::IDR)
}

/// The id of an SPS or PPS, `None` of anything else.
pub(crate) fn parameter_set_id(nal: &[u8]) -> Option<u32> {
    match type_of(nal) {
        nal_type::SPS => Sps::parse(nal).map(|sps| sps.id),
        nal_type::PPS => bits::Bits::of_nal(nal, 8).ue().filter(|&id| id < 256),
        _ => None,
    }
}

/// The first SPS of a byte stream.
pub(crate) fn first_sps(data: &[u8]) -> Option<Sps> {
    nal_units(data)
        .map(|range| &data[range])
        .find(|nal| type_of(nal) == nal_type::SPS)
        .and_then(Sps::parse)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn start_codes_of_three_and_four_bytes_and_trailing_zeros_are_not_part_of_a_unit() {
        let data = [0, 0, 0, 1, 9, 0xf0, 0, 0, 1, 0x65, 1, 0, 0, 0, 0, 0, 1, 0x41, 2, 0, 0];

        let units: Vec<&[u8]> = nal_units(&data).map(|range| &data[range]).collect();

        assert_eq!(units, [&[9, 0xf0][..], &[0x65, 1], &[0x41, 2]]);
        assert!(has_idr(&data));
        assert!(!has_idr(&data[15..]));
        assert_eq!(nal_units(&[0, 0, 1]).count(), 0);
        assert_eq!(nal_units(&[]).count(), 0);
    }
}
