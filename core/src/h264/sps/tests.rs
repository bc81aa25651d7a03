#![allow(clippy::unwrap_used)]
use super::*;
use Reordering::{None as InOrder, Unknown, UpTo};
use proptest::prelude::*;

fn unhex(text: &str) -> Vec<u8> {
    let digits = text.as_bytes().chunks(2);
    digits.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

fn parse(bytes: &[u8]) -> Result<Sps, SpsError> {
    Sps::parse(Nal::new(bytes).unwrap())
}

/// An SPS of bits behind the level; blanks are for the reader.
fn written(profile_idc: u8, bits: &str) -> Vec<u8> {
    let mut bits: String = bits.chars().filter(|c| !c.is_whitespace()).collect();
    bits.push('1');
    while !bits.len().is_multiple_of(8) {
        bits.push('0');
    }
    let mut bytes = vec![0x67, profile_idc, 0, 31];
    for byte in bits.as_bytes().chunks(8) {
        bytes.push(u8::from_str_radix(std::str::from_utf8(byte).unwrap(), 2).unwrap());
        if let [.., 0, 0, last @ 0..=3] = bytes.as_mut_slice() {
            let byte = std::mem::replace(last, 3);
            bytes.push(byte);
        }
    }
    bytes
}

/// An SPS in hex; its profile-level-id, size, frames a second, reordering.
type Real = (&'static str, &'static str, (u32, u32), f64, Reordering);

/// Written by x264 (from ffmpeg 5.1.9); expected values as ffprobe reads them, frame rates as
/// ffmpeg was asked for.
const REAL: [Real; 10] = [
    // baseline
    ("6742c01fd9005005bb0110000003001000000303c0f1832480", "42c01f", (1280, 720), 30.0, InOrder),
    // zerolatency
    ("6764001facb402802dd80880000003008000001e478c1950", "64001f", (1280, 720), 30.0, InOrder),
    // 60000/1001, with B frames
    ("6764002aacd940780227e5c04400000fa4000753003c60c658", "64002a", (1920, 1080), 59.94, UpTo(2)),
    // interlaced
    ("674d4028eca03c0227ef011000000300100000030321f162d960", "4d4028", (1920, 1080), 25.0, UpTo(2)),
    // 10 bits
    ("676e001ea6cd940d83de6f011000000300100000030300f162d960", "6e001e", (854, 480), 24.0, UpTo(2)),
    // 4:2:2
    ("677a001ebcd940a02ff9f011000003000100000300300f162d96", "7a001e", (640, 362), 24.0, UpTo(2)),
    // 4:4:4
    (
        "67f4001e919b281485fc211180880000030008000003018078b16cb0",
        "f4001e",
        (641, 361),
        24.0,
        UpTo(2),
    ),
    // NAL HRD
    (
        "6742c01fda014016ec0440000003004000000f1810000b71b00016e37930801e306540",
        "42c01f",
        (1280, 720),
        30.0,
        InOrder,
    ),
    // scaling lists, aspect ratio and colours
    (
        "6764000dacb202c12dff8036003cb701020240000003004000000f03c50a92",
        "64000d",
        (352, 288),
        30.0,
        InOrder,
    ),
    // intra, reordering not said
    ("677a101eb6cb81407b60220000030002000003007808", "7a101e", (640, 480), 30.0, InOrder),
];

#[test]
fn real_parameter_sets_read_as_ffprobe_reads_them() {
    for (hex, id, size, fps, reordering) in REAL {
        let sps = parse(&unhex(hex)).unwrap();
        assert_eq!(sps.profile_level_id.to_string(), id, "{hex}");
        assert_eq!((sps.width, sps.height), size, "{hex}");
        let said = sps.frame_rate.unwrap().fps();
        assert!((said - fps).abs() < 0.01, "{said} {hex}");
        assert_eq!(sps.reordering, reordering, "{hex}");
        assert_eq!(sps.interlaced, id == "4d4028", "{hex}");
    }
}

#[test]
fn without_vui_the_profile_and_the_order_of_pictures_say_whether_frames_come_in_order() {
    // id 0, frame_num 4 bits, then picture order, 1 reference, no gaps, 2x1 macroblocks, frames,
    // 8x8, no cropping, no VUI.
    let tail = "010 0 010 1 1 1 0 0";
    for (profile_idc, high, order, expected) in [
        (66, "", "1 1", InOrder),
        (77, "", "1 1", Unknown),
        (77, "", "011", InOrder),
        (77, "", "010 1 1 1 010 010", Unknown),
        (100, "010 1 1 0 0", "1 1", Unknown),
    ] {
        let sps = parse(&written(profile_idc, &format!("1 {high} 1 {order} {tail}"))).unwrap();
        assert_eq!((sps.width, sps.height, sps.frame_rate), (32, 16, None));
        assert_eq!(sps.reordering, expected, "{profile_idc} {order}");
    }
}

#[test]
fn cropping_counts_in_chroma_samples_and_fields() {
    // Cropped by 1 unit at the right and 2 at the bottom, of 64x64 or, with fields, 64x128.
    let tail = "010 0 00100 00100";
    let crop = "1 1 010 1 011 0";
    for (profile_idc, high, fields, size) in [
        (66, "", "1 1", (62, 60)),
        (66, "", "0 0 1", (62, 120)),
        (122, "011 1 1 0 0", "1 1", (62, 62)),
        (244, "00100 0 1 1 0 0", "1 1", (63, 62)),
        (244, "00100 1 1 1 0 0", "1 1", (63, 62)),
    ] {
        let bits = format!("1 {high} 1 011 {tail} {fields} {crop}");
        let sps = parse(&written(profile_idc, &bits)).unwrap();
        assert_eq!((sps.width, sps.height), size, "{profile_idc} {fields}");
    }
}

#[test]
fn scaling_lists_of_both_sizes_are_skipped() {
    // All lists are sent: six of 16 and two of 64, without a change from one entry to the next.
    let lists =
        format!("1{}", "1".repeat(16)).repeat(6) + &format!("1{}", "1".repeat(64)).repeat(2);
    let sps = parse(&written(100, &format!("1 010 1 1 0 1 {lists} 1 011 010 0 010 1 1 1 0 0")));
    assert_eq!(sps.map(|sps| (sps.width, sps.height)), Ok((32, 16)));
    // A list ends where the next scale is 0: 8 - 8, the code of se(-8).
    let lists = "1 000010001".repeat(8);
    let sps = parse(&written(100, &format!("1 010 1 1 0 1 {lists} 1 011 010 0 010 1 1 1 0 0")));
    assert_eq!(sps.map(|sps| (sps.width, sps.height)), Ok((32, 16)));
}

#[test]
fn a_frame_rate_of_zero_ticks_counts_as_not_said() {
    let zeros = "0".repeat(32);
    let bits = format!("1 1 011 010 0 1 1 1 1 0 1  0 0 0 0 1 {zeros} {zeros} 1 0 0 0 0");
    let sps = parse(&written(66, &bits)).unwrap();
    assert_eq!(sps.frame_rate, None);
}

#[test]
fn illegal_values_are_named() {
    #[rustfmt::skip]
    let cases = [
        (66, "00000100001", "seq_parameter_set_id"),
        (100, "1 00101", "chroma_format_idc"),
        (100, "1 010 1 1 0 1 1 0000 0000 1 0000 0010", "delta_scale"),
        (66, "1 1 00100", "pic_order_cnt_type"),
        (66, "1 1 010 1 1 1 0000 0000 1 0000 0001", "num_ref_frames_in_pic_order_cnt_cycle"),
        (66, "1 1 011 010 0 0000 0000 0010 0001 0000 1 1 1 1 1", "picture size"),
        (66, "1 1 011 010 0 1 1 1 1 1  1 0001001 1 1", "frame cropping"),
    ];
    for (profile_idc, bits, expected) in cases {
        let sps = parse(&written(profile_idc, bits));
        assert_eq!(sps, Err(SpsError::Illegal(expected)), "{bits}");
    }
    assert_eq!(parse(&[0x68, 0xce]), Err(SpsError::NotAnSps));
}

#[test]
fn a_parameter_set_that_is_cut_off_is_refused_at_every_byte() {
    let whole = unhex("6742c01fda014016ec0440000003004000000f1810000b71b00016e37930801e306540");
    for length in 1..whole.len() - 1 {
        assert_eq!(parse(&whole[..length]), Err(SpsError::Truncated), "{length} bytes");
    }
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_harm(
        profile_idc in prop::sample::select(vec![66u8, 77, 100, 110, 122, 244]),
        tail in prop::collection::vec(any::<u8>(), 0..80),
    ) {
        let bytes = [&[0x67, profile_idc, 0, 31][..], &tail].concat();
        if let Ok(sps) = parse(&bytes) {
            prop_assert!(sps.width > 0 && sps.height > 0);
        }
    }
}
