//! The parameter sets in force: the SPS and PPS last seen, by their ids (ITU-T H.264 §7.4.1.2.1).
//!
//! A viewer that joins, or lost a packet, decodes from an IDR picture only if it has its parameter
//! sets. Encoders and files do not always repeat them, so they are kept here and put before an IDR
//! that lacks them.

use std::collections::BTreeMap;

use super::bits::BitReader;
use super::nal::{Nal, NalType};
use super::profile::ProfileLevelId;

/// Bytes of one parameter set; a longer one is passed on but not remembered. Real ones have tens.
const PARAMETER_SET_BYTES_MAX: usize = 65_535;
/// `seq_parameter_set_id` goes up to 31 (H.264 §7.4.2.1.1).
const SPS_ID_MAX: u32 = 31;
/// `pic_parameter_set_id` goes up to 255 (H.264 §7.4.2.2).
const PPS_ID_MAX: u32 = 255;

/// What a NAL unit did to the parameter sets in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ParameterSetChange {
    /// Nothing: not a parameter set, one without a legal id, or one that is too long to keep.
    None,
    /// The same as before, again.
    Repeated,
    /// A new one, or another one in place of an old one.
    Changed,
}

#[derive(Debug, Clone)]
struct Stored {
    nal: Vec<u8>,
    /// The access unit that carried it last.
    seen_in: u64,
}

/// Remembers the last SPS and PPS of each id.
///
/// At most 32 SPS and 256 PPS, by their ids. Allocates only when a set is new or has grown.
#[derive(Debug, Clone, Default)]
pub struct ParameterSets {
    sps: BTreeMap<u8, Stored>,
    pps: BTreeMap<u8, Stored>,
    access_unit: u64,
    last_sps: Option<u8>,
}

impl ParameterSets {
    /// Begins a new access unit: all sets are missing in it until they are taken.
    pub fn begin_access_unit(&mut self) {
        self.access_unit += 1;
    }

    /// Takes a NAL unit of the current access unit; what is no parameter set is ignored.
    pub fn insert(&mut self, nal: Nal<'_>) -> ParameterSetChange {
        let (sets, id) = match nal.kind() {
            NalType::Sps => {
                let id = sps_id(nal);
                self.last_sps = id.or(self.last_sps);
                (&mut self.sps, id)
            }
            NalType::Pps => (&mut self.pps, pps_id(nal)),
            NalType::Slice
            | NalType::SlicePartition
            | NalType::Idr
            | NalType::Sei
            | NalType::Aud
            | NalType::EndOfSequence
            | NalType::EndOfStream
            | NalType::Filler
            | NalType::Prefix
            | NalType::Other(_)
            | NalType::Unspecified(_) => return ParameterSetChange::None,
        };
        let Some(id) = id else { return ParameterSetChange::None };
        let stored =
            sets.entry(id).or_insert_with(|| Stored { nal: Vec::new(), seen_in: u64::MAX });
        stored.seen_in = self.access_unit;
        if stored.nal == nal.bytes() {
            return ParameterSetChange::Repeated;
        }
        stored.nal.clear();
        stored.nal.extend_from_slice(nal.bytes());
        ParameterSetChange::Changed
    }

    /// The SPS that the current access unit does not carry itself, by id.
    pub fn missing_sps(&self) -> impl Iterator<Item = Nal<'_>> {
        missing(&self.sps, self.access_unit)
    }

    /// The PPS that the current access unit does not carry itself, by id.
    pub fn missing_pps(&self) -> impl Iterator<Item = Nal<'_>> {
        missing(&self.pps, self.access_unit)
    }

    /// The SPS that came last; nearly every stream has only one.
    pub fn last_sps(&self) -> Option<Nal<'_>> {
        self.last_sps.and_then(|id| self.sps.get(&id)).and_then(|stored| Nal::new(&stored.nal))
    }

    /// What the SPS that came last says of profile and level.
    pub fn profile_level_id(&self) -> Option<ProfileLevelId> {
        self.last_sps().and_then(ProfileLevelId::from_sps)
    }
}

fn missing(sets: &BTreeMap<u8, Stored>, access_unit: u64) -> impl Iterator<Item = Nal<'_>> {
    sets.values()
        .filter(move |stored| stored.seen_in != access_unit)
        .filter_map(|stored| Nal::new(&stored.nal))
}

/// H.264 §7.3.2.1.1: profile, constraints and level come first.
fn sps_id(nal: Nal<'_>) -> Option<u8> {
    let mut reader = BitReader::new(nal.payload());
    reader.bits(24)?;
    set_id(nal, reader.unsigned()?, SPS_ID_MAX)
}

/// H.264 §7.3.2.2.
fn pps_id(nal: Nal<'_>) -> Option<u8> {
    let id = BitReader::new(nal.payload()).unsigned()?;
    set_id(nal, id, PPS_ID_MAX)
}

fn set_id(nal: Nal<'_>, id: u32, id_max: u32) -> Option<u8> {
    if id > id_max || nal.bytes().len() > PARAMETER_SET_BYTES_MAX {
        return None;
    }
    u8::try_from(id).ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    // Ids 0 and 1 are the codes "1" and "010".
    const SPS_0: &[u8] = &[0x67, 0x42, 0xc0, 0x1f, 0x8c];
    const SPS_1: &[u8] = &[0x67, 0x64, 0x00, 0x2a, 0x4c];
    const PPS_0: &[u8] = &[0x68, 0xce, 0x3c];
    const PPS_1: &[u8] = &[0x68, 0x4e, 0x3c];

    fn nal(bytes: &[u8]) -> Nal<'_> {
        Nal::new(bytes).unwrap()
    }

    fn missing(sets: &ParameterSets) -> Vec<&[u8]> {
        sets.missing_sps().chain(sets.missing_pps()).map(Nal::bytes).collect()
    }

    #[test]
    fn sets_are_kept_by_id_and_missing_where_an_access_unit_lacks_them() {
        let mut sets = ParameterSets::default();
        sets.begin_access_unit();
        for bytes in [PPS_1, SPS_1, SPS_0, PPS_0] {
            assert_eq!(sets.insert(nal(bytes)), ParameterSetChange::Changed);
        }
        assert_eq!(missing(&sets), <[&[u8]; 0]>::default());

        sets.begin_access_unit();
        assert_eq!(sets.insert(nal(SPS_1)), ParameterSetChange::Repeated);
        assert_eq!(missing(&sets), [SPS_0, PPS_0, PPS_1]);
        assert_eq!(sets.profile_level_id().unwrap().to_string(), "64002a");
    }

    #[test]
    fn another_set_of_the_same_id_replaces_the_old_one() {
        let mut sets = ParameterSets::default();
        sets.begin_access_unit();
        sets.insert(nal(SPS_0));
        let other = [0x67, 0x42, 0xc0, 0x28, 0x8d, 0x01];
        assert_eq!(sets.insert(nal(&other)), ParameterSetChange::Changed);
        sets.begin_access_unit();
        assert_eq!(missing(&sets), [&other]);
    }

    #[test]
    fn what_is_no_legal_parameter_set_is_not_kept() {
        let mut sets = ParameterSets::default();
        let long = [SPS_0, &[1; PARAMETER_SET_BYTES_MAX]].concat();
        // The last: id 32, one more than legal ("00000 100001").
        let illegal: [&[u8]; 6] = [
            &[0x67],
            &[0x67, 0x42, 0xc0, 0x1f],
            &[0x68],
            &[0x65, 0x88],
            &long,
            &[0x67, 0x42, 0xc0, 0x1f, 0x04, 0x20],
        ];
        for bytes in illegal {
            assert_eq!(sets.insert(nal(bytes)), ParameterSetChange::None, "{:02x?}", &bytes[..1]);
        }
        sets.begin_access_unit();
        assert_eq!(missing(&sets), <[&[u8]; 0]>::default());
    }
}
