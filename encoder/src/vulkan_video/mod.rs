//! The back end on the encode engine of a GPU: Vulkan Video, through the crate `gpu-video`.
//!
//! **This has never run on a GPU.** What is ours (which parameter sets go out, when an encoder is made anew
//! for another bitrate, whether pictures are numbered right, conversion) is tested with real H.264 from
//! OpenH264 behind the same seam. The calls into the driver ([`driver`]) are compiled, and run as far as to
//! find no GPU. What a driver does with them is unknown; so its parameter sets are judged before the first
//! picture, each access unit is checked as that of any back end, and OpenH264 takes over from what fails.
//!
//! One reference, low latency, constant bitrate with a virtual buffer of one and a half pictures, BT.709,
//! IDRs on request only. gpu-video cannot change an encoder, so bitrate, rate and size start another, which
//! costs an IDR; the bitrate moves in steps ([`rate`]).
//!
//! Left out: pictures that stay in GPU memory, slices, intra refresh, which gpu-video 0.4 has not.

mod driver;
mod engine;
mod numbers;
mod nv12;
mod rate;
mod sets;

use std::time::Instant;

use crate::annexb::{nal_type, nal_units, type_of};
use crate::encoder::{
    Capabilities, Effect, EncodeError, Encoded, Encoder, EncoderSettings, FrameControl,
};
use crate::frame::{Frame, PixelFormat};
use engine::{Device, Engine};
use numbers::Numbers;
use rate::Steps;
use sets::Sets;

/// The encoder on a GPU.
pub struct VulkanVideo {
    device: Box<dyn Device>,
    engine: Box<dyn Engine>,
    sets: Sets,
    /// As asked for; of the bitrate, `steps` knows what is in force.
    settings: EncoderSettings,
    steps: Steps,
    numbers: Numbers,
    /// The driver does not number pictures right once their number begins anew.
    cannot_wrap: bool,
    /// The encoder was started for these settings, and has made no picture.
    is_fresh: bool,
}

impl VulkanVideo {
    /// Opens a GPU, that of this name if there is one, and starts an encoder on it. Blocks as long as the
    /// driver does.
    pub fn new(settings: &EncoderSettings, gpu: Option<&str>) -> Result<VulkanVideo, EncodeError> {
        VulkanVideo::on(Box::new(driver::Gpu::open(gpu)?), settings)
    }

    fn on(device: Box<dyn Device>, settings: &EncoderSettings) -> Result<VulkanVideo, EncodeError> {
        let (engine, sets) = start(&*device, settings)?;
        let numbers = Numbers::new(sets.frame_num_bits);
        let (settings, steps) = (*settings, Steps::new(settings.bitrate));
        let (cannot_wrap, is_fresh) = (false, true);
        Ok(VulkanVideo { device, engine, sets, settings, steps, numbers, cannot_wrap, is_fresh })
    }

    /// Starts another encoder in place of this one. After an error the old one goes on.
    fn restart(&mut self, settings: &EncoderSettings, bitrate: u32) -> Result<(), EncodeError> {
        let (engine, sets) = start(&*self.device, &EncoderSettings { bitrate, ..*settings })?;
        tracing::debug!(size = %settings.size, rate = %settings.rate, bitrate, "vulkan-video anew");
        self.numbers = Numbers::new(sets.frame_num_bits);
        (self.engine, self.sets, self.settings) = (engine, sets, *settings);
        self.steps.on_change(Instant::now(), bitrate);
        self.is_fresh = true;
        Ok(())
    }

    /// Takes the step that is due, if one is. One that does not succeed leaves the bitrate as it is.
    fn follow(&mut self, is_free: bool) {
        let due = self.steps.due(Instant::now(), self.settings.bitrate, is_free);
        let Some(bitrate) = due else { return };
        let settings = self.settings;
        if let Err(error) = self.restart(&settings, bitrate) {
            tracing::warn!(%error, bitrate, "the bitrate stays");
            self.steps.on_change(Instant::now(), self.steps.in_force());
        }
    }
}

fn start(
    device: &dyn Device,
    settings: &EncoderSettings,
) -> Result<(Box<dyn Engine>, Sets), EncodeError> {
    let mut engine = device.start(settings)?;
    let (sps, pps) = engine.parameter_sets()?;
    let (sps, pps) = (only(&sps, nal_type::SPS), only(&pps, nal_type::PPS));
    let sets = sets::judge(sps.unwrap_or_default(), pps.unwrap_or_default(), settings);
    let sets = sets.map_err(|why| EncodeError::Unsupported(format!("{}: {why}", device.name())))?;
    Ok((engine, sets))
}

/// The first NAL unit of a type.
fn only(data: &[u8], kind: u8) -> Option<&[u8]> {
    nal_units(data).map(|range| &data[range]).find(|nal| type_of(nal) == kind)
}

impl Encoder for VulkanVideo {
    fn describe(&self) -> String {
        format!("Vulkan Video on {}, {}", self.device.name(), self.sets.profile())
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities { inputs: &[PixelFormat::Nv12], slices: 1, seamless_rate: false }
    }

    fn profile_level_id(&self) -> [u8; 3] {
        self.sets.profile_level_id
    }

    fn encode(
        &mut self,
        frame: &Frame,
        control: FrameControl,
        out: &mut Vec<u8>,
    ) -> Result<Encoded, EncodeError> {
        self.settings.check_size(frame)?;
        let wraps = self.cannot_wrap && self.numbers.wraps_next();
        self.follow(control.force_idr || wraps);
        if !self.engine.take(frame) {
            let text = format!("a {:?} picture could not be converted", frame.format());
            return Err(EncodeError::BackEnd(text));
        }
        let force = control.force_idr || wraps || self.is_fresh;
        let mut unit = self.engine.encode(force)?;
        if !self.numbers.on_unit(&unit) && !force {
            // Nobody has seen it. The same picture again, as one that needs no other.
            tracing::warn!("the driver's pictures are not numbered right; an IDR comes instead");
            self.cannot_wrap = true;
            unit = self.engine.encode(true)?;
            self.numbers.on_unit(&unit);
        }
        self.is_fresh = false;
        Ok(self.assemble(&unit, out))
    }

    fn reconfigure(&mut self, settings: &EncoderSettings) -> Result<Effect, EncodeError> {
        let same = EncoderSettings { bitrate: settings.bitrate, ..self.settings };
        if same != *settings {
            self.restart(settings, settings.bitrate)?;
            return Ok(Effect::NextIsIdr);
        }
        self.settings.bitrate = settings.bitrate;
        self.follow(false);
        Ok(if self.is_fresh { Effect::NextIsIdr } else { Effect::Seamless })
    }
}

impl VulkanVideo {
    /// Puts our parameter sets before an IDR, and none of the driver's anywhere.
    fn assemble(&self, unit: &[u8], out: &mut Vec<u8>) -> Encoded {
        const START: [u8; 4] = [0, 0, 0, 1];
        let nals = || nal_units(unit).map(|range| &unit[range]);
        let is_idr = nals().any(|nal| type_of(nal) == nal_type::IDR);
        let sets = [self.sets.sps.as_slice(), self.sets.pps.as_slice()];
        let own = sets.into_iter().filter(|_| is_idr);
        let driver = nals().filter(|nal| !matches!(type_of(nal), nal_type::SPS | nal_type::PPS));
        for nal in own.chain(driver) {
            out.extend_from_slice(&START);
            out.extend_from_slice(nal);
        }
        if is_idr { Encoded::Idr } else { Encoded::Delta }
    }
}

#[cfg(test)]
mod tests;
