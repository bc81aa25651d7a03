//! A viewer's offer, reduced to what we use of it.

use sdp_types::{Attribute, Media, Session};

use super::error::OfferError;
use super::fmtp::{H264Payload, codec_names, h264_payloads};
use crate::h264::{Compatibility, ProfileLevelId, best_match};

/// m-lines of one offer; more are refused.
const MEDIA_LINES_MAX: usize = 128;
/// Candidates taken from one offer; the rest is ignored.
const CANDIDATES_MAX: usize = 64;
/// Lengths that RFC 8839 §5.4 allows.
const UFRAG_CHARS: std::ops::RangeInclusive<usize> = 4..=256;
const PASSWORD_CHARS: std::ops::RangeInclusive<usize> = 22..=256;

/// `a=setup`, RFC 4145 §4.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Setup {
    ActPass,
    Active,
    Passive,
}

/// An offer that can be answered.
#[derive(Debug, Clone)]
pub(crate) struct Offer {
    pub(crate) sections: Vec<Section>,
    pub(crate) video: OfferedVideo,
}

/// One offered m-line, as far as the answer repeats it.
#[derive(Debug, Clone)]
pub(crate) struct Section {
    pub(crate) media: String,
    pub(crate) proto: String,
    pub(crate) first_format: String,
    /// What `a=rtpmap` says of it.
    pub(crate) first_rtpmap: Option<String>,
    pub(crate) mid: Option<String>,
}

/// The section that will carry our video, and the transport it is bundled into.
#[derive(Debug, Clone)]
pub(crate) struct OfferedVideo {
    /// Which m-line.
    pub(crate) index: usize,
    pub(crate) payload: H264Payload,
    /// Whether its mid stands in a BUNDLE group.
    pub(crate) bundled: bool,
    pub(crate) ufrag: String,
    pub(crate) password: String,
    /// `<hash> <hex>`.
    pub(crate) fingerprint: String,
    pub(crate) setup: Setup,
    pub(crate) ice_lite: bool,
    /// RTCP feedback offered for the payload: `nack pli`.
    pub(crate) feedback: Vec<String>,
    /// Whether RTCP may be of reduced size, RFC 5506.
    pub(crate) rtcp_rsize: bool,
    /// RTP header extensions: id and URI.
    pub(crate) extensions: Vec<(u8, String)>,
    /// `candidate:…` of all sections: with BUNDLE they share one transport.
    pub(crate) candidates: Vec<String>,
}

/// Reads an offer and chooses the video section and its payload for a stream of `format`.
pub(crate) fn parse_offer(sdp: &str, format: ProfileLevelId) -> Result<Offer, OfferError> {
    let session =
        Session::parse(sdp.as_bytes()).map_err(|error| OfferError::NotSdp(error.to_string()))?;
    if session.medias.is_empty() {
        return Err(OfferError::NoMedia);
    }
    if session.medias.len() > MEDIA_LINES_MAX {
        let text = format!("it has {} m-lines, more than {MEDIA_LINES_MAX}", session.medias.len());
        return Err(OfferError::Refused(text));
    }
    let (index, payload) = choose_video(&session, format)?;
    let video = read_video(&session, index, payload)?;
    Ok(Offer { sections: session.medias.iter().map(section).collect(), video })
}

fn section(media: &Media) -> Section {
    let first_format = media.fmt.split_ascii_whitespace().next().unwrap_or("0").to_owned();
    let maps = media.attributes.iter().filter(|a| a.attribute == "rtpmap");
    let mut maps = maps.filter_map(|a| a.value.as_deref()?.trim().split_once(' '));
    let first_rtpmap = maps.find(|(payload, _)| *payload == first_format);
    Section {
        media: media.media.clone(),
        proto: media.proto.clone(),
        first_rtpmap: first_rtpmap.map(|(_, map)| map.to_owned()),
        first_format,
        mid: value(&media.attributes, "mid").map(str::to_owned),
    }
}

/// The first video section that can receive H.264 in packetization mode 1, and its best payload.
fn choose_video(
    session: &Session,
    format: ProfileLevelId,
) -> Result<(usize, H264Payload), OfferError> {
    let mut codecs: Option<Vec<String>> = None;
    for (index, media) in session.medias.iter().enumerate() {
        if media.media != "video" || !is_alive(media) || !receives(session, media) {
            continue;
        }
        let all = h264_payloads(media);
        let usable: Vec<_> = all.iter().filter(|p| p.packetization_mode == 1).collect();
        let offered = usable.iter().map(|p| p.profile_level_id);
        let best = best_match(format, offered);
        if let Some((best, payload)) = best.and_then(|b| Some((b, usable.get(b.index)?))) {
            if best.compatibility == Compatibility::Unsure {
                tracing::warn!(stream = %format, offered = %best.id,
                    "the viewer offers no profile that must decode the stream; most do");
            }
            return Ok((index, **payload));
        }
        let names = codecs.get_or_insert_default();
        names.extend(codec_names(media));
        if !all.is_empty() {
            names.push("H.264 in packetization-mode=0 only".to_owned());
        }
    }
    Err(match codecs {
        None => OfferError::NoVideo,
        Some(names) if names.is_empty() => OfferError::NoH264("no codec".to_owned()),
        Some(names) => OfferError::NoH264(names.join(", ")),
    })
}

/// Port 0 rejects a section, unless it says bundle-only (RFC 8843 §6).
fn is_alive(media: &Media) -> bool {
    media.port != 0 || media.has_attribute("bundle-only")
}

fn receives(session: &Session, media: &Media) -> bool {
    let direction = |attributes: &[Attribute]| {
        ["sendrecv", "recvonly", "sendonly", "inactive"]
            .into_iter()
            .find(|name| attributes.iter().any(|a| a.attribute.eq_ignore_ascii_case(name)))
    };
    let direction = direction(&media.attributes).or_else(|| direction(&session.attributes));
    matches!(direction, None | Some("sendrecv" | "recvonly"))
}

fn read_video(
    session: &Session,
    index: usize,
    payload: H264Payload,
) -> Result<OfferedVideo, OfferError> {
    let media = session.medias.get(index).ok_or(OfferError::NoVideo)?;
    // What is said of a section holds before what is said of the session.
    let said = |name: &str| value(&media.attributes, name).or(value(&session.attributes, name));
    let ufrag = said("ice-ufrag").filter(|text| UFRAG_CHARS.contains(&text.len()));
    let password = said("ice-pwd").filter(|text| PASSWORD_CHARS.contains(&text.len()));
    if !media.has_attribute("rtcp-mux") {
        return Err(OfferError::Missing("a=rtcp-mux in its video section"));
    }
    let fingerprint = fingerprint(&media.attributes).or(fingerprint(&session.attributes));
    Ok(OfferedVideo {
        index,
        feedback: feedback(media, payload.pt),
        rtcp_rsize: media.has_attribute("rtcp-rsize"),
        payload,
        bundled: is_bundled(session, media),
        ufrag: ufrag.ok_or(OfferError::Missing("a valid a=ice-ufrag"))?.to_owned(),
        password: password.ok_or(OfferError::Missing("a valid a=ice-pwd"))?.to_owned(),
        fingerprint: fingerprint.ok_or(OfferError::Missing("a=fingerprint:sha-256"))?,
        setup: match said("setup") {
            Some("active") => Setup::Active,
            Some("passive") => Setup::Passive,
            Some("actpass") | None => Setup::ActPass,
            Some(_) => return Err(OfferError::Missing("a=setup of actpass, active or passive")),
        },
        ice_lite: session.attributes.iter().any(|a| a.attribute == "ice-lite"),
        extensions: extensions(session, media),
        candidates: candidates(session),
    })
}

/// SHA-256, as every current stack sends it.
fn fingerprint(attributes: &[Attribute]) -> Option<String> {
    let all = attributes.iter().filter(|a| a.attribute == "fingerprint");
    let mut values = all.filter_map(|a| a.value.as_deref()).map(str::trim);
    let is_sha256 = |text: &&str| {
        let Some((hash, hex)) = text.split_once(' ') else { return false };
        let bytes: Vec<_> = hex.split(':').map(|byte| u8::from_str_radix(byte, 16)).collect();
        hash.eq_ignore_ascii_case("sha-256") && bytes.len() == 32 && bytes.iter().all(Result::is_ok)
    };
    values.find(is_sha256).map(|text| format!("sha-256{}", &text["sha-256".len()..]))
}

/// What `a=rtcp-fb` says of a payload type, or of all by `*` (RFC 4585 §4.2).
fn feedback(media: &Media, pt: u8) -> Vec<String> {
    let lines = media.attributes.iter().filter(|a| a.attribute == "rtcp-fb");
    let values = lines.filter_map(|a| a.value.as_deref()?.trim().split_once(' '));
    let pt = pt.to_string();
    let ours = values.filter(|(payload, _)| *payload == pt || *payload == "*");
    ours.map(|(_, feedback)| feedback.trim().to_owned()).collect()
}

fn is_bundled(session: &Session, media: &Media) -> bool {
    let Some(mid) = value(&media.attributes, "mid") else { return false };
    let groups = session.attributes.iter().filter(|a| a.attribute == "group");
    groups.filter_map(|a| a.value.as_deref()).any(|group| {
        let mut words = group.split_ascii_whitespace();
        words.next() == Some("BUNDLE") && words.any(|word| word == mid)
    })
}

fn extensions(session: &Session, media: &Media) -> Vec<(u8, String)> {
    let lines = media.attributes.iter().chain(&session.attributes);
    let values = lines.filter(|a| a.attribute == "extmap").filter_map(|a| a.value.as_deref());
    let parsed = values.filter_map(|text| {
        let mut words = text.split_ascii_whitespace();
        // The id may carry a direction, RFC 8285 §8: `3/recvonly`.
        let id = words.next()?.split('/').next()?.parse().ok()?;
        Some((id, words.next()?.to_owned()))
    });
    // One-byte headers have ids 1 to 14, RFC 8285 §4.2.
    parsed.filter(|(id, _)| (1..=14).contains(id)).collect()
}

fn candidates(session: &Session) -> Vec<String> {
    let lines = session.medias.iter().flat_map(|media| &media.attributes);
    let values = lines.filter(|a| a.attribute == "candidate").filter_map(|a| a.value.as_deref());
    values.take(CANDIDATES_MAX).map(|value| format!("candidate:{value}")).collect()
}

fn value<'a>(attributes: &'a [Attribute], name: &str) -> Option<&'a str> {
    let mut named = attributes.iter().filter(|a| a.attribute.eq_ignore_ascii_case(name));
    named.find_map(|a| a.value.as_deref()).map(str::trim)
}
