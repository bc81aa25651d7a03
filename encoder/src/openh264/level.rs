//! The lowest level of H.264 that a stream fits into (table A-1).

use crate::encoder::EncoderSettings;

/// A level and its limits for Baseline and Main.
struct Level {
    idc: u8,
    macroblocks_per_second: u64,
    macroblocks: u32,
    kilobits_per_second: u32,
}

/// Level 1b is left out, since Baseline marks it by a constraint flag that decoders misread.
const LEVELS: [Level; 16] = [
    level(10, 1_485, 99, 64),
    level(11, 3_000, 396, 192),
    level(12, 6_000, 396, 384),
    level(13, 11_880, 396, 768),
    level(20, 11_880, 396, 2_000),
    level(21, 19_800, 792, 4_000),
    level(22, 20_250, 1_620, 4_000),
    level(30, 40_500, 1_620, 10_000),
    level(31, 108_000, 3_600, 14_000),
    level(32, 216_000, 5_120, 20_000),
    level(40, 245_760, 8_192, 20_000),
    level(41, 245_760, 8_192, 50_000),
    level(42, 522_240, 8_704, 50_000),
    level(50, 589_824, 22_080, 135_000),
    level(51, 983_040, 36_864, 240_000),
    level(52, 2_073_600, 36_864, 240_000),
];

const fn level(idc: u8, macroblocks_per_second: u64, macroblocks: u32, kbps: u32) -> Level {
    Level { idc, macroblocks_per_second, macroblocks, kilobits_per_second: kbps }
}

/// Returns level_idc, or `None` where even level 5.2 is too small.
pub(crate) fn lowest(settings: &EncoderSettings) -> Option<u8> {
    let size = settings.size;
    let macroblocks = size.macroblocks();
    let per_second = u64::from(macroblocks) * u64::from(settings.rate.per_1000s());
    let side = u64::from(size.width().max(size.height()).div_ceil(16));
    let fits = |level: &&Level| {
        level.macroblocks >= macroblocks
            && level.macroblocks_per_second * 1000 >= per_second
            && u64::from(level.kilobits_per_second) * 1000 >= u64::from(settings.bitrate)
            // No side is longer than the square root of eight times MaxFS.
            && side * side <= 8 * u64::from(level.macroblocks)
    };
    LEVELS.iter().find(fits).map(|level| level.idc)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Content;
    use crate::frame::{FrameRate, Size};

    #[test]
    fn levels_are_those_of_table_a_1() {
        let cases = [
            ((1280, 720), 30, 3_000_000, Some(31)),
            ((1280, 720), 60, 3_000_000, Some(32)),
            ((1280, 720), 30, 15_000_000, Some(32)),
            ((720, 1280), 30, 3_000_000, Some(31)),
            ((1920, 1080), 30, 8_000_000, Some(40)),
            ((1920, 1080), 30, 30_000_000, Some(41)),
            ((1920, 1080), 60, 8_000_000, Some(42)),
            ((3840, 2160), 30, 20_000_000, Some(51)),
            ((3840, 2160), 60, 20_000_000, Some(52)),
            ((3840, 2160), 120, 20_000_000, None),
            ((640, 360), 30, 1_000_000, Some(30)),
            ((176, 144), 15, 60_000, Some(10)),
        ];
        for ((width, height), fps, bitrate, want) in cases {
            let settings = EncoderSettings {
                size: Size::new(width, height).unwrap(),
                rate: FrameRate::per_second(fps).unwrap(),
                bitrate,
                content: Content::Camera,
                full_range: false,
                threads: 1,
            };
            assert_eq!(lowest(&settings), want, "{width}x{height} {fps} fps {bitrate} b/s");
        }
    }
}
