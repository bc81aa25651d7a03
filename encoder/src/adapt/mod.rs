//! How a bitrate that follows the network is kept to: bitrate, then frame rate, then size.
//!
//! Whoever watches the paths tells one number, the bits that they take in a second. An encoder's own rate
//! control meets it over a second or so, which is too slow for a path whose queue holds a fifth of one.
//! So three things stand around the back end, each a kernel of its own:
//!
//! - [`Budget`] is a bucket that leaks at the bitrate. While it is too full pictures are left out, so that
//!   what was encoded never waits long, whatever the back end makes of a bitrate that fell.
//! - [`Ladder`] takes steps: fewer pictures a second soon, smaller ones after a while, and both back when
//!   there is room again.
//! - A keyframe is made to fit: the back end is set lower for it, and where that does not go far enough the
//!   picture loses detail first ([`Detail`]), which the pictures after it bring back.

mod budget;
mod detail;
mod ladder;
mod scale;

use std::borrow::Cow;
use std::time::Instant;

use crate::encoder::EncoderSettings;
use crate::frame::{Frame, FrameRate, I420, Size, to_i420};
use budget::Budget;
use detail::{Detail, Kept, soften};
use ladder::Ladder;
use scale::Scaler;

/// What to do with one picture.
#[derive(Debug)]
pub(crate) enum Picture {
    /// Leave it out; if no other has come by then, look at it again. It may be the last for long.
    Skip(Instant),
    /// Encode it as it is.
    AsItIs,
    /// Encode this in its place.
    Instead(Frame),
}

/// The part of a bitrate that a keyframe is encoded at: it then takes two to three times a picture's share
/// instead of four.
const KEYFRAME_PERCENT: u32 = 50;
/// A stream's way to keep to its bitrate.
#[derive(Debug)]
pub(crate) struct Adaptation {
    bitrate: u32,
    budget: Budget,
    ladder: Ladder,
    detail: Detail,
    scaler: Scaler,
    /// That of the last picture.
    size: Option<Size>,
}

impl Adaptation {
    /// Of a stream that is set to these.
    pub(crate) fn new(settings: &EncoderSettings) -> Adaptation {
        let EncoderSettings { bitrate, rate, content, .. } = *settings;
        Adaptation {
            bitrate,
            budget: Budget::new(bitrate),
            ladder: Ladder::new(rate, content, bitrate),
            detail: Detail::default(),
            scaler: Scaler::default(),
            size: None,
        }
    }

    /// Takes the bits per second that may be made.
    pub(crate) fn set_bitrate(&mut self, bitrate: u32) {
        self.bitrate = bitrate;
        self.budget.set_bitrate(bitrate);
    }

    /// Judges a picture that came. `keyframe`: somebody waits for it as an IDR, so it is not left out.
    pub(crate) fn on_picture(&mut self, now: Instant, frame: &Frame, keyframe: bool) -> Picture {
        self.ladder.on_bitrate(now, self.bitrate, frame.size());
        // Both count every picture.
        let (has_room, is_due) = (self.budget.has_room(now), self.ladder.takes_picture());
        let is_taken = keyframe || has_room && is_due;
        if !is_taken {
            let interval = self.ladder.rate().interval();
            let room_at = self.budget.room_at(now);
            return Picture::Skip(if is_due { room_at } else { room_at.max(now + interval) });
        }
        let size = self.ladder.size(frame.size());
        let is_smaller = size != frame.size();
        // Another size is a keyframe too, at a time when the path is full.
        let resized = self.size.replace(size).is_some_and(|before| before != size);
        let interval = self.ladder.rate().interval();
        let kept = self.detail.on_picture(size, self.bitrate, interval, keyframe || resized);
        if !is_smaller && kept == Kept::All {
            return Picture::AsItIs;
        }
        // One that cannot be read can only be imported as it is.
        let Some(mut picture) = i420(frame) else { return Picture::AsItIs };
        if is_smaller {
            picture = Cow::Owned(self.scaler.scale(&picture, size));
        }
        if let Kept::Above { row, times } = kept {
            picture = Cow::Owned(soften(&mut self.scaler, &picture, row, times));
        }
        Picture::Instead(Frame::I420(picture.into_owned()))
    }

    /// Bits were encoded.
    pub(crate) fn on_encoded(&mut self, bytes: usize) {
        self.budget.on_encoded(bytes as u64 * 8);
    }

    /// The bitrate that a keyframe is to be encoded at.
    pub(crate) fn keyframe_bitrate(&self) -> u32 {
        self.bitrate / 100 * KEYFRAME_PERCENT
    }

    /// The frame rate that comes out, for a back end's rate control.
    pub(crate) fn rate(&self) -> FrameRate {
        self.ladder.rate()
    }
}

/// The picture in three planes, which it mostly has already.
fn i420(frame: &Frame) -> Option<Cow<'_, I420>> {
    if let Frame::I420(picture) = frame {
        return Some(Cow::Borrowed(picture));
    }
    let mut picture = I420::black(frame.size());
    to_i420(frame, &mut picture).then_some(Cow::Owned(picture))
}
