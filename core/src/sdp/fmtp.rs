//! `a=rtpmap` and `a=fmtp` of one section: which payload types are H.264, and with what.

use sdp_types::Media;

use crate::h264::ProfileLevelId;

/// An H.264 payload type as offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct H264Payload {
    pub(crate) pt: u8,
    /// The payload type for retransmissions of this one, RFC 4588.
    pub(crate) rtx: Option<u8>,
    pub(crate) profile_level_id: ProfileLevelId,
    /// 0 where it is not said, RFC 6184 §8.1.
    pub(crate) packetization_mode: u8,
}

/// The H.264 payload types of a section, in the order of its m-line.
pub(crate) fn h264_payloads(media: &Media) -> Vec<H264Payload> {
    let of_codec = |pt: &u8| codec(media, *pt).is_some_and(|c| c.eq_ignore_ascii_case("H264"));
    payload_types(media).filter(of_codec).filter_map(|pt| h264_payload(media, pt)).collect()
}

/// The names of a section's codecs, for the text of an error.
pub(crate) fn codec_names(media: &Media) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for name in payload_types(media).filter_map(|pt| codec(media, pt)) {
        let is_helper = ["rtx", "red", "ulpfec", "flexfec-03"].contains(&name);
        if !is_helper && !names.iter().any(|known| known == name) {
            names.push(name.to_owned());
        }
    }
    names
}

fn payload_types(media: &Media) -> impl Iterator<Item = u8> + '_ {
    media.fmt.split_ascii_whitespace().filter_map(|pt| pt.parse().ok()).filter(|pt| *pt < 128)
}

fn h264_payload(media: &Media, pt: u8) -> Option<H264Payload> {
    let parameters = fmtp(media, pt).unwrap_or_default();
    let parameter = |name: &str| parameter(parameters, name);
    // RFC 6184 §8.1: without profile-level-id it is Baseline, level 1.
    let profile_level_id = parameter("profile-level-id").unwrap_or("42000A").parse().ok()?;
    let packetization_mode = parameter("packetization-mode").unwrap_or("0").parse().ok()?;
    let rtx = payload_types(media).find(|candidate| {
        codec(media, *candidate).is_some_and(|name| name.eq_ignore_ascii_case("rtx"))
            && fmtp(media, *candidate).and_then(|text| self::parameter(text, "apt"))
                == Some(pt.to_string().as_str())
    });
    Some(H264Payload { pt, rtx, profile_level_id, packetization_mode })
}

/// The encoding name of `a=rtpmap:<pt> <name>/<clock>`.
fn codec(media: &Media, pt: u8) -> Option<&str> {
    let rest = of_payload(media, "rtpmap", pt)?;
    rest.split('/').next()
}

fn fmtp(media: &Media, pt: u8) -> Option<&str> {
    of_payload(media, "fmtp", pt)
}

/// The value of the attribute `name` that begins with this payload type, without it.
fn of_payload<'a>(media: &'a Media, name: &str, pt: u8) -> Option<&'a str> {
    let values = media.attributes.iter().filter(|a| a.attribute.eq_ignore_ascii_case(name));
    values.filter_map(|a| a.value.as_deref()).find_map(|value| {
        let (number, rest) = value.trim().split_once(' ')?;
        (number.parse() == Ok(pt)).then_some(rest.trim())
    })
}

/// One `key=value` of an fmtp; some stacks put a space after the semicolon.
fn parameter<'a>(fmtp: &'a str, name: &str) -> Option<&'a str> {
    let pairs = fmtp.split(';').filter_map(|pair| pair.split_once('='));
    let mut named = pairs.filter(|(key, _)| key.trim().eq_ignore_ascii_case(name));
    named.next().map(|(_, value)| value.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payload_types_are_read_with_their_parameters_however_they_are_spaced() {
        let sdp = "v=0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96 97 98 99 100 101\r\n\
            a=rtpmap:96 VP8/90000\r\na=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\n\
            a=rtpmap:98 h264/90000\r\n\
            a=fmtp:98 packetization-mode=1; profile-level-id=42e01f ;level-asymmetry-allowed=1\r\n\
            a=rtpmap:99 rtx/90000\r\na=fmtp:99 apt=98;rtx-time=3000\r\n\
            a=rtpmap:100 H264/90000\r\na=rtpmap:101 red/90000\r\n";
        let session = sdp_types::Session::parse(sdp.as_bytes()).unwrap();

        let payloads = h264_payloads(&session.medias[0]);

        let facts: Vec<_> = payloads
            .iter()
            .map(|p| (p.pt, p.rtx, p.profile_level_id.to_string(), p.packetization_mode))
            .collect();
        let expected =
            [(98, Some(99), "42e01f".to_owned(), 1), (100, None, "42000a".to_owned(), 0)];
        assert_eq!(facts, expected);
        assert_eq!(codec_names(&session.medias[0]), ["VP8", "h264", "H264"]);
    }
}
