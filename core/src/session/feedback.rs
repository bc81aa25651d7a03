//! Transport-wide feedback on its way in, and the numbers of the packets that it is of on their way out.

use std::time::Instant;

use super::{Session, clear};
use crate::adapt::Arrivals;
use crate::sdp::{OfferedVideo, transport_cc_id};
use crate::wire::{Feedback, transport_sequence};

/// What a viewer's feedback tells.
#[derive(Debug)]
pub(super) struct Heard {
    /// Of the header extension that numbers the packets.
    id: Option<u8>,
    pub(super) arrivals: Arrivals,
    /// One feedback in clear; kept for its capacity.
    clear: Vec<u8>,
}

impl Heard {
    pub(super) fn new(video: &OfferedVideo) -> Heard {
        let (arrivals, clear) = (Arrivals::default(), Vec::new());
        Heard { id: transport_cc_id(video), arrivals, clear }
    }
}

impl Session {
    /// A packet of media leaves, and so many bits of it count.
    pub(super) fn on_media_leaves(&mut self, now: Instant, datagram: &[u8], bits: u32) {
        let Heard { id, arrivals, .. } = &mut self.heard;
        if let Some(sequence) = id.and_then(|id| transport_sequence(datagram, id)) {
            arrivals.on_left(now, sequence, bits);
        }
    }

    /// Calls with a datagram of the viewer's, and reads the feedback in it, where there is one and str0m could
    /// decrypt it.
    pub(super) fn hear<T>(
        &mut self,
        now: Instant,
        datagram: &[u8],
        call: impl FnOnce(&mut Self) -> T,
    ) -> T {
        // SRTCP leaves the first eight bytes in clear: RFC 3711 §3.4.
        let reports =
            datagram.first_chunk::<8>().filter(|[_, kind, ..]| (200..=207).contains(kind));
        let Some(header) = reports.filter(|_| self.path_rate.is_some()) else { return call(self) };
        let mut clear = std::mem::take(&mut self.heard.clear);
        clear.clear();
        clear.extend_from_slice(header);
        let result = clear::listen(&mut clear, || call(self));
        for feedback in Feedback::among(&clear) {
            self.heard.arrivals.on_feedback(now, feedback.into_arrived());
        }
        self.heard.clear = clear;
        self.outlet.bound_queue(&mut self.rtc);
        result
    }
}
