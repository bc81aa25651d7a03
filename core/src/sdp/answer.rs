//! Our answer: every offered section in its place, one accepted (RFC 8829 §5.3).

use std::fmt::Write;

use str0m::IceCreds;

use super::offer::{Offer, Section, Setup};
use super::reduced::{feedback, used_extensions};
use crate::h264::ProfileLevelId;

/// What an answer says besides the offer it answers.
#[derive(Debug, Clone)]
pub(crate) struct AnswerParts<'a> {
    /// `o=`: the session's number and how often it was negotiated.
    pub(crate) session_number: u64,
    pub(crate) version: u64,
    pub(crate) credentials: &'a IceCreds,
    /// `<hash> <hex>` of our certificate.
    pub(crate) fingerprint: &'a str,
    pub(crate) ssrc: u32,
    pub(crate) rtx_ssrc: Option<u32>,
    pub(crate) cname: &'a str,
    /// `candidate:…`, best first.
    pub(crate) candidates: &'a [String],
    /// What is sent.
    pub(crate) format: ProfileLevelId,
    pub(crate) estimator: bool,
}

/// The stream that our track belongs to, `event.streams[0].id` in a browser.
const STREAM: &str = "pinhole";

/// Writes the answer, with CRLF line ends.
pub(crate) fn write_answer(offer: &Offer, parts: &AnswerParts<'_>) -> String {
    let mut sdp = String::with_capacity(2_048);
    let mut line = |text: std::fmt::Arguments| {
        let written = writeln!(sdp, "{text}\r");
        written.expect("writing to a String cannot fail");
    };
    line(format_args!("v=0"));
    line(format_args!("o=- {} {} IN IP4 0.0.0.0", parts.session_number, parts.version));
    line(format_args!("s=-"));
    line(format_args!("t=0 0"));
    let accepted = offer.sections.get(offer.video.index).and_then(|s| s.mid.as_deref());
    if let (true, Some(mid)) = (offer.video.bundled, accepted) {
        line(format_args!("a=group:BUNDLE {mid}"));
    }
    line(format_args!("a=msid-semantic: WMS {STREAM}"));
    for (index, section) in offer.sections.iter().enumerate() {
        if index == offer.video.index {
            write_accepted(offer, section, parts, &mut line);
        } else {
            write_rejected(section, &mut line);
        }
    }
    sdp
}

/// RFC 8829 §5.3.1: port 0, and one of the offered formats because the syntax wants one.
fn write_rejected(section: &Section, line: &mut impl FnMut(std::fmt::Arguments)) {
    line(format_args!("m={} 0 {} {}", section.media, section.proto, section.first_format));
    line(format_args!("c=IN IP4 0.0.0.0"));
    if let Some(mid) = &section.mid {
        line(format_args!("a=mid:{mid}"));
    }
    // Nobody needs it, but str0m as a viewer refuses an RTP section without.
    if let Some(map) = &section.first_rtpmap {
        line(format_args!("a=rtpmap:{} {map}", section.first_format));
    }
    line(format_args!("a=inactive"));
}

fn write_accepted(
    offer: &Offer,
    section: &Section,
    parts: &AnswerParts<'_>,
    line: &mut impl FnMut(std::fmt::Arguments),
) {
    let payload = &offer.video.payload;
    let rtx = payload.rtx.zip(parts.rtx_ssrc);
    let rtx_format = rtx.map(|(pt, _)| format!(" {pt}")).unwrap_or_default();
    line(format_args!("m=video 9 {} {}{rtx_format}", section.proto, payload.pt));
    line(format_args!("c=IN IP4 0.0.0.0"));
    for candidate in parts.candidates {
        line(format_args!("a={candidate}"));
    }
    write_transport(offer, parts, line);
    if let Some(mid) = &section.mid {
        line(format_args!("a=mid:{mid}"));
    }
    for (id, uri) in used_extensions(&offer.video, parts.estimator) {
        line(format_args!("a=extmap:{id} {uri}"));
    }
    line(format_args!("a=sendonly"));
    line(format_args!("a=msid:{STREAM} video"));
    line(format_args!("a=rtcp-mux"));
    if offer.video.rtcp_rsize {
        line(format_args!("a=rtcp-rsize"));
    }
    line(format_args!("a=rtpmap:{} H264/90000", payload.pt));
    let profile = answered_profile(payload.profile_level_id, parts.format);
    line(format_args!(
        "a=fmtp:{} level-asymmetry-allowed=1;packetization-mode=1;profile-level-id={profile}",
        payload.pt
    ));
    // RFC 4585 §4.2: nothing that was not offered.
    let offered = |feedback: &&str| offer.video.feedback.iter().any(|offered| offered == feedback);
    for feedback in feedback(parts.estimator).filter(offered) {
        line(format_args!("a=rtcp-fb:{} {feedback}", payload.pt));
    }
    if let Some((pt, _)) = rtx {
        line(format_args!("a=rtpmap:{pt} rtx/90000"));
        line(format_args!("a=fmtp:{pt} apt={}", payload.pt));
    }
    if let Some((_, ssrc)) = rtx {
        line(format_args!("a=ssrc-group:FID {} {ssrc}", parts.ssrc));
    }
    for ssrc in [Some(parts.ssrc), rtx.map(|(_, ssrc)| ssrc)].into_iter().flatten() {
        line(format_args!("a=ssrc:{ssrc} cname:{}", parts.cname));
        line(format_args!("a=ssrc:{ssrc} msid:{STREAM} video"));
    }
}

fn write_transport(
    offer: &Offer,
    parts: &AnswerParts<'_>,
    line: &mut impl FnMut(std::fmt::Arguments),
) {
    let setup = match offer.video.setup {
        // RFC 8842 §5.3 leaves the choice; passive lets the viewer begin as soon as it has a path.
        Setup::ActPass | Setup::Active => "passive",
        Setup::Passive => "active",
    };
    line(format_args!("a=ice-ufrag:{}", parts.credentials.ufrag));
    line(format_args!("a=ice-pwd:{}", parts.credentials.pass));
    line(format_args!("a=ice-options:trickle"));
    line(format_args!("a=fingerprint:{}", parts.fingerprint));
    line(format_args!("a=setup:{setup}"));
}

/// The offered profile (an answer may not change it, RFC 6184 §8.2.2) at the higher of both levels:
/// with level-asymmetry-allowed the answer's level is ours, and must do for what is sent.
fn answered_profile(offered: ProfileLevelId, sent: ProfileLevelId) -> ProfileLevelId {
    ProfileLevelId { level_idc: offered.level_idc.max(sent.level_idc), ..offered }
}
