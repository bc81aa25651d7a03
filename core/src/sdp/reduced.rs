//! The offer that str0m is shown: one video section with one payload type, and none of the rest.

use std::fmt::Write;

use super::offer::{OfferedVideo, Setup};

/// The extension by which we ask for no playout delay.
const PLAYOUT_DELAY: &str = "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay";
/// Feeds the bandwidth estimator.
const TRANSPORT_CC: &str =
    "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01";
/// The reports for it: what `a=rtcp-fb` calls them.
const TRANSPORT_CC_FEEDBACK: &str = "transport-cc";

/// Tells when a frame was captured, by our wall clock.
const ABS_CAPTURE_TIME: &str = "http://www.webrtc.org/experiments/rtp-hdrext/abs-capture-time";

/// Header extensions that we put on packets, out of those offered.
///
/// `sdes:mid` is not among them: the answer names our SSRCs, so viewers need no MID to tell the one
/// stream of the transport, and packets keep one size from the first on, which is what lets a frame
/// leave as one run. Transport-wide sequence numbers cost feedback traffic and are only taken when
/// somebody reads them.
pub(crate) fn used_extensions(video: &OfferedVideo, estimator: bool) -> Vec<(u8, &'static str)> {
    let wanted = [Some(PLAYOUT_DELAY), estimator.then_some(TRANSPORT_CC), Some(ABS_CAPTURE_TIME)];
    let offered_id = |uri: &str| video.extensions.iter().find(|(_, u)| u == uri).map(|(id, _)| *id);
    wanted.into_iter().flatten().filter_map(|uri| Some((offered_id(uri)?, uri))).collect()
}

impl OfferedVideo {
    /// Whether the viewer offers the reports that an estimate of its path is made from. Without them
    /// str0m's estimate stays where it began, and its pacer would hold the stream to that.
    pub(crate) fn feeds_estimator(&self) -> bool {
        transport_cc_id(self).is_some()
            && self.feedback.iter().any(|feedback| feedback == TRANSPORT_CC_FEEDBACK)
    }
}

/// The id of the header extension that numbers all packets of the transport, where it was offered.
pub(crate) fn transport_cc_id(video: &OfferedVideo) -> Option<u8> {
    video.extensions.iter().find(|(_, uri)| uri == TRANSPORT_CC).map(|(id, _)| *id)
}

/// Writes the reduced offer.
pub(crate) fn reduced_offer(video: &OfferedVideo, mid: &str, estimator: bool) -> String {
    let payload = &video.payload;
    let setup = match video.setup {
        Setup::ActPass => "actpass",
        Setup::Active => "active",
        Setup::Passive => "passive",
    };
    let mut sdp = String::from("v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n");
    let mut line = |text: std::fmt::Arguments| {
        let written = writeln!(sdp, "{text}\r");
        written.expect("writing to a String cannot fail");
    };
    line(format_args!("a=group:BUNDLE {mid}"));
    if video.ice_lite {
        line(format_args!("a=ice-lite"));
    }
    let rtx = payload.rtx.map(|pt| format!(" {pt}")).unwrap_or_default();
    line(format_args!("m=video 9 UDP/TLS/RTP/SAVPF {}{rtx}", payload.pt));
    line(format_args!("c=IN IP4 0.0.0.0"));
    line(format_args!("a=ice-ufrag:{}", video.ufrag));
    line(format_args!("a=ice-pwd:{}", video.password));
    line(format_args!("a=fingerprint:{}", video.fingerprint));
    line(format_args!("a=setup:{setup}"));
    line(format_args!("a=mid:{mid}"));
    for (id, uri) in used_extensions(video, estimator) {
        line(format_args!("a=extmap:{id} {uri}"));
    }
    line(format_args!("a=recvonly"));
    line(format_args!("a=rtcp-mux"));
    line(format_args!("a=rtpmap:{} H264/90000", payload.pt));
    line(format_args!(
        "a=fmtp:{} level-asymmetry-allowed=1;packetization-mode=1;profile-level-id={}",
        payload.pt, payload.profile_level_id
    ));
    for feedback in feedback(estimator) {
        line(format_args!("a=rtcp-fb:{} {feedback}", payload.pt));
    }
    if let Some(pt) = payload.rtx {
        line(format_args!("a=rtpmap:{pt} rtx/90000"));
        line(format_args!("a=fmtp:{pt} apt={}", payload.pt));
    }
    sdp
}

/// RTCP feedback that we answer to.
pub(crate) fn feedback(estimator: bool) -> impl Iterator<Item = &'static str> {
    ["nack", "nack pli", "ccm fir"].into_iter().chain(estimator.then_some(TRANSPORT_CC_FEEDBACK))
}
