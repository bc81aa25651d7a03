//! What is known of one session.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use crate::gather::CandidateKind;
use crate::portmap::Protocol;
use crate::session::{CloseCause, Path};

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
    /// How long ago it told that.
    pub browser_silent_for: Option<Duration>,
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

/// One candidate that the viewer told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ViewerCandidate {
    /// An mDNS name, behind which browsers hide the addresses of their machine.
    Hidden,
    /// An address.
    At {
        /// It.
        address: SocketAddr,
        /// `Host`, `ServerReflexive` or `Relayed` (whose transport is not known, and said as UDP).
        kind: CandidateKind,
        /// What it carries.
        protocol: Protocol,
    },
}

/// ICE checks (RFC 8445 §7) of both sides.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Checks {
    /// The viewer's, with integrity, that came to our UDP sockets.
    pub over_udp: u64,
    /// The viewer's that came through a relay of ours.
    pub over_relay: u64,
    /// The viewer's that came over a TCP connection.
    pub over_tcp: u64,
    /// Those for this session whose integrity failed.
    pub forged: u64,
    /// Ours.
    pub sent: u64,
    /// Those of ours that were answered.
    pub answered: u64,
}

impl Checks {
    /// The viewer's that came, by any way.
    pub fn came(&self) -> u64 {
        self.over_udp + self.over_relay + self.over_tcp
    }
}

/// The DTLS handshake (RFC 9147, RFC 5764).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Dtls {
    /// Nothing of it was seen.
    #[default]
    NotBegun,
    /// It goes on.
    Begun {
        /// Datagrams of the viewer's.
        received: u64,
        /// Ours.
        sent: u64,
        /// The largest of ours, bytes of payload.
        largest_sent: usize,
    },
    /// It failed: the certificate was not the one that the SDP names (RFC 8122 §5), or the viewer
    /// said so about ours.
    WrongCertificate,
    /// It is through.
    Done,
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

/// What the viewer's browser saw, as its page reports it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BrowserReport {
    /// `RTCPeerConnection.iceConnectionState`.
    pub ice: String,
    /// `RTCPeerConnection.connectionState`.
    pub connection: String,
    /// `icecandidateerror` events, oldest first, bounded.
    pub errors: Vec<IceError>,
    /// The types of its own candidates: `host`, `srflx`, `relay`.
    pub candidate_types: Vec<String>,
    /// The selected pair as `local type -> remote type`, if any.
    pub pair: Option<String>,
    /// Bytes of media that came.
    pub bytes_received: u64,
    /// Packets of media that came.
    pub packets_received: u64,
    /// Pictures decoded.
    pub frames_decoded: u64,
    /// Its clock, seconds since the Unix epoch, when it sent this.
    pub unix_seconds: Option<u64>,
    /// The certificate that the answer named when it arrived there (`a=fingerprint`, its value).
    pub our_fingerprint: Option<String>,
    /// The certificate that its offer named when it left.
    pub its_fingerprint: Option<String>,
}

/// One `icecandidateerror` event (W3C WebRTC §4.8.1.3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IceError {
    /// The STUN or TURN server's URL.
    pub url: String,
    /// A STUN error code, or 701: the server was not reached.
    pub code: u16,
    /// What the browser says.
    pub text: String,
}
