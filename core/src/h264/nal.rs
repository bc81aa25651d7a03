//! NAL units in an Annex B byte stream (ITU-T H.264 §7.3.1 and Annex B).
//!
//! Finds start codes with a vectorised search, allocates nothing, and takes any bytes: what is no
//! byte stream has no NAL units.

use std::ops::Range;

use memchr::memmem::Finder;

/// The short start code; a long one is the same behind one more zero (Annex B.1.1).
const START_CODE: &[u8] = &[0, 0, 1];

/// What a NAL unit holds: `nal_unit_type`, ITU-T H.264 Table 7-1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NalType {
    /// A slice of a picture that is not an IDR picture (1).
    Slice,
    /// Partition A, B or C of a slice (2 to 4).
    SlicePartition,
    /// A slice of an IDR picture (5).
    Idr,
    /// Supplemental enhancement information (6).
    Sei,
    /// Sequence parameter set (7).
    Sps,
    /// Picture parameter set (8).
    Pps,
    /// Access unit delimiter (9).
    Aud,
    /// End of sequence (10).
    EndOfSequence,
    /// End of stream (11).
    EndOfStream,
    /// Filler data (12).
    Filler,
    /// Prefix to the slice that follows (14).
    Prefix,
    /// Any other type that RTP can carry (13 and 15 to 23).
    Other(u8),
    /// A type that H.264 leaves unspecified and RFC 6184 §5.4 uses for its own packets (0 and 24 to
    /// 31): RTP cannot carry it.
    Unspecified(u8),
}

impl NalType {
    /// Reads the type from the first byte of a NAL unit.
    pub fn of(header: u8) -> NalType {
        match header & 0x1f {
            1 => NalType::Slice,
            2..=4 => NalType::SlicePartition,
            5 => NalType::Idr,
            6 => NalType::Sei,
            7 => NalType::Sps,
            8 => NalType::Pps,
            9 => NalType::Aud,
            10 => NalType::EndOfSequence,
            11 => NalType::EndOfStream,
            12 => NalType::Filler,
            14 => NalType::Prefix,
            other @ (13 | 15..=23) => NalType::Other(other),
            unspecified => NalType::Unspecified(unspecified),
        }
    }

    /// Whether the coded picture begins here, or has begun: a slice, or the prefix of one.
    pub fn is_picture(self) -> bool {
        matches!(self, NalType::Slice | NalType::SlicePartition | NalType::Idr | NalType::Prefix)
    }
}

/// One NAL unit: never empty, without start code, without trailing zeros.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Nal<'a> {
    header: u8,
    bytes: &'a [u8],
}

impl<'a> Nal<'a> {
    /// Takes the bytes of one NAL unit, header first. `None` if there are none.
    pub fn new(bytes: &'a [u8]) -> Option<Nal<'a>> {
        bytes.first().map(|&header| Nal { header, bytes })
    }

    /// Its first byte: `forbidden_zero_bit`, `nal_ref_idc`, `nal_unit_type`.
    pub fn header(self) -> u8 {
        self.header
    }

    /// What it holds.
    pub fn kind(self) -> NalType {
        NalType::of(self.header)
    }

    /// All its bytes, the header included.
    pub fn bytes(self) -> &'a [u8] {
        self.bytes
    }

    /// The bytes behind the header.
    pub fn payload(self) -> &'a [u8] {
        self.bytes.get(1..).unwrap_or_default()
    }
}

/// The NAL units of a byte stream, in order. Made by [`nals`].
#[derive(Debug, Clone)]
pub struct Nals<'a> {
    bytes: &'a [u8],
    finder: Finder<'static>,
    /// Where the next NAL unit begins, behind its start code.
    next: Option<usize>,
}

/// Iterates over the NAL units of an Annex B byte stream. Start codes have three or four bytes;
/// empty NAL units, trailing zeros and what comes before the first start code are left out.
///
/// ```
/// use pinhole_core::h264::{NalType, nals};
/// let stream = [0, 0, 0, 1, 0x67, 0x42, 0, 0, 1, 0x68, 0xce];
/// let kinds: Vec<NalType> = nals(&stream).map(|nal| nal.kind()).collect();
/// assert_eq!(kinds, [NalType::Sps, NalType::Pps]);
/// ```
pub fn nals(bytes: &[u8]) -> Nals<'_> {
    let finder = Finder::new(START_CODE);
    let next = finder.find(bytes).map(|at| at + START_CODE.len());
    Nals { bytes, finder, next }
}

impl Nals<'_> {
    /// The next NAL unit as its place in the byte stream; never empty.
    pub(super) fn next_range(&mut self) -> Option<Range<usize>> {
        loop {
            let start = self.next.take()?;
            let rest = self.bytes.get(start..)?;
            let unit = match self.finder.find(rest) {
                Some(length) => {
                    self.next = Some(start + length + START_CODE.len());
                    rest.get(..length)?
                }
                None => rest,
            };
            let length = without_trailing_zeros(unit).len();
            if length > 0 {
                return Some(start..start + length);
            }
        }
    }
}

impl<'a> Iterator for Nals<'a> {
    type Item = Nal<'a>;

    fn next(&mut self) -> Option<Nal<'a>> {
        let range = self.next_range()?;
        Nal::new(self.bytes.get(range)?)
    }
}

/// A NAL unit never ends in a zero byte (H.264 §7.4.1): zeros there belong to the next start code,
/// or are `trailing_zero_8bits`.
fn without_trailing_zeros(mut unit: &[u8]) -> &[u8] {
    while let [rest @ .., 0] = unit {
        unit = rest;
    }
    unit
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    fn split(stream: &[u8]) -> Vec<&[u8]> {
        nals(stream).map(Nal::bytes).collect()
    }

    #[test]
    fn start_codes_of_three_and_four_bytes_and_trailing_zeros_are_not_part_of_a_nal_unit() {
        let cases: [(&[u8], &[&[u8]]); 9] = [
            (&[], &[]),
            (&[0, 0, 1], &[]),
            (&[0, 0, 0, 0], &[]),
            (&[0x65, 0x88], &[]),
            (&[0, 0, 1, 0x65, 0x88], &[&[0x65, 0x88]]),
            (&[0, 0, 0, 1, 0x65, 0x88, 0, 0, 0], &[&[0x65, 0x88]]),
            (&[7, 0, 0, 1, 0x67, 1, 0, 0, 0, 1, 0x68], &[&[0x67, 1], &[0x68]]),
            (&[0, 0, 1, 0, 0, 1, 0x41, 0, 2], &[&[0x41, 0, 2]]),
            (&[0, 0, 1, 0x41, 0, 0, 3, 1, 0, 0, 0, 0, 0, 1, 0x42], &[&[0x41, 0, 0, 3, 1], &[0x42]]),
        ];
        for (stream, expected) in cases {
            assert_eq!(split(stream), expected, "{stream:02x?}");
        }
    }

    #[test]
    fn every_header_has_a_type_and_only_slices_are_pictures() {
        let pictures: Vec<u8> = (0..32).filter(|&byte| NalType::of(byte).is_picture()).collect();
        assert_eq!(pictures, [1, 2, 3, 4, 5, 14]);
        assert_eq!(NalType::of(0x67), NalType::Sps);
        assert_eq!(NalType::of(0x78), NalType::Unspecified(24));
        assert_eq!(NalType::of(0x20), NalType::Unspecified(0));
        assert_eq!(NalType::of(0x6f), NalType::Other(15));
    }

    /// The same by the definition, byte for byte.
    fn split_slowly(stream: &[u8]) -> Vec<Vec<u8>> {
        let mut units: Vec<Vec<u8>> = Vec::new();
        let mut at = 0;
        while at < stream.len() {
            if stream[at..].starts_with(&[0, 0, 1]) {
                units.push(Vec::new());
                at += 3;
            } else {
                if let Some(unit) = units.last_mut() {
                    unit.push(stream[at]);
                }
                at += 1;
            }
        }
        for unit in &mut units {
            while unit.last() == Some(&0) {
                unit.pop();
            }
        }
        units.retain(|unit| !unit.is_empty());
        units
    }

    proptest! {
        #[test]
        fn any_bytes_split_as_the_definition_says(
            stream in prop::collection::vec(
                prop_oneof![Just(0u8), Just(1), Just(3), any::<u8>()], 0..400
            )
        ) {
            prop_assert_eq!(split(&stream), split_slowly(&stream));
        }
    }
}
