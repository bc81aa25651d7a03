//! How str0m is set up: each of its defaults that is made for conferences is set on purpose.

use std::time::{Duration, Instant};

use str0m::media::Pt;
use str0m::rtp::{Extension, ExtensionMap};
use str0m::{IceCreds, Rtc, RtcConfig};

use super::certificate::Certificate;
use super::crypto::crypto_provider;
use super::lifecycle::Patience;
use super::local::Local;
use crate::adapt;
use crate::base::WallClock;
use crate::h264::ProfileLevelId;
use crate::sdp::OfferedVideo;

/// First retransmission of a check: half of what str0m waits, because with one path to check there
/// is no storm to fear, and where both sides must punch the second check is the one that arrives.
const CHECK_RTO_FIRST: Duration = Duration::from_millis(120);
/// Longest wait between retransmissions of a check.
const CHECK_RTO_MAX: Duration = Duration::from_millis(1_500);
/// 0.12 + 0.24 + 0.48 + 0.96 + 1.5 + 1.5 + 1.5 s: checks that nobody answers fail a path within
/// 7 s, but not within 15 s of the viewer's own last check on it (str0m's rule, not settable).
const CHECK_RETRANSMITS: usize = 6;
/// Where the estimate of a path starts, at most, in bits per second. str0m then probes up to six times
/// that within its first second, so that a good path is known soon, and a bad one is not flooded.
const ESTIMATE_FIRST_MAX: u64 = 4_000_000;
/// RTCP sender reports, and with them the statistics.
const REPORT_INTERVAL: Duration = Duration::from_secs(1);

/// What all sessions of an endpoint are made from.
#[derive(Debug, Clone)]
pub(crate) struct SessionSetup {
    pub(crate) certificate: Certificate,
    /// Our own addresses: all that str0m answers on.
    pub(crate) locals: Vec<Local>,
    /// What is sent.
    pub(crate) format: ProfileLevelId,
    pub(crate) patience: Patience,
    /// Whether str0m estimates the path's bandwidth, where the viewer feeds it: the most that the
    /// stream takes, bits per second.
    pub(crate) estimator: Option<u64>,
    /// How long a packet is kept for retransmission.
    pub(crate) retransmit_for: Duration,
    /// For the capture times that viewers are told.
    pub(crate) wall_clock: WallClock,
}

impl SessionSetup {
    /// Makes str0m's session for one offered video section.
    pub(super) fn rtc(
        &self,
        now: Instant,
        credentials: IceCreds,
        video: &OfferedVideo,
        estimator: Option<u64>,
    ) -> Rtc {
        // With the statistics comes what the estimator says.
        let interval = if estimator.is_some() { adapt::REPORT_INTERVAL } else { REPORT_INTERVAL };
        let mut config = RtcConfig::new()
            .set_local_ice_credentials(credentials)
            .set_crypto_provider(crypto_provider())
            .set_dtls_cert(self.certificate.0.clone())
            .set_rtp_mode(true)
            .set_stats_interval(Some(interval))
            .set_rtcp_report_interval_video(REPORT_INTERVAL)
            .clear_codecs()
            .set_extension_map(extension_map());
        if let Some(ceiling) = estimator {
            config = config.enable_bwe(Some(ceiling.min(ESTIMATE_FIRST_MAX).into()));
        }
        config.set_initial_stun_rto(CHECK_RTO_FIRST);
        config.set_max_stun_rto(CHECK_RTO_MAX);
        config.set_max_stun_retransmits(CHECK_RETRANSMITS);
        let payload = &video.payload;
        let id = payload.profile_level_id;
        let id = u32::from_be_bytes([0, id.profile_idc, id.constraints, id.level_idc]);
        let (pt, rtx) = (Pt::from(payload.pt), payload.rtx.map(Pt::from));
        config.codec_config().add_h264(pt, rtx, true, id);
        config.build(now)
    }
}

/// Which extensions str0m knows; the ids are the offer's.
fn extension_map() -> ExtensionMap {
    let mut map = ExtensionMap::empty();
    map.set(1, Extension::TransportSequenceNumber);
    map.set(2, Extension::PlayoutDelay);
    map.set(3, Extension::AbsoluteCaptureTime);
    map
}
