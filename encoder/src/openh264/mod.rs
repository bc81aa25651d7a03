//! The back end that is always there: Cisco's OpenH264 on the CPU.
//!
//! Constrained Baseline, one reference, no B pictures; IDRs only where asked for. Pictures are cut into
//! as many slices as threads, because threads without slices do nothing. Bitrate and frame rate change
//! without an IDR as long as the level stays; a change of size or level starts the library anew.
//!
//! Screen content brings one exception that the library does not let us turn off: a change of scene
//! makes an IDR there, marked as a keyframe like any other.

pub(crate) mod level;
mod library;
mod raw;

pub use library::{LibraryError, OpenH264Library};

use std::ffi::c_int;

use openh264_sys2::{
    CAMERA_VIDEO_REAL_TIME, CONSTANT_ID, DEBLOCKING_IDC_0, LOW_COMPLEXITY, PRO_BASELINE,
    RC_BITRATE_MODE, SCREEN_CONTENT_REAL_TIME, SEncParamExt, SM_FIXEDSLCNUM_SLICE, SM_SINGLE_SLICE,
};

use crate::annexb;
use crate::config::Content;
use crate::encoder::{
    Capabilities, Effect, EncodeError, Encoded, Encoder, EncoderSettings, FrameControl,
};
use crate::frame::{Frame, I420, PixelFormat, to_i420};

/// The OpenH264 encoder.
pub struct OpenH264 {
    raw: raw::Raw,
    library: OpenH264Library,
    settings: EncoderSettings,
    level: u8,
    profile_level_id: [u8; 3],
    /// Holds frames that came in another format; made when the first one comes.
    converted: Option<I420>,
}

impl OpenH264 {
    /// Least bitrate, in bits per second.
    pub const BITRATE_MIN: u32 = 50_000;
    /// Greatest bitrate: the library computes its buffers, half a second of bits times 100, in 32 bits.
    pub const BITRATE_MAX: u32 = 40_000_000;
    /// Most threads and slices for one picture.
    pub const THREADS_MAX: u16 = 4;

    /// Starts an encoder of the library that is built in.
    pub fn new(settings: &EncoderSettings) -> Result<OpenH264, EncodeError> {
        OpenH264::with_library(&OpenH264Library::built_in(), settings)
    }

    /// Starts an encoder of a library.
    pub fn with_library(
        library: &OpenH264Library,
        settings: &EncoderSettings,
    ) -> Result<OpenH264, EncodeError> {
        let level = check(settings)?;
        let mut raw = raw::Raw::new(library.api(), |params| fill(params, settings, level))?;
        let mut sets = Vec::new();
        raw.parameter_sets(&mut sets)?;
        let sps = annexb::first_sps(&sets)
            .ok_or_else(|| EncodeError::BackEnd("OpenH264 wrote no readable SPS".into()))?;
        tracing::debug!(
            size = %settings.size, rate = %settings.rate, bitrate = settings.bitrate,
            profile_level_id = ?sps.profile_level_id, "openh264 started"
        );
        Ok(OpenH264 {
            raw,
            library: library.clone(),
            settings: *settings,
            level,
            profile_level_id: sps.profile_level_id,
            converted: None,
        })
    }

    /// Says whether the library that is built in was built with its assembly, without which it is about 3 times slower.
    #[must_use]
    pub fn has_assembly() -> bool {
        raw::has_assembly()
    }

    fn restart(&mut self, settings: &EncoderSettings) -> Result<Effect, EncodeError> {
        // Made before the old one goes, so that after an error the old one is still in force.
        let next = OpenH264::with_library(&self.library, settings)?;
        *self = OpenH264 { converted: self.converted.take(), ..next };
        Ok(Effect::NextIsIdr)
    }
}

impl Encoder for OpenH264 {
    fn describe(&self) -> String {
        let threads = match threads(&self.settings) {
            1 => "1 thread".to_owned(),
            n => format!("{n} threads"),
        };
        let library = self.library.describe();
        if !self.library.is_built_in() {
            format!("{library}, {threads}")
        } else if Self::has_assembly() {
            format!("{library}, assembly, {threads}")
        } else {
            format!(
                "{library}, WITHOUT assembly, {threads}: about 3 times slower than it could \
                 be; install nasm and rebuild (cargo clean -p openh264-sys2)"
            )
        }
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            inputs: &[PixelFormat::I420],
            slices: slices(&self.settings),
            seamless_rate: true,
        }
    }

    fn profile_level_id(&self) -> [u8; 3] {
        self.profile_level_id
    }

    fn encode(
        &mut self,
        frame: &Frame,
        control: FrameControl,
        out: &mut Vec<u8>,
    ) -> Result<Encoded, EncodeError> {
        self.settings.check_size(frame)?;
        let picture = match frame {
            Frame::I420(picture) => picture,
            other => {
                let size = self.settings.size;
                let into = self.converted.get_or_insert_with(|| I420::black(size));
                if into.size() != size {
                    *into = I420::black(size);
                }
                if !to_i420(other, into) {
                    let text = format!("a {:?} picture could not be converted", other.format());
                    return Err(EncodeError::BackEnd(text));
                }
                into
            }
        };
        if control.force_idr {
            self.raw.force_idr()?;
        }
        let before = out.len();
        let at_ms = i64::try_from(control.at.as_millis()).unwrap_or(i64::MAX);
        self.raw.encode(picture, at_ms, out)?;
        Ok(match &out[before..] {
            [] => Encoded::Skipped,
            unit if annexb::has_idr(unit) => Encoded::Idr,
            _ => Encoded::Delta,
        })
    }

    fn reconfigure(&mut self, settings: &EncoderSettings) -> Result<Effect, EncodeError> {
        let level = check(settings)?;
        let same =
            EncoderSettings { rate: settings.rate, bitrate: settings.bitrate, ..self.settings };
        // A level higher than needed stays: it only says what a decoder must be ready for.
        if same != *settings || level > self.level {
            return self.restart(settings);
        }
        if settings.bitrate != self.settings.bitrate {
            self.raw.set_bitrate(bits(settings))?;
        }
        if settings.rate != self.settings.rate {
            self.raw.set_frame_rate(settings.rate.as_f32())?;
        }
        self.settings = *settings;
        Ok(Effect::Seamless)
    }
}

/// Refuses what the library cannot do, and says which level the rest needs.
fn check(settings: &EncoderSettings) -> Result<u8, EncodeError> {
    let (min, max) = (OpenH264::BITRATE_MIN, OpenH264::BITRATE_MAX);
    if !(min..=max).contains(&settings.bitrate) {
        let bitrate = settings.bitrate;
        let text = format!("a bitrate of {bitrate} bit/s is outside of {min} to {max}");
        return Err(EncodeError::Unsupported(text));
    }
    level::lowest(settings).ok_or_else(|| {
        let EncoderSettings { size, rate, .. } = settings;
        EncodeError::Unsupported(format!(
            "{size} at {rate} frames a second is beyond H.264 level 5.2"
        ))
    })
}

fn bits(settings: &EncoderSettings) -> c_int {
    // At most BITRATE_MAX, which fits.
    settings.bitrate.min(OpenH264::BITRATE_MAX) as c_int
}

/// Pictures smaller than this are not worth sharing out.
const SHARED_MACROBLOCKS_MIN: u32 = 400;

fn threads(settings: &EncoderSettings) -> u16 {
    if settings.size.macroblocks() < SHARED_MACROBLOCKS_MIN {
        return 1;
    }
    settings.threads.clamp(1, OpenH264::THREADS_MAX)
}

/// One slice a thread. Screens get two at least: with one, the library's rate control for them was
/// measured to overshoot by half for good where all the bits fall into one part of the picture.
fn slices(settings: &EncoderSettings) -> u16 {
    let large = settings.size.macroblocks() >= SHARED_MACROBLOCKS_MIN;
    match settings.content {
        Content::Screen if large => threads(settings).max(2),
        Content::Screen | Content::Camera => threads(settings),
    }
}

fn fill(params: &mut SEncParamExt, settings: &EncoderSettings, level: u8) {
    const BT709: u8 = 1;
    // Bounded by `Size`.
    let (width, height) = (settings.size.width() as c_int, settings.size.height() as c_int);
    let (bitrate, rate) = (bits(settings), settings.rate.as_f32());
    let slices = slices(settings);

    params.iUsageType = match settings.content {
        Content::Camera => CAMERA_VIDEO_REAL_TIME,
        Content::Screen => SCREEN_CONTENT_REAL_TIME,
    };
    params.iPicWidth = width;
    params.iPicHeight = height;
    params.fMaxFrameRate = rate;
    params.iTargetBitrate = bitrate;
    params.iRCMode = RC_BITRATE_MODE;
    // A skipped frame is a visible stutter; the quantizer has to hold the rate.
    params.bEnableFrameSkip = false;
    // Given as 0, the library narrows the range to 42, or 35 for screens, and overshoots for good.
    (params.iMinQp, params.iMaxQp) = (12, 51);
    params.iComplexityMode = LOW_COMPLEXITY;
    // Infinite: IDRs come on request.
    params.uiIntraPeriod = 0;
    params.bEnableSceneChangeDetect = false;
    params.eSpsPpsIdStrategy = CONSTANT_ID;
    params.iEntropyCodingModeFlag = 0;
    params.iLoopFilterDisableIdc = DEBLOCKING_IDC_0;
    params.iSpatialLayerNum = 1;
    params.iTemporalLayerNum = 1;
    params.iMultipleThreadIdc = threads(settings);

    let layer = &mut params.sSpatialLayers[0];
    layer.iVideoWidth = width;
    layer.iVideoHeight = height;
    layer.fFrameRate = rate;
    layer.iSpatialBitrate = bitrate;
    layer.uiProfileIdc = PRO_BASELINE;
    layer.uiLevelIdc = c_int::from(level);
    layer.sSliceArgument.uiSliceMode =
        if slices > 1 { SM_FIXEDSLCNUM_SLICE } else { SM_SINGLE_SLICE };
    layer.sSliceArgument.uiSliceNum = u32::from(slices);
    layer.bVideoSignalTypePresent = true;
    layer.bFullRange = settings.full_range;
    layer.bColorDescriptionPresent = true;
    layer.uiColorPrimaries = BT709;
    layer.uiTransferCharacteristics = BT709;
    layer.uiColorMatrix = BT709;
}
