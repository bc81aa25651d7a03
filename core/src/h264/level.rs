//! Levels: how much a decoder must be able to do (ITU-T H.264 §A.3, Table A-1).

use std::fmt;

/// Samples along a macroblock's side.
const MACROBLOCK: u32 = 16;

/// A level of H.264, the lowest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "the names say all")]
pub enum Level {
    L1,
    L1b,
    L1_1,
    L1_2,
    L1_3,
    L2,
    L2_1,
    L2_2,
    L3,
    L3_1,
    L3_2,
    L4,
    L4_1,
    L4_2,
    L5,
    L5_1,
    L5_2,
    L6,
    L6_1,
    L6_2,
}

/// No level is high enough, or there is no picture.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum LevelError {
    /// A width, height or rate of zero, or a rate that is no number.
    #[error("{width}x{height} at {fps} frames a second is no video; all three must be above zero")]
    NoVideo {
        /// Samples a line.
        width: u32,
        /// Lines.
        height: u32,
        /// Frames a second.
        fps: f64,
    },
    /// Beyond level 6.2.
    #[error(
        "{width}x{height} at {fps} frames a second and {bitrate} bit/s is more than H.264 level \
         6.2 allows; lower one of them"
    )]
    TooMuch {
        /// Samples a line.
        width: u32,
        /// Lines.
        height: u32,
        /// Frames a second.
        fps: f64,
        /// Bits a second.
        bitrate: u64,
    },
}

/// A row of Table A-1: MaxMBPS, MaxFS, MaxBR. MaxBR is in units of 1000 bit/s, as Baseline and Main
/// count it; the High profiles allow a quarter more.
struct Limits {
    macroblocks_per_second: u32,
    macroblocks: u32,
    kilobits_per_second: u32,
}

impl Level {
    /// All of them, the lowest first.
    pub const ALL: [Level; 20] = [
        Level::L1,
        Level::L1b,
        Level::L1_1,
        Level::L1_2,
        Level::L1_3,
        Level::L2,
        Level::L2_1,
        Level::L2_2,
        Level::L3,
        Level::L3_1,
        Level::L3_2,
        Level::L4,
        Level::L4_1,
        Level::L4_2,
        Level::L5,
        Level::L5_1,
        Level::L5_2,
        Level::L6,
        Level::L6_1,
        Level::L6_2,
    ];

    /// The lowest level for pictures of `width` x `height` samples at `fps` frames and at most
    /// `bitrate` bits a second, of any profile.
    pub fn for_video(width: u32, height: u32, fps: f64, bitrate: u64) -> Result<Level, LevelError> {
        if width == 0 || height == 0 || !(fps > 0.0 && fps.is_finite()) {
            return Err(LevelError::NoVideo { width, height, fps });
        }
        let (columns, rows) = (width.div_ceil(MACROBLOCK), height.div_ceil(MACROBLOCK));
        Level::ALL
            .into_iter()
            .find(|level| level.allows(columns.into(), rows.into(), fps, bitrate))
            .ok_or(LevelError::TooMuch { width, height, fps, bitrate })
    }

    /// §A.3.1 items a, b and f, and j for the bit rate: also no side longer than √(8 MaxFS).
    fn allows(self, columns: u64, rows: u64, fps: f64, bitrate: u64) -> bool {
        let Limits { macroblocks_per_second, macroblocks, kilobits_per_second } = self.limits();
        let size_max = u64::from(macroblocks);
        let side_fits = |side: u64| side * side <= 8 * size_max;
        let size = columns * rows;
        side_fits(columns)
            && side_fits(rows)
            && size <= size_max
            && size as f64 * fps <= f64::from(macroblocks_per_second)
            && bitrate <= u64::from(kilobits_per_second) * 1000
    }

    /// `level_idc`: ten times the level, and 9 for 1b, which some profiles say otherwise (see
    /// [`ProfileLevelId::with_level`](super::ProfileLevelId::with_level)).
    pub fn idc(self) -> u8 {
        match self {
            Level::L1 => 10,
            Level::L1b => 9,
            Level::L1_1 => 11,
            Level::L1_2 => 12,
            Level::L1_3 => 13,
            Level::L2 => 20,
            Level::L2_1 => 21,
            Level::L2_2 => 22,
            Level::L3 => 30,
            Level::L3_1 => 31,
            Level::L3_2 => 32,
            Level::L4 => 40,
            Level::L4_1 => 41,
            Level::L4_2 => 42,
            Level::L5 => 50,
            Level::L5_1 => 51,
            Level::L5_2 => 52,
            Level::L6 => 60,
            Level::L6_1 => 61,
            Level::L6_2 => 62,
        }
    }

    /// The level with this `level_idc`, 9 being 1b.
    pub(super) fn from_idc(idc: u8) -> Option<Level> {
        Level::ALL.into_iter().find(|level| level.idc() == idc)
    }

    #[rustfmt::skip]
    fn limits(self) -> Limits {
        let (macroblocks_per_second, macroblocks, kilobits_per_second) = match self {
            Level::L1   => (     1_485,      99,      64),
            Level::L1b  => (     1_485,      99,     128),
            Level::L1_1 => (     3_000,     396,     192),
            Level::L1_2 => (     6_000,     396,     384),
            Level::L1_3 => (    11_880,     396,     768),
            Level::L2   => (    11_880,     396,   2_000),
            Level::L2_1 => (    19_800,     792,   4_000),
            Level::L2_2 => (    20_250,   1_620,   4_000),
            Level::L3   => (    40_500,   1_620,  10_000),
            Level::L3_1 => (   108_000,   3_600,  14_000),
            Level::L3_2 => (   216_000,   5_120,  20_000),
            Level::L4   => (   245_760,   8_192,  20_000),
            Level::L4_1 => (   245_760,   8_192,  50_000),
            Level::L4_2 => (   522_240,   8_704,  50_000),
            Level::L5   => (   589_824,  22_080, 135_000),
            Level::L5_1 => (   983_040,  36_864, 240_000),
            Level::L5_2 => ( 2_073_600,  36_864, 240_000),
            Level::L6   => ( 4_177_920, 139_264, 240_000),
            Level::L6_1 => ( 8_355_840, 139_264, 480_000),
            Level::L6_2 => (16_711_680, 139_264, 800_000),
        };
        Limits { macroblocks_per_second, macroblocks, kilobits_per_second }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Level::L1b => f.write_str("1b"),
            level if level.idc() % 10 == 0 => write!(f, "{}", level.idc() / 10),
            level => write!(f, "{}.{}", level.idc() / 10, level.idc() % 10),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_level_is_the_lowest_that_table_a_1_allows() {
        let cases = [
            (176, 144, 15.0, 64_000, "1"),
            (176, 144, 15.0, 128_000, "1b"),
            (176, 144, 15.0, 128_001, "1.1"),
            (352, 288, 30.0, 700_000, "1.3"),
            (352, 288, 30.0, 1_000_000, "2"),
            (640, 480, 30.0, 1_000_000, "3"),
            (1280, 720, 30.0, 3_000_000, "3.1"),
            (1280, 720, 30.0, 14_000_001, "3.2"),
            (1280, 720, 60.0, 3_000_000, "3.2"),
            (720, 1280, 30.0, 3_000_000, "3.1"),
            (1920, 1080, 30.0, 8_000_000, "4"),
            (1920, 1080, 30.0, 30_000_000, "4.1"),
            (1920, 1080, 59.94, 8_000_000, "4.2"),
            (1920, 1080, 60.0, 50_000_000, "4.2"),
            (3840, 2160, 30.0, 20_000_000, "5.1"),
            (3840, 2160, 60.0, 20_000_000, "5.2"),
            (7680, 4320, 60.0, 100_000_000, "6.1"),
            // Wide: 2550 macroblocks would do for 3.1, but not 170 of them in a row.
            (2704, 240, 10.0, 1_000_000, "3.1"),
            (2720, 240, 10.0, 1_000_000, "3.2"),
        ];
        for (width, height, fps, bitrate, expected) in cases {
            let level = Level::for_video(width, height, fps, bitrate).unwrap();
            assert_eq!(level.to_string(), expected, "{width}x{height} {fps} {bitrate}");
        }
    }

    #[test]
    fn what_no_level_allows_is_refused() {
        for (width, height, fps) in [(0, 720, 30.0), (1280, 0, 30.0), (1280, 720, 0.0)] {
            let error = Level::for_video(width, height, fps, 1).unwrap_err();
            assert_eq!(error, LevelError::NoVideo { width, height, fps });
        }
        assert!(matches!(
            Level::for_video(1280, 720, f64::NAN, 1),
            Err(LevelError::NoVideo { .. })
        ));
        for (width, height, fps, bitrate) in
            [(u32::MAX, u32::MAX, 1.0, 1), (64, 64, 1e9, 1), (64, 64, 1.0, u64::MAX)]
        {
            let error = Level::for_video(width, height, fps, bitrate).unwrap_err();
            assert_eq!(error, LevelError::TooMuch { width, height, fps, bitrate });
        }
    }

    #[test]
    fn levels_rise_in_the_order_of_their_numbers() {
        assert!(Level::ALL.is_sorted());
        assert!(Level::L1 < Level::L1b && Level::L1b < Level::L1_1);
    }
}
