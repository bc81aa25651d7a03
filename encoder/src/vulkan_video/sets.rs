//! What a driver's parameter sets promise, and what viewers are to be told: a pure function of both sets.
//!
//! gpu-video asks for Baseline with level 4.1 whatever the pictures, without the constraint flag that makes
//! it Constrained Baseline, and with CABAC in the PPS, which Baseline does not have; the driver may correct
//! all of that or nothing. So the sets that the driver returns are read. A stream that keeps to Constrained
//! Baseline is called so, because every browser takes that; one with CABAC is called Main, or High with the
//! 8x8 transform. Only the three bytes after the header change: size, references and VUI stay as they are.

use crate::annexb::{Pps, Sps, escape, unescape};
use crate::encoder::EncoderSettings;
use crate::openh264::level;

/// constraint_set0_flag and constraint_set1_flag: Constrained Baseline, in profile_idc 66.
const CONSTRAINED_BASELINE: [u8; 2] = [66, 0xc0];
const MAIN: [u8; 2] = [77, 0];
const HIGH: u8 = 100;

/// The sets that go before each IDR, without start codes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sets {
    pub(super) sps: Vec<u8>,
    pub(super) pps: Vec<u8>,
    /// What to promise: profile_idc, constraint flags and level_idc.
    pub(super) profile_level_id: [u8; 3],
    /// How many bits frame_num has.
    pub(super) frame_num_bits: u32,
}

impl Sets {
    /// The profile, for people.
    pub(super) fn profile(&self) -> &'static str {
        match self.profile_level_id {
            [66, ..] => "Constrained Baseline",
            [77, ..] => "Main",
            _ => "High",
        }
    }
}

/// Reads a driver's SPS and PPS. An error says why viewers cannot be sent such a stream.
pub(super) fn judge(sps: &[u8], pps: &[u8], settings: &EncoderSettings) -> Result<Sets, String> {
    let read = Sps::parse(sps).ok_or("the driver's SPS cannot be read")?;
    let picture = Pps::parse(pps).ok_or("the driver's PPS cannot be read")?;
    let size = settings.size;
    if (read.width, read.height) != (size.width(), size.height()) {
        return Err(format!(
            "the driver's SPS is of {}x{} for pictures of {size}",
            read.width, read.height
        ));
    }
    if read.chroma_format_idc != 1 || read.bit_depth != 8 || read.separate_colour_planes {
        return Err("the driver's SPS is not of 4:2:0 with 8 bits, as browsers need it".to_owned());
    }
    if picture.slice_groups > 1 || picture.redundant_pictures {
        return Err(
            "the driver's PPS has slice groups or redundant slices, which no browser takes"
                .to_owned(),
        );
    }
    let level = level::lowest(settings).ok_or_else(|| {
        format!(
            "{size} at {} frames and {} bits a second is beyond level 5.2",
            settings.rate, settings.bitrate
        )
    })?;
    let profile = profile(&read, &picture)?;
    let mut payload = unescape(sps);
    let [profile_idc, constraints] = profile;
    let profile_level_id = [profile_idc, constraints, level];
    payload
        .get_mut(1..4)
        .ok_or("the driver's SPS is cut short")?
        .copy_from_slice(&profile_level_id);
    Ok(Sets {
        sps: escape(&payload),
        pps: pps.to_vec(),
        profile_level_id,
        frame_num_bits: read.frame_num_bits,
    })
}

/// The lowest profile that a stream of these sets keeps to, given that it has no B pictures.
fn profile(sps: &Sps, pps: &Pps) -> Result<[u8; 2], String> {
    let [profile_idc, constraints, _] = sps.profile_level_id;
    // The SPS of High is written in another way, so nothing becomes High that is not, nor the other way.
    match profile_idc {
        66 | 77 if pps.transform_8x8 => Err(format!(
            "the driver uses the 8x8 transform in profile {profile_idc}, which has none"
        )),
        66 | 77 if !pps.cabac && !pps.weighted && sps.frames_only => Ok(CONSTRAINED_BASELINE),
        66 | 77 => Ok(MAIN),
        HIGH => Ok([HIGH, constraints]),
        other => Err(format!("the driver chose profile {other}, which browsers do not take")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Content;
    use crate::encoder::Encoder;
    use crate::frame::{FrameRate, Size};
    use crate::openh264::OpenH264;

    /// By x264 of 1280x720 at 30 frames a second, with a VUI that says BT.709.
    const BASELINE: [u8; 27] = sps_of_x264(0x42, 0xc0);
    const MAIN_SPS: [u8; 27] = sps_of_x264(0x4d, 0x40);
    const CAVLC: &[u8] = &[0x68, 0xcb, 0x83, 0xcb, 0x20];
    const CABAC: &[u8] = &[0x68, 0xeb, 0x83, 0xcb, 0x20];
    const TRANSFORM_8X8: &[u8] = &[0x68, 0xeb, 0xc3, 0xcb, 0x22, 0xc0];
    const HIGH_SPS: &[u8] = &[
        0x67, 0x64, 0x00, 0x1f, 0xac, 0xb2, 0x00, 0xa0, 0x0b, 0x76, 0x02, 0xd4, 0x04, 0x04, 0x05,
        0x00, 0x00, 0x03, 0x00, 0x01, 0x00, 0x00, 0x03, 0x00, 0x3c, 0x8f, 0x18, 0x32, 0x48,
    ];
    const INTERLACED: &[u8] = &[
        0x67, 0x4d, 0x40, 0x20, 0xec, 0xa0, 0x28, 0x05, 0xdf, 0x97, 0x01, 0x6a, 0x02, 0x02, 0x02,
        0x80, 0x00, 0x00, 0x03, 0x00, 0x80, 0x00, 0x00, 0x1e, 0x0f, 0x8b, 0x16, 0xcb,
    ];

    const fn sps_of_x264(profile: u8, constraints: u8) -> [u8; 27] {
        [
            0x67,
            profile,
            constraints,
            0x1f,
            0xd9,
            0x00,
            0x50,
            0x05,
            0xbb,
            0x01,
            0x6a,
            0x02,
            0x02,
            0x02,
            0x80,
            0x00,
            0x00,
            0x03,
            0x00,
            0x80,
            0x00,
            0x00,
            0x1e,
            0x47,
            0x8c,
            0x19,
            0x24,
        ]
    }

    fn settings(width: u32, height: u32, fps: u32) -> EncoderSettings {
        EncoderSettings {
            size: Size::new(width, height).unwrap(),
            rate: FrameRate::per_second(fps).unwrap(),
            bitrate: 3_000_000,
            content: Content::Camera,
            full_range: false,
            threads: 1,
        }
    }

    /// As gpu-video writes it: Baseline without set 1, with set 5, level 4.1.
    fn of_gpu_video(mut sps: [u8; 27]) -> [u8; 27] {
        sps[1..4].copy_from_slice(&[66, 0x04, 41]);
        sps
    }

    #[test]
    fn what_is_promised_follows_from_both_sets() {
        let driver = of_gpu_video(BASELINE);
        let cases: [(&[u8], &[u8], [u8; 3]); 7] = [
            (&driver, CAVLC, [0x42, 0xc0, 31]),
            (&driver, CABAC, [0x4d, 0x00, 31]),
            (&MAIN_SPS, CABAC, [0x4d, 0x00, 31]),
            (&MAIN_SPS, CAVLC, [0x42, 0xc0, 31]),
            (INTERLACED, CAVLC, [0x4d, 0x00, 31]),
            (HIGH_SPS, TRANSFORM_8X8, [0x64, 0x00, 31]),
            (HIGH_SPS, CABAC, [0x64, 0x00, 31]),
        ];
        for (sps, pps, promised) in cases {
            let sets = judge(sps, pps, &settings(1280, 720, 30)).unwrap();
            assert_eq!(sets.profile_level_id, promised, "{sps:x?} {pps:x?}");
            let (old, new) = (Sps::parse(sps).unwrap(), Sps::parse(&sets.sps).unwrap());
            assert_eq!(new, Sps { profile_level_id: promised, ..old }, "all else stays");
            assert_eq!((sets.sps.len(), sets.pps.as_slice()), (sps.len(), pps));
            assert_eq!(sets.sps[4..], sps[4..], "the VUI too, bit by bit");
        }
        let sets = judge(&driver, CAVLC, &settings(1280, 720, 60)).unwrap();
        assert_eq!(sets.profile_level_id, [0x42, 0xc0, 32], "the level is that of the rate");
    }

    #[test]
    fn what_already_says_so_is_written_as_it_was_bit_by_bit() {
        let settings = settings(1280, 720, 30);
        assert_eq!(judge(&BASELINE, CAVLC, &settings).unwrap().sps, BASELINE);
        assert_eq!(judge(HIGH_SPS, TRANSFORM_8X8, &settings).unwrap().sps, HIGH_SPS);
        let mut encoder = OpenH264::new(&settings).unwrap();
        let black = crate::frame::Frame::I420(crate::frame::I420::black(settings.size));
        let control = crate::encoder::FrameControl { force_idr: true, at: Default::default() };
        let mut unit = Vec::new();
        encoder.encode(&black, control, &mut unit).unwrap();
        let nals: Vec<&[u8]> = crate::annexb::nal_units(&unit).map(|range| &unit[range]).collect();
        let sets = judge(nals[0], nals[1], &settings).unwrap();
        assert_eq!((sets.sps.as_slice(), sets.pps.as_slice()), (nals[0], nals[1]));
        assert_eq!(sets.profile_level_id, encoder.profile_level_id());
    }

    #[test]
    fn what_no_browser_takes_is_refused_with_a_sentence() {
        let hd = settings(1280, 720, 30);
        let mut extended = BASELINE;
        extended[1] = 88;
        // pic_parameter_set_id 0, seq_parameter_set_id 0, CAVLC, no bottom order, 2 slice groups.
        let slice_groups: &[u8] = &[0x68, 0b1100_0100, 0x80];
        let refused = |sps: &[u8], pps: &[u8], settings: EncoderSettings| {
            judge(sps, pps, &settings).unwrap_err()
        };
        assert_eq!(
            refused(&BASELINE, CAVLC, settings(1920, 1080, 30)),
            "the driver's SPS is of 1280x720 for pictures of 1920x1080"
        );
        assert_eq!(
            refused(&MAIN_SPS, TRANSFORM_8X8, hd),
            "the driver uses the 8x8 transform in profile 77, which has none"
        );
        assert_eq!(
            refused(&extended, CAVLC, hd),
            "the driver chose profile 88, which browsers do not take"
        );
        assert!(refused(&BASELINE, slice_groups, hd).contains("slice groups"));
        assert_eq!(refused(&BASELINE[..6], CAVLC, hd), "the driver's SPS cannot be read");
        assert_eq!(refused(&BASELINE, &CAVLC[..2], hd), "the driver's PPS cannot be read");
        let fast = EncoderSettings { bitrate: 300_000_000, ..hd };
        assert!(refused(&BASELINE, CAVLC, fast).contains("beyond level 5.2"));
    }
}
