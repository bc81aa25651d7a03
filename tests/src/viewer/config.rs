//! What a viewer's offer holds and where it listens.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::OnceLock;
use std::time::Instant;

use str0m::config::DtlsCert;
use str0m::media::{Direction, MediaKind, Mid};
use str0m::{Rtc, RtcConfig, change::SdpPendingOffer};

/// How the server learns where the viewer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Candidates {
    /// The candidate stands in the offer.
    #[default]
    InOffer,
    /// The offer has none; [`super::Viewer::candidate`] is for sending later.
    Trickled,
    /// The offer has one with a random `.local` name, as browsers do it.
    Mdns,
}

/// What a viewer is like.
#[derive(Debug, Clone)]
pub struct ViewerConfig {
    /// The address of its socket; the port is any free one.
    pub bind: IpAddr,
    /// How the server learns where it is.
    pub candidates: Candidates,
    /// `profile-level-id` of each H.264 payload offered, in order of preference, packetization mode 1.
    pub profile_level_ids: Vec<u32>,
    /// Whether an audio m-line stands before the video.
    pub audio: bool,
    /// Whether a data channel is asked for.
    pub data: bool,
    /// How many access units wait for [`super::Viewer::take_frames`] at most; 0 keeps none.
    pub keep_frames: usize,
}

impl Default for ViewerConfig {
    fn default() -> ViewerConfig {
        ViewerConfig {
            bind: IpAddr::V4(Ipv4Addr::LOCALHOST),
            candidates: Candidates::InOffer,
            profile_level_ids: vec![0x0042_e01f, 0x0042_001f, 0x004d_001f, 0x0064_001f],
            audio: false,
            data: false,
            keep_frames: 0,
        }
    }
}

/// An `Rtc` with its offer, before anything is sent.
pub(crate) struct Offered {
    pub(crate) rtc: Rtc,
    pub(crate) video: Mid,
    pub(crate) pending: SdpPendingOffer,
    pub(crate) sdp: String,
}

impl ViewerConfig {
    /// Makes the `Rtc` and its offer. `candidate` is added before the offer is written or after it, as configured.
    pub(crate) fn make_offer(&self, now: Instant, candidate: &str0m::Candidate) -> Option<Offered> {
        let mut config: RtcConfig =
            Rtc::builder().set_rtp_mode(true).clear_codecs().enable_opus(self.audio, false);
        config = config.set_dtls_cert(certificate()?);
        for (index, profile) in self.profile_level_ids.iter().enumerate() {
            let pt = 96 + 2 * u8::try_from(index).ok().filter(|index| *index < 8)?;
            config.codec_config().add_h264(pt.into(), Some((pt + 1).into()), true, *profile);
        }
        let mut rtc = config.build(now);
        let in_offer = self.candidates == Candidates::InOffer;
        if in_offer {
            rtc.add_local_candidate(candidate.clone())?;
        }
        let mut changes = rtc.sdp_api();
        if self.audio {
            changes.add_media(MediaKind::Audio, Direction::RecvOnly, None, None, None);
        }
        let video = changes.add_media(MediaKind::Video, Direction::RecvOnly, None, None, None);
        if self.data {
            changes.add_channel("harness".to_owned());
        }
        let (offer, pending) = changes.apply()?;
        let mut sdp = offer.to_sdp_string();
        if !in_offer {
            rtc.add_local_candidate(candidate.clone())?;
        }
        if self.candidates == Candidates::Mdns {
            sdp = with_mdns_candidate(&sdp, candidate.addr().port());
        }
        Some(Offered { rtc, video, pending, sdp })
    }
}

/// One for all viewers of a test's process: making it takes longer than an offer.
fn certificate() -> Option<DtlsCert> {
    static CERTIFICATE: OnceLock<Option<DtlsCert>> = OnceLock::new();
    let make = || str0m::crypto::from_feature_flags().dtls_provider.generate_certificate();
    CERTIFICATE.get_or_init(make).clone()
}

/// Puts a candidate with a random `.local` name at the end of the last section, where browsers' first one is too
/// once there is but one section.
fn with_mdns_candidate(sdp: &str, port: u16) -> String {
    let name = format!("{:032x}", fastrand::u128(..));
    format!(
        "{sdp}a=candidate:1 1 udp 2113937151 {}-{}-{}-{}-{}.local {port} typ host generation 0\r\n",
        &name[..8],
        &name[8..12],
        &name[12..16],
        &name[16..20],
        &name[20..],
    )
}
