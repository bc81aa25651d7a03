//! The binding to OpenH264, built in or loaded: every `unsafe` call to it, behind a type that cannot be misused.
//!
//! The `openh264` crate has a safe encoder, but it cannot set a number of slices, without which two
//! threads do nothing, nor change bitrate and frame rate without an IDR, and it raises the log level
//! only after start-up has printed. So this speaks to `openh264-sys2`, on which that crate stands too.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::path::Path;
use std::ptr::null_mut;
use std::sync::Arc;

use openh264_sys2::{
    API, DynamicAPI, ENCODER_OPTION, ENCODER_OPTION_BITRATE, ENCODER_OPTION_FRAME_RATE,
    ENCODER_OPTION_TRACE_CALLBACK, ENCODER_OPTION_TRACE_LEVEL, ISVCEncoder, ISVCEncoderVtbl,
    OpenH264Version, SBitrateInfo, SEncParamExt, SFrameBSInfo, SPATIAL_LAYER_ALL, SSourcePicture,
    WELS_LOG_WARNING, WelsTraceCallback, videoFormatI420,
};

use crate::encoder::EncodeError;
use crate::frame::I420;

/// An initialised encoder of the library.
pub(super) struct Raw {
    /// From WelsCreateSVCEncoder, not null, ours alone until `drop`.
    encoder: *mut ISVCEncoder,
    /// Whose encoder it is: it stays loaded for as long.
    api: Arc<DynamicAPI>,
    initialised: bool,
    /// Large (8 kB), so it is kept on the heap and reused.
    info: Box<SFrameBSInfo>,
}

// SAFETY: the library keeps no thread-local state for an encoder, and `Raw` is the only holder of the
// pointer, so it may be used from whichever thread owns it.
unsafe impl Send for Raw {}

impl Raw {
    /// Creates an encoder, lets `fill` set parameters over the library's defaults, and starts it.
    pub(super) fn new(
        api: &Arc<DynamicAPI>,
        fill: impl FnOnce(&mut SEncParamExt),
    ) -> Result<Raw, EncodeError> {
        let mut encoder: *mut ISVCEncoder = null_mut();
        // SAFETY: the out-pointer is valid for the call.
        let code = unsafe { api.WelsCreateSVCEncoder(&raw mut encoder) };
        if code != 0 || encoder.is_null() {
            return Err(failed("create an encoder", code));
        }
        let api = Arc::clone(api);
        let mut raw = Raw { encoder, api, initialised: false, info: Box::default() };
        raw.quieten()?;
        let mut params = SEncParamExt::default();
        let defaults = raw.function("GetDefaultParams", |table| table.GetDefaultParams)?;
        // SAFETY: `encoder` is live; `params` is valid for writing.
        check("read the defaults", unsafe { defaults(raw.encoder, &raw mut params) })?;
        fill(&mut params);
        let initialize = raw.function("InitializeExt", |table| table.InitializeExt)?;
        // SAFETY: `encoder` is live and not initialised yet; the library copies the parameters.
        check("take these settings", unsafe { initialize(raw.encoder, &raw const params) })?;
        raw.initialised = true;
        Ok(raw)
    }

    /// Makes the next picture an IDR.
    pub(super) fn force_idr(&mut self) -> Result<(), EncodeError> {
        let force = self.function("ForceIntraFrame", |table| table.ForceIntraFrame)?;
        // SAFETY: the encoder is live and initialised.
        check("force an IDR", unsafe { force(self.encoder, true) })
    }

    /// Sets the bitrate, in bits per second, without an IDR.
    pub(super) fn set_bitrate(&mut self, bitrate: c_int) -> Result<(), EncodeError> {
        let mut info = SBitrateInfo { iLayer: SPATIAL_LAYER_ALL, iBitrate: bitrate };
        // SAFETY: this option reads one SBitrateInfo.
        unsafe { self.set(ENCODER_OPTION_BITRATE, (&raw mut info).cast(), "set the bitrate") }
    }

    /// Sets the frame rate without an IDR.
    pub(super) fn set_frame_rate(&mut self, mut rate: f32) -> Result<(), EncodeError> {
        // SAFETY: this option reads one float.
        unsafe { self.set(ENCODER_OPTION_FRAME_RATE, (&raw mut rate).cast(), "set the rate") }
    }

    /// Appends SPS and PPS, as the next IDR will carry them.
    pub(super) fn parameter_sets(&mut self, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        let sets = self.function("EncodeParameterSets", |table| table.EncodeParameterSets)?;
        // SAFETY: the encoder is live and initialised; `info` is valid for writing.
        check("write parameter sets", unsafe { sets(self.encoder, &raw mut *self.info) })?;
        self.append(out);
        Ok(())
    }

    /// Encodes one picture of the size of the settings, and appends what came out.
    pub(super) fn encode(
        &mut self,
        frame: &I420,
        at_ms: i64,
        out: &mut Vec<u8>,
    ) -> Result<(), EncodeError> {
        let [y, u, v] = frame.planes();
        // Strides and sides fit: `Size` bounds the picture, and 2^31 bytes a row would not fit memory.
        let stride = |plane: &crate::frame::Plane| plane.stride() as c_int;
        let picture = SSourcePicture {
            iColorFormat: videoFormatI420,
            iStride: [stride(y), stride(u), stride(v), 0],
            pData: [
                y.bytes().as_ptr().cast_mut(),
                u.bytes().as_ptr().cast_mut(),
                v.bytes().as_ptr().cast_mut(),
                null_mut(),
            ],
            iPicWidth: frame.size().width() as c_int,
            iPicHeight: frame.size().height() as c_int,
            uiTimeStamp: at_ms,
            bPsnrY: false,
            bPsnrU: false,
            bPsnrV: false,
        };
        let encode = self.function("EncodeFrame", |table| table.EncodeFrame)?;
        // SAFETY: the encoder is live and initialised. The planes are as long as `I420` checked, live
        // until the call returns, and only read: the library copies them before it does anything else.
        let code = unsafe { encode(self.encoder, &raw const picture, &raw mut *self.info) };
        check("encode a picture", code)?;
        self.append(out);
        Ok(())
    }

    /// Copies the NAL units that `info` points to.
    fn append(&self, out: &mut Vec<u8>) {
        let layers = usize::try_from(self.info.iLayerNum).unwrap_or(0);
        for layer in self.info.sLayerInfo.iter().take(layers) {
            let count = usize::try_from(layer.iNalCount).unwrap_or(0);
            if count == 0 || layer.pBsBuf.is_null() || layer.pNalLengthInByte.is_null() {
                continue;
            }
            // SAFETY: after a successful call the library guarantees `iNalCount` lengths there, valid
            // until its next call, which needs `&mut self`.
            let lengths = unsafe { std::slice::from_raw_parts(layer.pNalLengthInByte, count) };
            let bytes = lengths.iter().map(|&n| usize::try_from(n).unwrap_or(0)).sum();
            // SAFETY: likewise, the NAL units of a layer lie one after the other from `pBsBuf` on.
            out.extend_from_slice(unsafe { std::slice::from_raw_parts(layer.pBsBuf, bytes) });
        }
    }

    /// Sends the library's messages to our log. It would print them, from start-up on.
    fn quieten(&mut self) -> Result<(), EncodeError> {
        let mut level: c_int = WELS_LOG_WARNING as c_int;
        let mut callback: WelsTraceCallback = Some(log);
        // SAFETY: this option reads one function pointer, and `log` lives for ever.
        unsafe {
            self.set(ENCODER_OPTION_TRACE_CALLBACK, (&raw mut callback).cast(), "take a logger")?;
        }
        // SAFETY: this option reads one int.
        unsafe {
            self.set(ENCODER_OPTION_TRACE_LEVEL, (&raw mut level).cast(), "set the log level")
        }
    }

    /// # Safety
    /// `value` must point to what `option` reads.
    unsafe fn set(
        &mut self,
        option: ENCODER_OPTION,
        value: *mut c_void,
        what: &str,
    ) -> Result<(), EncodeError> {
        let set = self.function("SetOption", |table| table.SetOption)?;
        // SAFETY: the encoder is live; the caller vouches for `value`.
        check(what, unsafe { set(self.encoder, option, value) })
    }

    /// Looks a function up in the encoder's table.
    fn function<F>(
        &self,
        name: &str,
        pick: impl FnOnce(&ISVCEncoderVtbl) -> Option<F>,
    ) -> Result<F, EncodeError> {
        // SAFETY: a created encoder starts with a pointer to its table, and both live until `drop`.
        let table = unsafe { &**self.encoder };
        pick(table).ok_or_else(|| EncodeError::BackEnd(format!("OpenH264 has no {name}")))
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        if self.initialised
            && let Ok(uninitialize) = self.function("Uninitialize", |table| table.Uninitialize)
        {
            // SAFETY: the encoder is live and initialised, and nothing uses it afterwards.
            unsafe { uninitialize(self.encoder) };
        }
        // SAFETY: created by WelsCreateSVCEncoder, destroyed once, here.
        unsafe { self.api.WelsDestroySVCEncoder(self.encoder) };
    }
}

/// Loads a library without asking what it is.
pub(super) fn load(path: &Path) -> Result<DynamicAPI, openh264_sys2::Error> {
    // SAFETY: the caller has checked its SHA-256 against one that somebody vouches for, and checks the
    // version next, so that the functions are those that the bindings were made for.
    unsafe { DynamicAPI::from_blob_path_unchecked(path) }
}

/// Which of the functions that are called here a library lacks: the bindings would panic.
pub(super) fn missing(api: &DynamicAPI) -> Option<&'static str> {
    let DynamicAPI::Libloading(library) = api else { return None };
    [
        ("WelsCreateSVCEncoder", library.WelsCreateSVCEncoder.is_ok()),
        ("WelsDestroySVCEncoder", library.WelsDestroySVCEncoder.is_ok()),
        ("WelsGetCodecVersionEx", library.WelsGetCodecVersionEx.is_ok()),
    ]
    .into_iter()
    .find_map(|(name, is_there)| (!is_there).then_some(name))
}

/// The version of the library, as "2.6.0".
pub(super) fn version(api: &DynamicAPI) -> String {
    let mut version = OpenH264Version::default();
    // SAFETY: the out-pointer is valid for the call.
    unsafe { api.WelsGetCodecVersionEx(&raw mut version) };
    format!("{}.{}.{}", version.uMajor, version.uMinor, version.uRevision)
}

unsafe extern "C" {
    /// Of codec/common/inc/cpu.h, linked in with the encoder: the instruction sets that its assembly
    /// may use on this CPU. A library built without assembly has a version that returns 0.
    fn WelsCPUFeatureDetect(cores: *mut i32) -> u32;
}

/// Whether the library that is built in was built with assembly that runs on this CPU.
pub(super) fn has_assembly() -> bool {
    let mut cores = 0;
    // SAFETY: the out-pointer is valid for the call, which does nothing but ask the CPU.
    unsafe { WelsCPUFeatureDetect(&raw mut cores) != 0 }
}

/// Called by the library with each message.
unsafe extern "C" fn log(_context: *mut c_void, _level: c_int, text: *const c_char) {
    if text.is_null() {
        return;
    }
    // SAFETY: the library passes a C string that lives until this returns.
    let text = unsafe { CStr::from_ptr(text) }.to_string_lossy();
    // Also its warnings: that rate control may need to skip frames, for one, comes at each start.
    tracing::debug!(target: "openh264", "{}", text.trim_end());
}

fn check(what: &str, code: c_int) -> Result<(), EncodeError> {
    if code == 0 { Ok(()) } else { Err(failed(what, code)) }
}

fn failed(what: &str, code: c_int) -> EncodeError {
    let text = format!(
        "OpenH264 could not {what} (code {code}); RUST_LOG=openh264=debug shows its own words"
    );
    EncodeError::BackEnd(text)
}
