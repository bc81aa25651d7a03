//! The back end on a device that is none: OpenH264 in its place, with the habits of gpu-video and of drivers.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::*;
use crate::annexb::{Sps, first_sps, unescape};
use crate::config::Content;
use crate::frame::{FrameRate, I420, Size};
use crate::openh264::OpenH264;

/// What its drivers do, and what they were asked.
#[derive(Clone, Default)]
struct Fake {
    started: Arc<Mutex<Vec<EncoderSettings>>>,
    refuses: Arc<AtomicU32>,
    /// From which picture after an IDR on the number is one too high; 0 for never.
    misnumbers: u32,
    /// Puts its own parameter sets before each IDR all the same.
    inline: bool,
}

struct FakeEngine {
    real: OpenH264,
    sets: (Vec<u8>, Vec<u8>),
    frame: Option<Frame>,
    since_idr: u32,
    fake: Fake,
}

impl Device for Fake {
    fn name(&self) -> &str {
        "fake GPU"
    }

    fn start(&self, settings: &EncoderSettings) -> Result<Box<dyn Engine>, EncodeError> {
        if self.refuses.load(Ordering::SeqCst) > 0 {
            return Err(EncodeError::BackEnd("no session left".into()));
        }
        self.started.lock().unwrap().push(*settings);
        let mut first = Vec::new();
        let control = FrameControl { force_idr: true, at: Duration::ZERO };
        let black = Frame::I420(I420::black(settings.size));
        OpenH264::new(settings)?.encode(&black, control, &mut first)?;
        let mut sps = unescape(only(&first, nal_type::SPS).unwrap());
        sps[1..4].copy_from_slice(&[66, 0x04, 41]);
        let pps = only(&first, nal_type::PPS).unwrap();
        let sets = [&[0, 0, 1][..], &crate::annexb::escape(&sps)].concat();
        let sets = (sets, [&[0, 0, 1][..], pps].concat());
        let real = OpenH264::new(settings)?;
        let (frame, since_idr, fake) = (None, 0, self.clone());
        Ok(Box::new(FakeEngine { real, sets, frame, since_idr, fake }))
    }
}

impl Engine for FakeEngine {
    fn parameter_sets(&mut self) -> Result<(Vec<u8>, Vec<u8>), EncodeError> {
        Ok(self.sets.clone())
    }

    fn take(&mut self, frame: &Frame) -> bool {
        self.frame = Some(frame.clone());
        true
    }

    fn encode(&mut self, force_idr: bool) -> Result<Vec<u8>, EncodeError> {
        let mut all = Vec::new();
        let control = FrameControl { force_idr, at: Duration::ZERO };
        let encoded = self.real.encode(self.frame.as_ref().unwrap(), control, &mut all)?;
        self.since_idr = if encoded == Encoded::Idr { 0 } else { self.since_idr + 1 };
        if self.fake.misnumbers > 0 && self.since_idr == self.fake.misnumbers {
            // Loses one, so that the next has the number after next.
            all.clear();
            self.real.encode(self.frame.as_ref().unwrap(), control, &mut all)?;
        }
        let keeps = |nal: &&[u8]| self.fake.inline || !matches!(type_of(nal), 7 | 8);
        let nals = nal_units(&all).map(|range| &all[range]).filter(keeps);
        Ok(nals.flat_map(|nal| [&[0, 0, 1][..], nal].concat()).collect())
    }
}

fn settings(bitrate: u32) -> EncoderSettings {
    EncoderSettings {
        size: Size::new(640, 360).unwrap(),
        rate: FrameRate::per_second(30).unwrap(),
        bitrate,
        content: Content::Camera,
        full_range: false,
        threads: 1,
    }
}

fn encode(encoder: &mut VulkanVideo, force_idr: bool) -> (Encoded, Vec<u8>) {
    let frame = Frame::I420(I420::black(encoder.settings.size));
    let control = FrameControl { force_idr, at: Duration::ZERO };
    let mut out = Vec::new();
    let encoded = encoder.encode(&frame, control, &mut out).unwrap();
    (encoded, out)
}

/// Decodes; how many pictures came of it.
fn decoded(units: &[Vec<u8>]) -> usize {
    let mut decoder = openh264::decoder::Decoder::new().unwrap();
    units.iter().filter(|unit| decoder.decode(unit).unwrap().is_some()).count()
}

fn types(unit: &[u8]) -> Vec<u8> {
    nal_units(unit).map(|range| type_of(&unit[range])).collect()
}

#[test]
fn each_idr_begins_with_the_rewritten_sets_and_nothing_of_the_drivers() {
    for inline in [false, true] {
        let fake = Fake { inline, ..Fake::default() };
        let mut encoder = VulkanVideo::on(Box::new(fake), &settings(1_000_000)).unwrap();
        assert_eq!(encoder.profile_level_id(), [0x42, 0xc0, 30]);
        assert_eq!(encoder.describe(), "Vulkan Video on fake GPU, Constrained Baseline");
        let units: Vec<_> = (0..10).map(|n| encode(&mut encoder, n == 5)).collect();
        for (n, (encoded, unit)) in units.iter().enumerate() {
            let idr = n == 0 || n == 5;
            assert_eq!(*encoded == Encoded::Idr, idr, "{n}");
            assert_eq!(types(unit), if idr { vec![7, 8, 5] } else { vec![1] }, "{n}");
        }
        let sps: Sps = first_sps(&units[5].1).unwrap();
        assert_eq!(sps.profile_level_id, encoder.profile_level_id());
        let units: Vec<_> = units.into_iter().map(|(_, unit)| unit).collect();
        assert_eq!(decoded(&units), 10);
    }
}

#[test]
fn a_bitrate_far_below_starts_anew_at_once_and_one_above_waits() {
    let fake = Fake::default();
    let started = Arc::clone(&fake.started);
    let rates = || started.lock().unwrap().iter().map(|it| it.bitrate).collect::<Vec<_>>();
    let mut encoder = VulkanVideo::on(Box::new(fake), &settings(2_000_000)).unwrap();
    let mut units = vec![encode(&mut encoder, false).1];
    let far = encoder.reconfigure(&settings(500_000)).unwrap();
    assert_eq!((far, rates()), (Effect::NextIsIdr, vec![2_000_000, 441_344]));
    let (encoded, unit) = encode(&mut encoder, false);
    assert_eq!(encoded, Encoded::Idr);
    units.push(unit);

    assert_eq!(encoder.reconfigure(&settings(2_000_000)).unwrap(), Effect::Seamless);
    let (encoded, unit) = encode(&mut encoder, false);
    assert_eq!((encoded, rates().len()), (Encoded::Delta, 2));
    units.push(unit);
    // An IDR that is due anyway takes the step with it.
    let (encoded, unit) = encode(&mut encoder, true);
    assert_eq!((encoded, rates()), (Encoded::Idr, vec![2_000_000, 441_344, 622_592]));
    units.push(unit);
    assert_eq!(decoded(&units), 4);
}

#[test]
fn another_size_starts_anew_and_a_refusal_leaves_the_old_one_in_force() {
    let fake = Fake::default();
    let refuses = Arc::clone(&fake.refuses);
    let mut encoder = VulkanVideo::on(Box::new(fake), &settings(1_000_000)).unwrap();
    encode(&mut encoder, false);
    let small = EncoderSettings { size: Size::new(320, 180).unwrap(), ..settings(1_000_000) };
    refuses.store(1, Ordering::SeqCst);
    assert!(encoder.reconfigure(&small).is_err());
    assert_eq!(encode(&mut encoder, false).0, Encoded::Delta);
    // A bitrate is not worth an error.
    assert_eq!(encoder.reconfigure(&settings(100_000)).unwrap(), Effect::Seamless);
    assert_eq!(encode(&mut encoder, false).0, Encoded::Delta);
    refuses.store(0, Ordering::SeqCst);
    assert_eq!(encoder.reconfigure(&small).unwrap(), Effect::NextIsIdr);
    let (encoded, unit) = encode(&mut encoder, false);
    assert_eq!(encoded, Encoded::Idr);
    let sps = first_sps(&unit).unwrap();
    assert_eq!((sps.width, sps.height), (320, 180));
}

#[test]
fn a_picture_that_is_numbered_wrong_is_made_again_as_an_idr() {
    let fake = Fake { misnumbers: 7, ..Fake::default() };
    let mut encoder = VulkanVideo::on(Box::new(fake), &settings(1_000_000)).unwrap();
    let units: Vec<_> = (0..20).map(|_| encode(&mut encoder, false)).collect();
    let idrs: Vec<usize> = (0..20).filter(|&n| units[n].0 == Encoded::Idr).collect();
    assert_eq!(idrs, [0, 7, 14]);
    let units: Vec<_> = units.into_iter().map(|(_, unit)| unit).collect();
    assert_eq!(decoded(&units), 20);
}
