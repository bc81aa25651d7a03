//! What loops tell the program unasked: one channel of each kind, however many loops there are.
use pinhole_core::gather::ServerReport;
use pinhole_encoder::MediaEvent;

use crate::Probe;

/// Stream events waiting for the program; where they are more, the oldest is dropped.
pub(crate) const MEDIA_EVENTS_MAX: usize = 16;
/// Reports of STUN and TURN servers, and probes, waiting for the program; where they are more, the
/// oldest is dropped.
const REPORTS_MAX: usize = 64;

/// The loops' ends. The program finds the channels closed once every loop has dropped its own.
#[derive(Clone)]
pub(crate) struct Outlets {
    pub(crate) media_events: async_channel::Sender<MediaEvent>,
    pub(crate) server_reports: async_channel::Sender<(usize, ServerReport)>,
    pub(crate) probes: async_channel::Sender<Probe>,
}

/// The program's ends.
#[derive(Clone)]
pub(crate) struct Inlets {
    pub(crate) media_events: async_channel::Receiver<MediaEvent>,
    pub(crate) server_reports: async_channel::Receiver<(usize, ServerReport)>,
    pub(crate) probes: async_channel::Receiver<Probe>,
}

/// Makes the channels.
pub(crate) fn outlets() -> (Outlets, Inlets) {
    let (media_events, media_events_in) = async_channel::bounded(MEDIA_EVENTS_MAX);
    let (server_reports, server_reports_in) = async_channel::bounded(REPORTS_MAX);
    let (probes, probes_in) = async_channel::bounded(REPORTS_MAX);
    let inlets = Inlets {
        media_events: media_events_in,
        server_reports: server_reports_in,
        probes: probes_in,
    };
    (Outlets { media_events, server_reports, probes }, inlets)
}
