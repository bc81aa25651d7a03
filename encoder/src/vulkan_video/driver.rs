//! The calls into gpu-video, and through it into a driver. Thin, because nothing here has run on hardware.
//!
//! Every call may block for ever: gpu-video waits for the GPU without a limit. The encoder thread counts on
//! that, and leaves behind whoever does not come back; so nothing is shared between two devices made here.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use ash::vk::VideoEncodeRateControlModeFlagsKHR as Modes;
use gpu_video::capabilities::EncodeProfileCapabilities;
use gpu_video::parameters::{
    ColorRange, ColorSpace, EncoderContentFlags, EncoderOutputParametersH264,
    EncoderParametersH264, EncoderTuningMode, EncoderUsageFlags, H264Profile, RateControl,
    Rational, VideoParameters, VulkanDeviceDescriptor,
};
use gpu_video::{
    BytesEncoderH264, InputFrame, RawFrameData, VulkanDevice, VulkanInitError, VulkanInstance,
};

use super::engine::{Device, Engine};
use super::nv12;
use crate::config::Content;
use crate::encoder::{EncodeError, EncoderSettings};
use crate::frame::Frame;

/// An IDR never comes by itself: in Vulkan this number stands for an infinite group of pictures, and none at
/// all for what the driver prefers.
const NEVER: NonZeroU32 = NonZeroU32::MAX;
/// Pictures of virtual buffer: with more, one large picture delays those after it.
const BUFFER_PICTURES: f64 = 1.5;
const ONE: NonZeroU32 = NonZeroU32::MIN;

/// A GPU that encodes H.264.
pub(super) struct Gpu {
    device: Arc<VulkanDevice>,
    name: String,
    profile: H264Profile,
    caps: EncodeProfileCapabilities,
}

impl Gpu {
    /// Opens the first GPU that gpu-video takes; the one of this name, if it is among them.
    pub(super) fn open(name: Option<&str>) -> Result<Gpu, EncodeError> {
        Gpu::open_with(VulkanInstance::new(), name)
    }

    fn open_with(
        loader: Result<Arc<VulkanInstance>, VulkanInitError>,
        name: Option<&str>,
    ) -> Result<Gpu, EncodeError> {
        let instance = loader.map_err(|error| failed("Vulkan does not start", error))?;
        let adapters = instance.iter_adapters().map_err(|error| failed("no GPU", error))?;
        let mut adapters: Vec<_> = adapters
            .filter(|it| it.supports_encoding() && it.info().encode_capabilities.h264.is_some())
            .collect();
        let named = adapters.iter().position(|it| Some(it.info().name.as_str()) == name);
        if adapters.is_empty() {
            return Err(EncodeError::BackEnd(
                "Vulkan names no GPU whose H.264 encode engine can be used".to_owned(),
            ));
        }
        let adapter = adapters.swap_remove(named.unwrap_or(0));
        let name = adapter.info().name.clone();
        let h264 = adapter.info().encode_capabilities.h264;
        // Every browser takes the first; the others are there for drivers without it.
        let profiles = h264.map(|h264| {
            [
                (H264Profile::Baseline, h264.baseline_profile),
                (H264Profile::Main, h264.main_profile),
                (H264Profile::High, h264.high_profile),
            ]
        });
        let mut profiles = profiles.into_iter().flatten();
        let found = profiles.find_map(|(profile, caps)| Some((profile, caps?)));
        let (profile, caps) = found
            .ok_or_else(|| EncodeError::BackEnd(format!("{name} offers no profile of H.264")))?;
        let device = adapter.create_device(&VulkanDeviceDescriptor::default());
        let device = device.map_err(|error| failed(&format!("{name} cannot be opened"), error))?;
        Ok(Gpu { device, name, profile, caps })
    }

    fn rate_control(&self, settings: &EncoderSettings) -> Result<RateControl, EncodeError> {
        let bitrate = u64::from(settings.bitrate);
        let pictures = settings.rate.interval().mul_f64(BUFFER_PICTURES);
        // Vulkan counts it in milliseconds, of which 0 is not legal.
        let virtual_buffer_size = pictures.max(Duration::from_millis(1));
        let modes = self.caps.supported_rate_control;
        if modes.contains(Modes::CBR) {
            Ok(RateControl::ConstantBitrate { bitrate, virtual_buffer_size })
        } else if modes.contains(Modes::VBR) {
            let (average_bitrate, max_bitrate) = (bitrate, bitrate);
            Ok(RateControl::VariableBitrate { average_bitrate, max_bitrate, virtual_buffer_size })
        } else {
            let text = format!("the driver of {} has no rate control for H.264", self.name);
            Err(EncodeError::Unsupported(text))
        }
    }
}

impl Device for Gpu {
    fn name(&self) -> &str {
        &self.name
    }

    fn start(&self, settings: &EncoderSettings) -> Result<Box<dyn Engine>, EncodeError> {
        let size = settings.size;
        let (width, height) = (size.width(), size.height());
        let sides = NonZeroU32::new(width).zip(NonZeroU32::new(height));
        let thousand = NonZeroU32::new(1000);
        let ((width, height), denominator) = sides
            .zip(thousand)
            .ok_or_else(|| EncodeError::Unsupported(format!("pictures of {size}")))?;
        let target_framerate = Rational { numerator: settings.rate.per_1000s(), denominator };
        let output_parameters = EncoderOutputParametersH264 {
            idr_period: Some(NEVER),
            rate_control: self.rate_control(settings)?,
            max_references: Some(ONE),
            profile: self.profile,
            quality_level: 0,
            usage_flags: Some(EncoderUsageFlags::STREAMING),
            tuning_mode: Some(EncoderTuningMode::LOW_LATENCY),
            content_flags: Some(match settings.content {
                Content::Camera => EncoderContentFlags::CAMERA,
                Content::Screen => EncoderContentFlags::DESKTOP,
            }),
            // Ours go there.
            inline_stream_params: Some(false),
            color_space: Some(ColorSpace::BT709),
            color_range: Some(match settings.full_range {
                true => ColorRange::Full,
                false => ColorRange::Limited,
            }),
        };
        let input_parameters = VideoParameters { width, height, target_framerate };
        let encoder = self
            .device
            .create_bytes_encoder_h264(EncoderParametersH264 {
                input_parameters,
                output_parameters,
            })
            .map_err(|error| failed(&format!("{} does not start", self.name), error))?;
        let data = RawFrameData {
            frame: vec![0; nv12::bytes(size)],
            width: width.get(),
            height: height.get(),
        };
        Ok(Box::new(Started { encoder, frame: InputFrame { data, pts: None } }))
    }
}

/// An encoder of gpu-video, with the picture that is handed to it.
struct Started {
    encoder: BytesEncoderH264,
    frame: InputFrame<RawFrameData>,
}

impl Engine for Started {
    fn parameter_sets(&mut self) -> Result<(Vec<u8>, Vec<u8>), EncodeError> {
        let sps = self.encoder.sps().map_err(|error| failed("the driver gives no SPS", error))?;
        let pps = self.encoder.pps().map_err(|error| failed("the driver gives no PPS", error))?;
        Ok((sps, pps))
    }

    fn take(&mut self, frame: &Frame) -> bool {
        nv12::write(frame, &mut self.frame.data.frame)
    }

    fn encode(&mut self, force_idr: bool) -> Result<Vec<u8>, EncodeError> {
        let chunk = self.encoder.encode(&self.frame, force_idr);
        Ok(chunk.map_err(|error| failed("the GPU did not encode", error))?.data)
    }
}

fn failed(what: &str, error: impl std::fmt::Display) -> EncodeError {
    EncodeError::BackEnd(format!("{what}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_loader_it_says_so() {
        let loader = VulkanInstance::new_from("/nonexistent/libvulkan.so.1");
        let error = Gpu::open_with(loader, None).err().map(|error| error.to_string());
        let error = error.unwrap_or_default();
        assert!(error.starts_with("Vulkan does not start: Error loading vulkan: "), "{error}");
        assert!(error.contains("/nonexistent/libvulkan.so.1"), "{error}");
    }
}
