//! The OpenH264 back end, checked by decoding what it made.
#![allow(clippy::unwrap_used)]

mod common;

use common::{Eye, Pictures, nal_types, settings, stamp_of};
use pinhole_encoder::encoder::{Effect, EncodeError, Encoded, FrameControl};
use pinhole_encoder::frame::{Bgra, I420, Nv12, Plane};
use pinhole_encoder::{Content, Encoder, EncoderSettings, Frame, FrameRate, OpenH264, Size};

#[test]
fn every_stamp_is_read_back_from_the_decoded_picture_at_a_low_bitrate() {
    let mut pictures = Pictures::new(settings(640, 360, 30, 250_000));
    let mut eye = Eye::new();
    for n in 0..90 {
        let (_, unit) = pictures.encode(false);
        assert_eq!(eye.see(&unit), Some(stamp_of(&pictures.settings, n)), "picture {n}");
    }
}

#[test]
fn idrs_come_first_and_on_request_and_nowhere_else() {
    let mut pictures = Pictures::new(settings(640, 360, 30, 1_000_000));
    let wanted = [0, 17, 18, 150, 299];
    for n in 0..300 {
        let (encoded, unit) = pictures.encode(n > 0 && wanted.contains(&n));
        let idr = nal_types(&unit).contains(&5);
        assert_eq!(idr, wanted.contains(&n), "picture {n}");
        assert_eq!(encoded == Encoded::Idr, idr, "picture {n}");
        if idr {
            assert_eq!(nal_types(&unit)[..2], [7, 8], "parameter sets before IDR {n}");
        }
    }
}

#[test]
fn a_hard_cut_makes_no_idr() {
    let settings = settings(640, 360, 30, 1_000_000);
    let mut encoder = OpenH264::new(&settings).unwrap();
    for n in 0..60u8 {
        let mut picture = I420::black(settings.size);
        let level = if n / 20 % 2 == 0 { 40 } else { 210 };
        let [luma, ..] = picture.planes_mut();
        for (at, sample) in luma.bytes_mut().iter_mut().enumerate() {
            *sample = level - (at * usize::from(n / 20 + 1) / 7 % 20) as u8;
        }
        let control = FrameControl { force_idr: false, at: settings.rate.due(n.into()) };
        let encoded = encoder.encode(&Frame::I420(picture), control, &mut Vec::new()).unwrap();
        assert_eq!(encoded == Encoded::Idr, n == 0, "picture {n}");
    }
}

/// Bits per second over some pictures.
fn rate_over(pictures: &mut Pictures, count: u32) -> f64 {
    let bytes: usize = (0..count)
        .map(|_| {
            let (encoded, unit) = pictures.encode(false);
            assert_eq!(encoded, Encoded::Delta);
            unit.len()
        })
        .sum();
    let seconds = f64::from(count) / f64::from(pictures.settings.rate.as_f32());
    bytes as f64 * 8.0 / seconds
}

#[test]
fn the_bitrate_is_held_within_15_percent() {
    let cases = [
        (Content::Camera, 600_000, 1),
        (Content::Camera, 1_500_000, 1),
        (Content::Camera, 1_500_000, 2),
        (Content::Screen, 1_000_000, 1),
    ];
    for (content, bitrate, threads) in cases {
        let settings = EncoderSettings { threads, content, ..settings(640, 360, 30, bitrate) };
        let mut pictures = Pictures::new(settings);
        pictures.encode(false);
        rate_over(&mut pictures, 59);
        let rate = rate_over(&mut pictures, 150) / f64::from(bitrate);
        assert!((0.85..1.15).contains(&rate), "{rate} of {settings:?}");
    }
}

#[test]
fn a_lower_bitrate_takes_effect_within_a_second_without_an_idr() {
    let mut pictures = Pictures::new(settings(1280, 720, 30, 4_000_000));
    pictures.encode(false);
    let before = rate_over(&mut pictures, 90);
    let lower = EncoderSettings { bitrate: 1_000_000, ..pictures.settings };

    assert_eq!(pictures.encoder.reconfigure(&lower), Ok(Effect::Seamless));

    rate_over(&mut pictures, 30);
    let after = rate_over(&mut pictures, 60);
    assert!((3.4e6..4.6e6).contains(&before), "before: {before}");
    assert!((0.8e6..1.2e6).contains(&after), "after: {after}");
}

#[test]
fn another_frame_rate_is_seamless_within_the_level_and_an_idr_beyond() {
    let mut pictures = Pictures::new(settings(640, 360, 30, 1_000_000));
    pictures.encode(false);
    let level = pictures.encoder.profile_level_id();
    let slower = EncoderSettings { rate: FrameRate::per_second(15).unwrap(), ..pictures.settings };
    assert_eq!(pictures.encoder.reconfigure(&slower), Ok(Effect::Seamless));
    assert_eq!(pictures.encode(false).0, Encoded::Delta);

    let faster = EncoderSettings { rate: FrameRate::per_second(60).unwrap(), ..pictures.settings };
    assert_eq!(pictures.encoder.reconfigure(&faster), Ok(Effect::NextIsIdr));
    assert_eq!(pictures.encode(false).0, Encoded::Idr);
    assert_eq!(pictures.encode(false).0, Encoded::Delta);
    assert!(pictures.encoder.profile_level_id()[2] > level[2]);
}

#[test]
fn another_size_is_an_idr_of_that_size_and_a_refused_one_changes_nothing() {
    let mut pictures = Pictures::new(settings(640, 360, 30, 1_000_000));
    let mut eye = Eye::new();
    eye.see(&pictures.encode(false).1);
    let too_fast = EncoderSettings {
        size: Size::new(3840, 2160).unwrap(),
        rate: FrameRate::per_second(240).unwrap(),
        ..pictures.settings
    };
    assert!(matches!(pictures.encoder.reconfigure(&too_fast), Err(EncodeError::Unsupported(_))));
    let (encoded, unit) = pictures.encode(false);
    assert_eq!(encoded, Encoded::Delta);
    eye.see(&unit);

    let smaller = settings(320, 180, 30, 1_000_000);
    assert_eq!(pictures.encoder.reconfigure(&smaller), Ok(Effect::NextIsIdr));
    let wrong = pictures.picture();
    let control = FrameControl { force_idr: false, at: smaller.rate.due(9) };
    let refused = pictures.encoder.encode(&Frame::I420(wrong), control, &mut Vec::new());
    assert!(matches!(refused, Err(EncodeError::WrongSize { .. })));
    let mut small = Pictures::new(smaller);
    std::mem::swap(&mut small.encoder, &mut pictures.encoder);
    let (encoded, unit) = small.encode(false);
    assert_eq!(encoded, Encoded::Idr);
    assert!(eye.see(&unit).is_some());
    assert_eq!(eye.size, (320, 180));
}

#[test]
fn slices_and_threads_give_the_same_pictures() {
    for threads in [1, 2, 4] {
        let settings = EncoderSettings { threads, ..settings(640, 480, 30, 1_000_000) };
        let mut pictures = Pictures::new(settings);
        let mut eye = Eye::new();
        for n in 0..60 {
            let (_, unit) = pictures.encode(n == 30);
            let slices = nal_types(&unit).iter().filter(|kind| matches!(kind, 1 | 5)).count();
            assert_eq!(slices, usize::from(threads), "picture {n}");
            assert_eq!(eye.see(&unit), Some(stamp_of(&settings, n)), "{threads} threads, {n}");
        }
        assert_eq!(eye.pictures, 60);
    }
}

#[test]
fn the_profile_is_constrained_baseline_and_the_level_fits_size_and_rate() {
    let cases = [
        ((1280, 720), 30, 3_000_000, 31),
        ((1280, 720), 60, 3_000_000, 32),
        ((720, 1280), 30, 3_000_000, 31),
        ((1920, 1080), 60, 8_000_000, 42),
        ((640, 360), 30, 1_000_000, 30),
        ((3840, 2160), 30, 12_000_000, 51),
    ];
    for ((width, height), fps, bitrate, level) in cases {
        let encoder = OpenH264::new(&settings(width, height, fps, bitrate)).unwrap();
        let [profile, flags, got] = encoder.profile_level_id();
        assert_eq!((profile, flags & 0xc0, got), (66, 0xc0, level), "{width}x{height} {fps}");
    }
}

#[test]
fn the_sps_promised_is_the_one_sent() {
    let mut pictures = Pictures::new(settings(1280, 720, 30, 3_000_000));
    let promised = pictures.encoder.profile_level_id();
    let (_, unit) = pictures.encode(false);
    let sps = unit.windows(4).position(|code| code == [0, 0, 1, 0x67]).unwrap();
    assert_eq!(unit[sps + 4..sps + 7], promised);
}

#[test]
fn nv12_and_bgra_are_converted() {
    let settings = settings(640, 360, 30, 2_000_000);
    let (width, height) = (640, 360);
    let mut pictures = Pictures::new(settings);
    let picture = pictures.picture();
    let [y, u, v] = picture.planes();
    let pairs = u.bytes().iter().zip(v.bytes()).flat_map(|(&u, &v)| [u, v]).collect();
    let planes = [Plane::new(y.bytes().to_vec(), width), Plane::new(pairs, width)];
    let nv12 = Frame::Nv12(Nv12::new(settings.size, planes).unwrap());
    let grey = y.bytes().iter().flat_map(|&y| {
        let level = ((f32::from(y) - 16.0) * 255.0 / 219.0).clamp(0.0, 255.0) as u8;
        [level, level, level, 255]
    });
    let bgra = Bgra::new(settings.size, Plane::new(grey.collect(), width * 4)).unwrap();
    assert_eq!(y.bytes().len(), width * height);

    for frame in [nv12, Frame::Bgra(bgra)] {
        let mut unit = Vec::new();
        let control = FrameControl { force_idr: true, at: settings.rate.due(0) };
        pictures.encoder.encode(&frame, control, &mut unit).unwrap();
        assert_eq!(Eye::new().see(&unit), Some(stamp_of(&settings, 0)), "{:?}", frame.format());
    }
}

#[test]
fn what_cannot_be_encoded_is_refused_with_a_reason() {
    let low = OpenH264::new(&settings(640, 360, 30, 10_000)).err().unwrap();
    let high = OpenH264::new(&settings(640, 360, 30, 90_000_000)).err().unwrap();
    let fast = OpenH264::new(&settings(3840, 2160, 240, 1_000_000)).err().unwrap();
    assert!(low.to_string().contains("50000"), "{low}");
    assert!(high.to_string().contains("40000000"), "{high}");
    assert!(fast.to_string().contains("level 5.2"), "{fast}");
}

#[test]
fn the_line_for_people_says_whether_assembly_is_in() {
    let settings = EncoderSettings { threads: 2, ..settings(640, 480, 30, 1_000_000) };
    let line = OpenH264::new(&settings).unwrap().describe();
    assert!(line.starts_with("OpenH264 2."), "{line}");
    assert!(line.contains("2 threads"), "{line}");
    assert_eq!(line.contains("install nasm"), !OpenH264::has_assembly(), "{line}");
}
