//! What is known of one session.

use std::net::IpAddr;
use std::time::Duration;

use crate::session::{BrowserReport, Checks, CloseCause, Dtls, Path, ViewerCandidate};

/// What an endpoint saw of one session, and what the viewer told.
#[derive(Debug, Clone, PartialEq)]
pub struct SessionFacts {
    /// How far it came.
    pub stage: Stage,
    /// Since its offer, or since its latest ICE restart.
    pub age: Duration,
    /// Where the viewer's signalling came from, if the shell knows.
    pub signalled_from: Option<IpAddr>,
    /// The candidates that the viewer told.
    pub viewer: Vec<ViewerCandidate>,
    /// ICE checks of both sides.
    pub checks: Checks,
    /// The DTLS handshake.
    pub dtls: Dtls,
    /// What became of pictures.
    pub media: Media,
    /// Which way its packets go, or went last.
    pub path: Option<Path>,
    /// How long it was connected before it ended or was interrupted; `None` before.
    pub connected_for: Option<Duration>,
    /// How long nothing came from the viewer; `None` if nothing ever did.
    pub silent_for: Option<Duration>,
    /// How often the viewer's address changed under it.
    pub roams: u64,
    /// Whether the SDP that the browser holds names another certificate than the SDP that left here,
    /// or came here: something altered it on its way.
    pub sdp_altered: bool,
    /// What the viewer's own browser saw.
    pub browser: Option<BrowserReport>,
    /// How long its count of decoded pictures has not been seen to rise; `None` if it never did.
    pub frozen_for: Option<Duration>,
    /// How long ago it told that.
    pub browser_silent_for: Option<Duration>,
}

impl SessionFacts {
    /// Whether the viewer's browser has given the connection up.
    pub(super) fn is_given_up(&self) -> bool {
        self.browser.as_ref().is_some_and(BrowserReport::has_given_up)
    }
}

/// How far a session came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// It still tries to connect.
    Connecting,
    /// It is connected.
    Connected,
    /// Its path broke, and may come back.
    Interrupted,
    /// It is over.
    Ended(CloseCause),
}

/// What became of pictures.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Media {
    /// Frames sent to this viewer.
    pub frames_sent: u64,
    /// Since the encoder's last frame; `None` before the first.
    pub encoder_silent_for: Option<Duration>,
    /// Reports of the viewer's (RTCP) that came.
    pub reports: u64,
    /// The part of packets that it reports lost, 0..=1.
    pub loss: Option<f32>,
    /// Requests of the viewer's for a picture that needs no other.
    pub keyframe_requests: u64,
}
