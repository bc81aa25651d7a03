//! Annex B files that pass through.
#![allow(clippy::unwrap_used)]

mod common;

use common::{Eye, Folder, Pictures, Watched, config, ffmpeg, nal_types, settings, stamp_of};
use pinhole_encoder::encoder::Encoded;
use pinhole_encoder::source::H264File;
use pinhole_encoder::{AccessUnit, EncoderSettings, Media, SourceKind, Stream};

/// An Annex B file of `count` test pictures, with IDRs every `gop`.
fn annex_b(settings: &EncoderSettings, count: u64, gop: u64) -> Vec<u8> {
    let mut pictures = Pictures::new(*settings);
    let mut units = (0..count).map(|n| pictures.encode(n > 0 && n % gop == 0));
    let first = units.next().unwrap();
    assert_eq!(first.0, Encoded::Idr);
    std::iter::once(first).chain(units).flat_map(|(_, unit)| unit).collect()
}

#[test]
fn an_h264_file_passes_through_unchanged_and_loops() {
    let settings = EncoderSettings { threads: 2, ..settings(640, 360, 30, 1_000_000) };
    let bytes = annex_b(&settings, 24, 8);
    let mut file = H264File::parse(bytes.clone(), None).unwrap();
    assert_eq!(file.size(), settings.size);
    assert!(file.rate_is_assumed());
    assert_eq!(file.rate(), settings.rate);
    assert_eq!(file.profile_level_id()[0], 66);
    let mut eye = Eye::new();
    let mut all = Vec::new();
    for n in 0..48 {
        let mut unit = Vec::new();
        assert_eq!(file.until_idr() as u64, (8 - n % 8) % 8);
        assert_eq!(file.read(&mut unit).unwrap(), n % 8 == 0, "picture {n}");
        assert_eq!(eye.see(&unit), Some(stamp_of(&settings, n % 24)), "picture {n}");
        if n < 24 {
            all.extend_from_slice(&unit);
        }
    }
    assert_eq!(all, bytes);
}

#[test]
fn a_file_that_is_cut_short_while_it_plays_is_named() {
    let bytes = annex_b(&settings(320, 180, 30, 500_000), 6, 3);
    let folder = Folder::new("h264-short");
    let path = folder.file("short.h264", &bytes);
    let mut file = H264File::open(&path, None).unwrap();
    let mut unit = Vec::new();
    assert!(file.read(&mut unit).unwrap());

    std::fs::write(&path, &bytes[..unit.len()]).unwrap();

    let before = unit.clone();
    let error = file.read(&mut unit).unwrap_err().to_string();
    assert!(error.contains("short.h264"), "{error}");
    assert_eq!(unit, before, "no half pictures");
}

#[test]
fn parameter_sets_are_repeated_before_each_idr_of_a_file_that_has_them_once() {
    let settings = settings(320, 180, 30, 500_000);
    let bytes = annex_b(&settings, 20, 5);
    // The same without parameter sets, but for the first.
    let mut starts: Vec<usize> = (0..bytes.len() - 3)
        .filter(|&at| bytes[at..at + 4] == [0, 0, 0, 1])
        .chain([bytes.len()])
        .collect();
    starts.dedup();
    let mut bare = Vec::new();
    for (n, nal) in starts.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).enumerate() {
        if n < 2 || !matches!(nal[4] & 0x1f, 7 | 8) {
            bare.extend_from_slice(nal);
        }
    }
    assert!(bare.len() < bytes.len());
    let mut file = H264File::parse(bare, None).unwrap();
    for n in 0..20 {
        let mut unit = Vec::new();
        if file.read(&mut unit).unwrap() {
            assert_eq!(nal_types(&unit), [7, 8, 5], "IDR {n}");
            // A viewer may join here.
            assert_eq!(Eye::new().see(&unit), Some(stamp_of(&settings, n)));
        }
    }
}

#[test]
fn a_keyframe_request_skips_to_the_next_idr_when_it_is_far_and_waits_when_it_is_near() {
    let folder = Folder::new("h264-jump");
    let settings = settings(320, 180, 30, 500_000);
    let path = folder.file("a.h264", &annex_b(&settings, 80, 40));
    let stream = Stream::start(&config(SourceKind::H264File(path))).unwrap();
    assert!(stream.format().encoder.contains("30 frames a second assumed"));
    let mut watched = Watched::new(stream);
    let mut eye = Eye::new();
    let mut see = |unit: &AccessUnit| eye.see(&unit.data).expect("a stamp").frame;
    let first = watched.unit();
    assert!(first.keyframe);
    assert_eq!(see(&first), 0);

    watched.stream.request_keyframe();
    let mut next = watched.unit();
    // One that was on its way already.
    while !next.keyframe {
        assert!(see(&next) < 5);
        next = watched.unit();
    }
    assert_eq!(see(&next), 40, "skipped to");

    // Three pictures, 100 ms, before the next IDR: nothing is skipped.
    let units: Vec<AccessUnit> = (0..36).map(|_| watched.unit()).collect();
    assert_eq!(units.iter().map(&mut see).collect::<Vec<_>>(), (41..77).collect::<Vec<_>>());
    watched.stream.request_keyframe();
    let frames: Vec<u32> = (0..4).map(|_| see(&watched.unit())).collect();
    assert_eq!(frames, [77, 78, 79, 0]);
}

#[test]
fn a_viewer_who_comes_back_to_a_file_begins_at_an_idr() {
    let folder = Folder::new("h264-back");
    let settings = settings(320, 180, 30, 500_000);
    let path = folder.file("a.h264", &annex_b(&settings, 60, 30));
    let mut watched = Watched::new(Stream::start(&config(SourceKind::H264File(path))).unwrap());
    (0..5).for_each(|_| _ = watched.unit());
    watched.stream.set_active(false);
    watched.stream.set_active(true);
    let unit = watched.unit();
    assert!(unit.keyframe);
    assert_eq!(Eye::new().see(&unit.data).unwrap().frame, 30);
}

#[test]
fn files_that_are_not_h264_are_refused_with_what_to_do() {
    let settings = settings(320, 180, 30, 500_000);
    let bytes = annex_b(&settings, 4, 100);
    let idr = bytes.windows(4).position(|code| code == [0, 0, 1, 0x65]).unwrap();
    let second = idr + 4 + bytes[idr + 4..].windows(4).position(|w| w == [0, 0, 0, 1]).unwrap();
    let no_idr = [&bytes[..idr - 1], &bytes[second..]].concat();
    let cases: [(Vec<u8>, &str); 4] = [
        (Vec::new(), "not an H.264 byte stream"),
        (b"\0\0\0\x18ftypisom and so on".to_vec(), "looks like MP4"),
        (vec![0; 5000], "not an H.264 byte stream"),
        (no_idr, "no IDR"),
    ];
    for (bytes, want) in cases {
        let error = H264File::parse(bytes, None).unwrap_err();
        assert!(error.contains(want), "{error}");
    }
    // Any cut and any flipped byte is a file or a refusal, never a panic.
    for n in 0..200 {
        let mut bent = bytes.clone();
        let at = n * 37 % bent.len();
        bent[at] ^= 1 << (n % 8);
        bent.truncate(bent.len() - n * 11);
        if let Ok(mut file) = H264File::parse(bent, None) {
            (0..9).for_each(|_| _ = file.read(&mut Vec::new()));
        }
    }
}

#[test]
fn files_of_x264_in_several_profiles_with_several_slices_are_cut_right() {
    let folder = Folder::new("x264");
    let path = folder.0.join("a.h264");
    for profile in ["baseline", "main", "high"] {
        let options = format!("slices=3:aud={}", u8::from(profile == "main"));
        let x264 = ["-frames:v", "60", "-c:v", "libx264", "-profile:v", profile, "-bf", "0"];
        let more = ["-g", "20", "-pix_fmt", "yuv420p", "-x264-params", &options];
        if !ffmpeg(&[&x264[..], &more].concat(), &path) {
            return;
        }
        let mut file = H264File::open(&path, None).unwrap();
        assert_eq!((file.size().width(), file.size().height()), (320, 240));
        assert_eq!(file.rate().per_1000s(), 25_000, "from its VUI");
        assert!(!file.rate_is_assumed());
        let mut eye = Eye::new();
        for n in 0..120 {
            let mut unit = Vec::new();
            let idr = file.read(&mut unit).unwrap();
            let slices = nal_types(&unit).iter().filter(|kind| matches!(kind, 1 | 5)).count();
            assert_eq!(slices, 3, "{profile} {n}");
            // x264 may cut scenes by IDRs of its own.
            assert!(idr || n % 20 != 0, "{profile} {n}");
            assert_eq!(idr, nal_types(&unit).contains(&7), "{profile} {n}");
            eye.see(&unit);
        }
        assert_eq!(eye.pictures, 120);
    }
}

#[test]
fn x264_files_that_browsers_cannot_follow_are_refused_with_the_option_to_change() {
    let folder = Folder::new("x264-bad");
    let path = folder.0.join("a.h264");
    let cases: [(&[&str], &str); 3] = [
        (&["-c:v", "libx264", "-bf", "2", "-pix_fmt", "yuv420p"], "-bf 0"),
        (&["-c:v", "libx264", "-bf", "0", "-pix_fmt", "yuv444p"], "yuv420p"),
        (&["-c:v", "libx264", "-bf", "0", "-flags", "+ildct", "-pix_fmt", "yuv420p"], "interlaced"),
    ];
    for (arguments, want) in cases {
        if !ffmpeg(&[&["-frames:v", "30"], arguments].concat(), &path) {
            return;
        }
        let error = H264File::open(&path, None).unwrap_err().to_string();
        assert!(error.contains(want), "{error}");
    }
}
