//! `profile-level-id`, the three bytes by which SDP says what H.264 a decoder takes (RFC 6184
//! §8.1).

use std::fmt;
use std::str::FromStr;

use super::level::Level;
use super::nal::{Nal, NalType};

/// `constraint_set0_flag` and so on: the flags of `profile-iop`, the first in the highest bit.
const SET_0: u8 = 0x80;
const SET_1: u8 = 0x40;
const SET_3: u8 = 0x10;
const SET_4: u8 = 0x08;
const SET_5: u8 = 0x04;
/// The `level_idc` of level 1.1, with which the older profiles say 1b by setting
/// `constraint_set3_flag` (H.264 §A.3.1). The High profiles have a `level_idc` for it (§A.3.2).
const LEVEL_IDC_1_1: u8 = 11;

/// The three bytes of an H.264 `profile-level-id`, RFC 6184 §8.1.
///
/// ```
/// use pinhole_core::h264::{Level, Profile, ProfileLevelId};
/// let id: ProfileLevelId = "42e01f".parse()?;
/// assert_eq!(id.profile(), Profile::ConstrainedBaseline);
/// assert_eq!(id.level(), Some(Level::L3_1));
/// assert_eq!(id.to_string(), "42e01f");
/// # Ok::<(), pinhole_core::h264::ProfileLevelIdError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProfileLevelId {
    /// `profile_idc`.
    pub profile_idc: u8,
    /// `profile-iop`: the constraint_set flags, the first in the highest bit.
    pub constraints: u8,
    /// `level_idc`, ten times the level (1b aside).
    pub level_idc: u8,
}

/// A profile of H.264 (ITU-T H.264 Annex A, RFC 6184 Table 5), the simpler ones first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Profile {
    /// What all browsers decode: no B slices, no CABAC, no interlacing.
    ConstrainedBaseline,
    /// Constrained Baseline, and slices in any order and groups, which hardly any decoder takes.
    Baseline,
    /// B slices, CABAC, interlacing.
    Main,
    /// Baseline and Main together, and data partitions, which hardly any decoder takes.
    Extended,
    /// High without B slices and interlacing.
    ConstrainedHigh,
    /// High without interlacing.
    ProgressiveHigh,
    /// Main, and 8x8 transforms.
    High,
    /// High, up to 10 bits.
    High10,
    /// High 10, and 4:2:2.
    High422,
    /// High 4:2:2, and 4:4:4, up to 14 bits.
    High444Predictive,
    /// High 10 without any prediction between pictures.
    High10Intra,
    /// High 4:2:2 without any prediction between pictures.
    High422Intra,
    /// High 4:4:4 without any prediction between pictures.
    High444Intra,
    /// High 4:4:4 Intra without CABAC.
    Cavlc444Intra,
    /// None of these; the `profile_idc`.
    Unknown(u8),
}

/// A text that is no `profile-level-id`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProfileLevelIdError {
    /// Not six characters.
    #[error("a profile-level-id has six hex digits, like 42e01f; this one has {0} characters")]
    Length(usize),
    /// Not a hex digit.
    #[error("a profile-level-id has six hex digits, like 42e01f; {0:?} is none")]
    Digit(char),
}

impl ProfileLevelId {
    /// What a receiver without the parameter takes: Baseline at level 1 (RFC 6184 §8.1).
    pub const DEFAULT: ProfileLevelId =
        ProfileLevelId { profile_idc: 0x42, constraints: 0, level_idc: 0x0a };

    /// Reads the id of a stream from its SPS, where it stands behind the NAL unit header (H.264
    /// §7.3.2.1.1). `None` if it is no SPS or too short.
    pub fn from_sps(sps: Nal<'_>) -> Option<ProfileLevelId> {
        match (sps.kind(), sps.payload()) {
            (NalType::Sps, &[profile_idc, constraints, level_idc, ..]) => {
                Some(ProfileLevelId { profile_idc, constraints, level_idc })
            }
            _ => None,
        }
    }

    /// The profile: RFC 6184 Table 5, and the High profiles of today's Annex A.
    pub fn profile(self) -> Profile {
        let has = |flags: u8| self.constraints & flags == flags;
        match self.profile_idc {
            66 if has(SET_1) => Profile::ConstrainedBaseline,
            77 if has(SET_0) => Profile::ConstrainedBaseline,
            88 if has(SET_0 | SET_1) => Profile::ConstrainedBaseline,
            88 if has(SET_0) => Profile::Baseline,
            66 => Profile::Baseline,
            77 => Profile::Main,
            88 => Profile::Extended,
            100 if has(SET_4 | SET_5) => Profile::ConstrainedHigh,
            100 if has(SET_4) => Profile::ProgressiveHigh,
            100 => Profile::High,
            110 if has(SET_3) => Profile::High10Intra,
            110 => Profile::High10,
            122 if has(SET_3) => Profile::High422Intra,
            122 => Profile::High422,
            244 if has(SET_3) => Profile::High444Intra,
            244 => Profile::High444Predictive,
            44 => Profile::Cavlc444Intra,
            unknown => Profile::Unknown(unknown),
        }
    }

    /// The level; `None` if `level_idc` names none.
    pub fn level(self) -> Option<Level> {
        let flagged = self.flag_says_1b() && self.constraints & SET_3 != 0;
        if flagged && self.level_idc == LEVEL_IDC_1_1 {
            return Some(Level::L1b);
        }
        Level::from_idc(self.level_idc)
    }

    /// The same profile at another level.
    pub fn with_level(self, level: Level) -> ProfileLevelId {
        let mut id = ProfileLevelId { level_idc: level.idc(), ..self };
        if self.flag_says_1b() {
            // Intra profiles use the flag for themselves; here it means 1b and nothing else.
            id.constraints &= !SET_3;
            if level == Level::L1b {
                id.constraints |= SET_3;
                id.level_idc = LEVEL_IDC_1_1;
            }
        }
        id
    }

    /// Whether 1b is said by `constraint_set3_flag`, H.264 §A.3.1.
    fn flag_says_1b(self) -> bool {
        matches!(self.profile_idc, 66 | 77 | 88)
    }
}

impl fmt::Display for ProfileLevelId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02x}{:02x}{:02x}", self.profile_idc, self.constraints, self.level_idc)
    }
}

impl FromStr for ProfileLevelId {
    type Err = ProfileLevelIdError;

    /// Parses six hex digits of either case.
    fn from_str(text: &str) -> Result<ProfileLevelId, ProfileLevelIdError> {
        let length = text.chars().count();
        if length != 6 {
            return Err(ProfileLevelIdError::Length(length));
        }
        let mut value = 0u32;
        for digit in text.chars() {
            value = value << 4 | digit.to_digit(16).ok_or(ProfileLevelIdError::Digit(digit))?;
        }
        let [_, profile_idc, constraints, level_idc] = value.to_be_bytes();
        Ok(ProfileLevelId { profile_idc, constraints, level_idc })
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Profile::ConstrainedBaseline => "Constrained Baseline",
            Profile::Baseline => "Baseline",
            Profile::Main => "Main",
            Profile::Extended => "Extended",
            Profile::ConstrainedHigh => "Constrained High",
            Profile::ProgressiveHigh => "Progressive High",
            Profile::High => "High",
            Profile::High10 => "High 10",
            Profile::High422 => "High 4:2:2",
            Profile::High444Predictive => "High 4:4:4 Predictive",
            Profile::High10Intra => "High 10 Intra",
            Profile::High422Intra => "High 4:2:2 Intra",
            Profile::High444Intra => "High 4:4:4 Intra",
            Profile::Cavlc444Intra => "CAVLC 4:4:4 Intra",
            Profile::Unknown(idc) => return write!(f, "unknown profile {idc}"),
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn profiles_and_levels_read_as_table_5_of_rfc_6184_says() {
        let cases = [
            ("42e01f", "Constrained Baseline", Some(Level::L3_1)),
            ("42c020", "Constrained Baseline", Some(Level::L3_2)),
            ("42001f", "Baseline", Some(Level::L3_1)),
            ("420429", "Baseline", Some(Level::L4_1)),
            ("4d8028", "Constrained Baseline", Some(Level::L4)),
            ("58c00b", "Constrained Baseline", Some(Level::L1_1)),
            ("58800b", "Baseline", Some(Level::L1_1)),
            ("580015", "Extended", Some(Level::L2_1)),
            ("4d001f", "Main", Some(Level::L3_1)),
            ("4d4028", "Main", Some(Level::L4)),
            ("64001f", "High", Some(Level::L3_1)),
            ("64041f", "High", Some(Level::L3_1)),
            ("640c2a", "Constrained High", Some(Level::L4_2)),
            ("640834", "Progressive High", Some(Level::L5_2)),
            ("6e0033", "High 10", Some(Level::L5_1)),
            ("6e1033", "High 10 Intra", Some(Level::L5_1)),
            ("7a0032", "High 4:2:2", Some(Level::L5)),
            ("7a1032", "High 4:2:2 Intra", Some(Level::L5)),
            ("F4001F", "High 4:4:4 Predictive", Some(Level::L3_1)),
            ("f4101f", "High 4:4:4 Intra", Some(Level::L3_1)),
            ("2c103e", "CAVLC 4:4:4 Intra", Some(Level::L6_2)),
            ("42100b", "Baseline", Some(Level::L1b)),
            ("42e00b", "Constrained Baseline", Some(Level::L1_1)),
            ("640009", "High", Some(Level::L1b)),
            ("64100b", "High", Some(Level::L1_1)),
            ("530029", "unknown profile 83", Some(Level::L4_1)),
            ("42e0ff", "Constrained Baseline", None),
        ];
        for (text, profile, level) in cases {
            let id: ProfileLevelId = text.parse().unwrap();
            assert_eq!((id.profile().to_string().as_str(), id.level()), (profile, level), "{text}");
            assert_eq!(id.to_string(), text.to_lowercase());
        }
    }

    #[test]
    fn what_is_not_six_hex_digits_is_refused_and_the_text_says_why() {
        let cases = [
            ("", ProfileLevelIdError::Length(0)),
            ("42e01", ProfileLevelIdError::Length(5)),
            ("42e01f0", ProfileLevelIdError::Length(7)),
            ("42e01g", ProfileLevelIdError::Digit('g')),
            ("+2e01f", ProfileLevelIdError::Digit('+')),
            ("äöü01f", ProfileLevelIdError::Digit('ä')),
        ];
        for (text, error) in cases {
            assert_eq!(text.parse::<ProfileLevelId>(), Err(error), "{text}");
        }
        let text = ProfileLevelIdError::Digit('g').to_string();
        assert_eq!(text, "a profile-level-id has six hex digits, like 42e01f; 'g' is none");
    }

    #[test]
    fn an_sps_tells_its_id_and_nothing_else_does() {
        let id = |bytes| ProfileLevelId::from_sps(Nal::new(bytes).unwrap());
        assert_eq!(id(&[0x67, 0x42, 0xc0, 0x1f]), "42c01f".parse().ok());
        assert_eq!(id(&[0x67, 0x42, 0xc0]), None);
        assert_eq!(id(&[0x68, 0x42, 0xc0, 0x1f]), None);
    }

    proptest! {
        #[test]
        fn every_id_parses_from_what_it_displays(bytes in any::<[u8; 3]>()) {
            let [profile_idc, constraints, level_idc] = bytes;
            let id = ProfileLevelId { profile_idc, constraints, level_idc };
            prop_assert_eq!(id.to_string().parse(), Ok(id));
        }

        #[test]
        fn every_level_is_read_back_without_a_change_of_profile(
            profile_idc in prop::sample::select(vec![66u8, 77, 88, 100, 110, 122, 244, 44]),
            constraints in any::<u8>(),
            level in prop::sample::select(Level::ALL.to_vec()),
        ) {
            let id = ProfileLevelId { profile_idc, constraints, level_idc: 30 };
            let other = id.with_level(level);
            prop_assert_eq!(other.level(), Some(level));
            prop_assert_eq!(other.profile(), id.profile());
        }
    }
}
