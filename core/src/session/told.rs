//! What a viewer and its browser tell of themselves, and what passes between them and us, in numbers.

use std::net::SocketAddr;

use crate::gather::CandidateKind;
use crate::portmap::Protocol;

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

impl BrowserReport {
    /// Whether it has given the connection up.
    pub fn has_given_up(&self) -> bool {
        self.connection == "failed"
    }
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
