//! Offers and answers of one session: the first, further ones, and ICE restarts (RFC 8445 §9).

use std::collections::BTreeSet;
use std::time::Instant;

use str0m::change::SdpOffer;
use str0m::media::{Mid, Pt};
use str0m::{IceCreds, Rtc};

use super::cache::Cache;
use super::feedback::Heard;
use super::outlet::Outlet;
use super::writer::Writer;
use super::{Input, Lifecycle, Local, Observed, Seen, Session, SessionId, SessionSetup};
use crate::adapt::PathRate;
use crate::base::{Ambient, SeedRng};
use crate::sdp::{
    AnswerParts, Fragment, Offer, OfferError, OfferedVideo, reduced_offer, write_answer,
    write_fragment,
};

/// The one section that str0m knows; the viewer never sees this name.
const MID: &str = "0";
/// RFC 8839 §5.4 asks for 24 and 128 bits at least; each character has 6.
const UFRAG_CHARS: usize = 8;
const PASSWORD_CHARS: usize = 24;

impl Session {
    /// Makes a session from an offer.
    pub(crate) fn accept(
        id: SessionId,
        now: Instant,
        setup: &SessionSetup,
        mut rng: SeedRng,
        offer: Offer,
    ) -> Result<Session, OfferError> {
        let mut ambient = Ambient::new(&mut rng);
        let credentials = draw_credentials(&mut rng);
        let estimator = setup.estimator.filter(|_| offer.video.feeds_estimator());
        let mut rtc =
            ambient.scope(|| setup.rtc(now, credentials.clone(), &offer.video, estimator));
        // str0m spaces the first checks of all pairs by 50 ms: relays, which have a check of their own
        // only where all else fails, would keep a direct path from its second one.
        let direct = |local: &&Local| !matches!(local, Local::Relayed { .. });
        let relays_wait = setup.locals.iter().any(|local| direct(&local));
        for local in setup.locals.iter().filter(|local| !relays_wait || direct(local)) {
            if let Some(candidate) = local.candidate() {
                ambient.scope(|| rtc.add_local_candidate(candidate).is_some());
            }
        }
        ambient.scope(|| accept(&mut rtc, &offer.video, estimator.is_some()))?;
        let fingerprint = rtc.direct_api().local_dtls_fingerprint().to_string();
        let first = rng.u32() as u16 & 0x7fff;
        let outlet =
            ambient.scope(|| outlet(&mut rtc, &offer.video, first, estimator.is_some(), setup));
        let heard = Heard::new(&offer.video);
        let mut session = Session {
            id,
            life: Lifecycle::new(now, setup.patience),
            rtc,
            ambient,
            rng,
            outlet: outlet?,
            offer,
            credentials,
            fingerprint,
            negotiations: 1,
            told: Vec::new(),
            told_relays: Vec::new(),
            sources: BTreeSet::new(),
            held: None,
            drained: false,
            part_due: false,
            wake: None,
            path_rate: estimator.map(PathRate::new),
            heard,
            timed_at: None,
            offered_at: now,
            relays_wait,
            pair: None,
            seen: Seen::default(),
            observed: Observed::default(),
        };
        session.add_offered_candidates();
        // str0m's ICE agent has no time before its first timeout, and without it sends no check: a
        // NAT in front of us that lets in answers only would keep the viewer's out for ever.
        session.handle_timeout(now);
        Ok(session)
    }

    /// The viewer's user name fragment and password.
    pub(crate) fn their_credentials(&self) -> (&str, &str) {
        (&self.offer.video.ufrag, &self.offer.video.password)
    }

    /// Takes a further offer: the same again, or an ICE restart.
    pub(crate) fn renegotiate(&mut self, now: Instant, offer: Offer) -> Result<(), OfferError> {
        let same_stream = offer.video.payload.pt == *self.outlet.pt()
            && offer.video.fingerprint == self.offer.video.fingerprint;
        if !same_stream {
            let text = "it changes the payload type or the certificate; make a new session";
            return Err(OfferError::Refused(text.to_owned()));
        }
        self.restart_if_changed(now, &offer.video)?;
        self.offer = offer;
        self.negotiations += 1;
        self.add_offered_candidates();
        Ok(())
    }

    /// Takes an SDP fragment. With credentials other than the known ones it restarts ICE, and the
    /// fragment to answer with is returned.
    pub(crate) fn handle_fragment(
        &mut self,
        now: Instant,
        fragment: &Fragment,
        candidates: &[String],
    ) -> Result<Option<String>, OfferError> {
        let mut video = self.offer.video.clone();
        if let Some((ufrag, password)) = &fragment.credentials {
            (video.ufrag, video.password) = (ufrag.clone(), password.clone());
        }
        video.candidates.clear();
        let restarted = self.restart_if_changed(now, &video)?;
        self.offer.video = video;
        for candidate in &fragment.candidates {
            let added = self.add_candidate(candidate);
            added.map_err(|error| OfferError::Refused(error.to_string()))?;
        }
        let answer = || write_fragment(&self.credentials, self.mid(), candidates);
        Ok(restarted.then(answer))
    }

    /// The answer to the current offer.
    pub(crate) fn answer(
        &mut self,
        setup: &SessionSetup,
        session_number: u64,
        candidates: &[String],
    ) -> String {
        let parts = AnswerParts {
            session_number,
            version: self.negotiations,
            credentials: &self.credentials,
            fingerprint: &self.fingerprint,
            ssrc: self.outlet.ssrc(),
            rtx_ssrc: self.outlet.rtx_ssrc(),
            cname: &self.credentials.ufrag,
            candidates,
            format: setup.format,
            estimator: self.path_rate.is_some(),
        };
        write_answer(&self.offer, &parts)
    }

    /// The `a=mid` of the video section, where the offer has one.
    pub(crate) fn mid(&self) -> Option<&str> {
        self.offer.sections.get(self.offer.video.index)?.mid.as_deref()
    }

    /// RFC 8445 §9: other credentials than before ask for new ones of ours.
    fn restart_if_changed(
        &mut self,
        now: Instant,
        video: &OfferedVideo,
    ) -> Result<bool, OfferError> {
        let known = &self.offer.video;
        let restart = video.ufrag != known.ufrag || video.password != known.password;
        if !restart {
            return Ok(false);
        }
        self.drained = false;
        let estimator = self.path_rate.is_some();
        let accepted = self.call(|rtc| accept(rtc, video, estimator));
        accepted.unwrap_or_else(|| Err(OfferError::Refused("the session failed".to_owned())))?;
        // str0m draws the new credentials itself, from a generator that is not cryptographic.
        self.credentials = draw_credentials(&mut self.rng);
        let ours = self.credentials.clone();
        self.call(|rtc| rtc.direct_api().set_local_ice_credentials(ours));
        self.told.clear();
        self.told_relays.clear();
        self.sources.clear();
        self.offered_at = now;
        self.on(now, Input::Restarted);
        self.handle_timeout(now);
        Ok(true)
    }

    fn add_offered_candidates(&mut self) {
        for candidate in std::mem::take(&mut self.offer.video.candidates) {
            if let Err(error) = self.add_candidate(&candidate) {
                tracing::debug!(id = ?self.id, %error, "candidate in the offer ignored");
            }
        }
    }
}

fn draw_credentials(rng: &mut SeedRng) -> IceCreds {
    IceCreds { ufrag: rng.ice_chars(UFRAG_CHARS), pass: rng.ice_chars(PASSWORD_CHARS) }
}

fn accept(rtc: &mut Rtc, video: &OfferedVideo, estimator: bool) -> Result<(), OfferError> {
    let refused = |error: &dyn std::fmt::Display| OfferError::Refused(error.to_string());
    let reduced = reduced_offer(video, MID, estimator);
    let offer = SdpOffer::from_sdp_string(&reduced).map_err(|error| refused(&error))?;
    let accepted = rtc.sdp_api().accept_offer(offer);
    accepted.map(drop).map_err(|error| refused(&error))
}

/// The stream that the offer made str0m declare, with its retransmission cache.
fn outlet(
    rtc: &mut Rtc,
    video: &OfferedVideo,
    first: u16,
    estimated: bool,
    setup: &SessionSetup,
) -> Result<Outlet, OfferError> {
    let mid = Mid::from(MID);
    let mut api = rtc.direct_api();
    let Some(stream) = api.stream_tx_by_mid(mid, None) else {
        return Err(OfferError::Refused("no stream can be sent on its video section".to_owned()));
    };
    let SessionSetup { retransmit_for, wall_clock, .. } = *setup;
    let mut cache =
        if estimated { Cache::estimated(retransmit_for) } else { Cache::new(retransmit_for) };
    cache.empty(stream);
    let (ssrc, rtx) = (*stream.ssrc(), stream.rtx().map(|ssrc| *ssrc));
    let pt = Pt::from(video.payload.pt);
    Ok(Outlet::new(mid, ssrc, rtx, cache, Writer::new(pt, first, wall_clock)))
}
