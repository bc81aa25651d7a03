//! Cuts NAL units into access units, by the rules of H.264 §7.4.1.2.3 and §7.4.1.2.4.
//!
//! A picture of several slices stays one access unit. Where a stream breaks the rules, a slice that
//! starts at macroblock 0 again starts a picture too. Auxiliary pictures and arbitrary slice order
//! with redundant slices are left out: no encoder for browsers makes them.

use std::collections::BTreeMap;
use std::ops::Range;

use super::bits::Bits;
use super::sps::{OrderCount, Sps};
use super::{nal_type, type_of};

/// One access unit of a byte stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unit {
    /// NAL units, without start codes.
    pub(crate) nals: Vec<Range<usize>>,
    pub(crate) idr: bool,
    /// Has B slices, whose display order is not their decoding order.
    pub(crate) bidirectional: bool,
}

/// The cutting, fed one NAL unit after the other.
#[derive(Debug, Default)]
pub(crate) struct Cutter {
    sets: BTreeMap<u32, Sps>,
    /// By id: the id of its SPS, and bottom_field_pic_order_in_frame_present_flag.
    pictures: BTreeMap<u32, (u32, bool)>,
    current: Option<Unit>,
    last_slice: Option<Slice>,
}

/// The part of a slice header that tells pictures apart.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Slice {
    first_macroblock: u32,
    bidirectional: bool,
    set: u32,
    frame_num: u32,
    field: (bool, bool),
    reference: bool,
    idr: Option<u32>,
    order: [i64; 2],
}

impl Cutter {
    /// Takes the next NAL unit of `data` and gives the access unit that it ended, if it ended one.
    pub(crate) fn push(&mut self, data: &[u8], range: Range<usize>) -> Option<Unit> {
        let nal = &data[range.clone()];
        let kind = type_of(nal);
        let slice = match kind {
            nal_type::SLICE | nal_type::PARTITION_A | nal_type::IDR => self.parse_slice(nal),
            _ => None,
        };
        let begins = match (&slice, &self.last_slice) {
            (Some(slice), Some(last)) => slice.begins_picture_after(last),
            (None, Some(_)) => begins_access_unit(kind),
            (_, None) => false,
        };
        let ended = if begins { self.finish() } else { None };
        self.learn(nal, kind);
        let unit = self.current.get_or_insert_with(|| Unit {
            nals: Vec::new(),
            idr: false,
            bidirectional: false,
        });
        unit.nals.push(range);
        unit.idr |= kind == nal_type::IDR;
        if let Some(slice) = slice {
            unit.bidirectional |= slice.bidirectional;
            self.last_slice = Some(slice);
        }
        ended
    }

    /// Gives the last access unit. NAL units that no picture followed are given up.
    pub(crate) fn finish(&mut self) -> Option<Unit> {
        let unit = self.current.take();
        self.last_slice.take().and(unit)
    }

    /// The sequence parameter sets seen so far, by id.
    pub(crate) fn sets(&self) -> &BTreeMap<u32, Sps> {
        &self.sets
    }

    fn learn(&mut self, nal: &[u8], kind: u8) {
        if kind == nal_type::SPS {
            if let Some(sps) = Sps::parse(nal) {
                self.sets.insert(sps.id, sps);
            }
        } else if kind == nal_type::PPS {
            let mut bits = Bits::of_nal(nal, 32);
            let mut parse = || {
                let id = bits.ue().filter(|&id| id < 256)?;
                let set = bits.ue().filter(|&id| id < 32)?;
                bits.bit()?; // entropy_coding_mode_flag
                Some((id, (set, bits.bit()?)))
            };
            self.pictures.extend(parse());
        }
    }

    /// Reads a slice header as far as idr_pic_id and the order counts (§7.3.3).
    fn parse_slice(&self, nal: &[u8]) -> Option<Slice> {
        let mut bits = Bits::of_nal(nal, 64);
        let header = *nal.first()?;
        let first_macroblock = bits.ue()?;
        let kind = bits.ue()?;
        let set = bits.ue()?;
        let (sps, bottom_order) = self.pictures.get(&set)?;
        let sps = self.sets.get(sps)?;
        if sps.separate_colour_planes {
            bits.skip(2)?;
        }
        let frame_num = bits.bits(sps.frame_num_bits)?;
        let field = !sps.frames_only && bits.bit()?;
        let field = (field, field && bits.bit()?);
        let idr = if header & 0x1f == nal_type::IDR { Some(bits.ue()?) } else { None };
        let both = *bottom_order && !field.0;
        let order = match sps.order {
            OrderCount::Explicit { bits: count } => {
                let lsb = i64::from(bits.bits(count)?);
                [lsb, if both { i64::from(bits.se()?) } else { 0 }]
            }
            OrderCount::Offsets { always_zero: false } => {
                let first = i64::from(bits.se()?);
                [first, if both { i64::from(bits.se()?) } else { 0 }]
            }
            OrderCount::Offsets { always_zero: true } | OrderCount::Decoding => [0, 0],
        };
        Some(Slice {
            first_macroblock,
            bidirectional: kind % 5 == 1,
            set,
            frame_num,
            field,
            reference: header & 0x60 != 0,
            idr,
            order,
        })
    }
}

impl Slice {
    /// Whether this slice is the first of another picture than `last` (§7.4.1.2.4).
    fn begins_picture_after(&self, last: &Slice) -> bool {
        self.frame_num != last.frame_num
            || self.set != last.set
            || self.field != last.field
            || self.reference != last.reference
            || self.idr != last.idr
            || self.order != last.order
            || self.first_macroblock == 0
    }
}

/// NAL unit types that, after a picture, belong to the next access unit (§7.4.1.2.3).
fn begins_access_unit(kind: u8) -> bool {
    matches!(kind, nal_type::SEI | nal_type::SPS | nal_type::PPS | nal_type::DELIMITER | 14..=18)
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;
    use crate::annexb::nal_units;

    proptest! {
        /// Of NAL units with any content, each lands in one access unit, in order, or is given up.
        #[test]
        fn any_bytes_are_cut_without_loss_or_overlap(nals in vec((0u8..32, any::<Vec<u8>>()), 0..20)) {
            let mut data = Vec::new();
            for (kind, payload) in nals {
                data.extend_from_slice(&[0, 0, 0, 1, 0x60 | kind]);
                data.extend(payload);
            }
            let mut cutter = Cutter::default();
            let mut units: Vec<Unit> =
                nal_units(&data).filter_map(|range| cutter.push(&data, range)).collect();
            units.extend(cutter.finish());
            let cut = units.iter().flat_map(|unit| unit.nals.clone());
            prop_assert!(cut.eq(nal_units(&data).take(units.iter().map(|u| u.nals.len()).sum())));
        }
    }
}
