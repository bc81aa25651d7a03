//! The stream, as the loop sees it: access units in, wishes out.
use pinhole_core::Voice;
use pinhole_encoder::{Media, MediaEvent};

use crate::Doorbell;
use crate::outlets::MEDIA_EVENTS_MAX;
use crate::shards::{Share, SharedStats, Unit};

/// Where access units come from.
pub(crate) enum Supply {
    /// A stream of this loop's own.
    Whole(Box<dyn Media>),
    /// This loop's part of one.
    Share(Share),
}

/// A stream and what was last asked of it.
pub(crate) struct Feed {
    supply: Supply,
    active: bool,
    wish: Option<(u64, Voice)>,
    events: async_channel::Sender<MediaEvent>,
}

impl Feed {
    /// Connects the stream with the loop's bell, and its events with the program.
    pub(crate) fn new(
        mut supply: Supply,
        bell: &Doorbell,
        events: async_channel::Sender<MediaEvent>,
    ) -> Feed {
        match &mut supply {
            Supply::Whole(media) => media.set_wake(bell.wake()),
            Supply::Share(share) => share.attach(bell),
        }
        Feed { supply, active: false, wish: None, events }
    }

    /// The next access unit, if one is ready.
    pub(crate) fn next(&mut self) -> Option<Unit> {
        match &mut self.supply {
            Supply::Whole(media) => media.poll_access_unit().map(Unit::Own),
            Supply::Share(share) => share.next().map(Unit::Shared),
        }
    }

    /// Makes the next picture an IDR.
    pub(crate) fn request_keyframe(&mut self) {
        match &mut self.supply {
            Supply::Whole(media) => media.request_keyframe(),
            Supply::Share(share) => share.request_keyframe(),
        }
    }

    /// Makes the stream take this much, in bits per second. A stream that is shared follows
    /// [`Feed::set_wish`] instead.
    pub(crate) fn set_bitrate(&mut self, bits_per_second: u64) {
        if let Supply::Whole(media) = &mut self.supply {
            tracing::debug!(bits_per_second, "the stream shall take");
            media.set_bitrate(u32::try_from(bits_per_second).unwrap_or(u32::MAX));
        }
    }

    /// Tells a stream that is shared what this loop's viewers would have it take, when that changed.
    pub(crate) fn set_wish(&mut self, wish: Option<(u64, Voice)>) {
        if let Supply::Share(share) = &self.supply
            && wish != self.wish
        {
            self.wish = wish;
            share.set_wish(wish);
        }
    }

    /// Tells the stream whether anybody watches, when that changed.
    pub(crate) fn set_active(&mut self, active: bool) {
        if active != self.active {
            tracing::debug!(active, "the stream is wanted, or not");
            self.active = active;
            match &mut self.supply {
                Supply::Whole(media) => media.set_active(active),
                Supply::Share(share) => share.set_active(active),
            }
        }
    }

    /// Passes on what happened to the stream. True: there may be more.
    pub(crate) fn deliver_events(&mut self) -> bool {
        for _ in 0..MEDIA_EVENTS_MAX {
            let event = match &mut self.supply {
                Supply::Whole(media) => media.poll_event(),
                Supply::Share(share) => share.poll_event(),
            };
            let Some(event) = event else { return false };
            tracing::debug!(?event, "the stream");
            // Fails only where nobody holds a handle any more.
            let _ = self.events.force_send(event);
        }
        true
    }

    /// Figures of the whole of a stream that is shared.
    pub(crate) fn shared_stats(&self) -> Option<SharedStats> {
        match &self.supply {
            Supply::Whole(_) => None,
            Supply::Share(share) => Some(share.stats()),
        }
    }
}
