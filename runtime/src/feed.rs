//! The stream, as the loop sees it: access units in, wishes out.
use pinhole_encoder::{AccessUnit, Media, MediaEvent};

use crate::Doorbell;

/// Stream events waiting for the program; where they are more, the oldest is dropped.
const MEDIA_EVENTS_MAX: usize = 16;

/// A [`Media`] and what was last asked of it.
pub(crate) struct Feed {
    media: Box<dyn Media>,
    active: bool,
    events: async_channel::Sender<MediaEvent>,
}

impl Feed {
    /// Connects the stream with the loop's bell; its events come out of the receiver.
    pub(crate) fn new(
        mut media: Box<dyn Media>,
        bell: &Doorbell,
    ) -> (Feed, async_channel::Receiver<MediaEvent>) {
        media.set_wake(bell.wake());
        let (events, receiver) = async_channel::bounded(MEDIA_EVENTS_MAX);
        (Feed { media, active: false, events }, receiver)
    }

    /// The next access unit, if one is ready.
    pub(crate) fn next(&mut self) -> Option<AccessUnit> {
        self.media.poll_access_unit()
    }

    /// Makes the next picture an IDR.
    pub(crate) fn request_keyframe(&mut self) {
        self.media.request_keyframe();
    }

    /// Makes the stream take this much, in bits per second.
    pub(crate) fn set_bitrate(&mut self, bits_per_second: u64) {
        tracing::debug!(bits_per_second, "the stream shall take");
        self.media.set_bitrate(u32::try_from(bits_per_second).unwrap_or(u32::MAX));
    }

    /// Tells the stream whether anybody watches, when that changed.
    pub(crate) fn set_active(&mut self, active: bool) {
        if active != self.active {
            tracing::debug!(active, "the stream is wanted, or not");
            self.active = active;
            self.media.set_active(active);
        }
    }

    /// Passes on what happened to the stream. True: there may be more.
    pub(crate) fn deliver_events(&mut self) -> bool {
        for _ in 0..MEDIA_EVENTS_MAX {
            let Some(event) = self.media.poll_event() else { return false };
            tracing::debug!(?event, "the stream");
            // Fails only where nobody holds a handle any more.
            let _ = self.events.force_send(event);
        }
        true
    }
}
