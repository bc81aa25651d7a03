//! A viewer of an independent stack, at [`VIEWER`].

use std::net::SocketAddr;
use std::time::Instant;

use pinhole_core::{Accepted, Endpoint};
use str0m::change::{SdpAnswer, SdpPendingOffer};
use str0m::channel::ChannelId;
use str0m::net::{Protocol, Receive};
use str0m::{Candidate, Event, Input, Output, Rtc};

use super::{BASE, VIEWER};
use crate::viewer::{Offered, ViewerConfig};

/// Datagrams that it sends in one breath.
const BREATH_MAX: usize = 1_000;

/// The viewer.
pub(in crate::fuzz) struct Viewer {
    pub(in crate::fuzz) rtc: Rtc,
    /// Whether ICE and DTLS are through.
    pub(in crate::fuzz) connected: bool,
    /// When it wants to be woken.
    pub(in crate::fuzz) wake: Option<Instant>,
    channel: Option<ChannelId>,
}

/// An offer of a viewer that will never come.
pub(in crate::fuzz) fn fresh_offer(now: Instant) -> String {
    offered(now).sdp
}

fn offered(now: Instant) -> Offered {
    let candidate = Candidate::host(VIEWER, "udp").expect("a host candidate");
    let config = ViewerConfig { data: true, ..ViewerConfig::default() };
    config.make_offer(now, &candidate).expect("the default is an offer")
}

impl Viewer {
    /// Offers, and takes the answer.
    pub(in crate::fuzz) fn join(endpoint: &mut Endpoint, now: Instant) -> (Viewer, Accepted) {
        let Offered { mut rtc, pending, sdp, .. } = offered(now);
        let accepted = endpoint.accept_offer(now, &sdp).expect("our own offer is good");
        take_answer(&mut rtc, pending, &accepted.answer);
        (Viewer { rtc, connected: false, wake: Some(now), channel: None }, accepted)
    }

    /// An offer that restarts ICE.
    pub(in crate::fuzz) fn offer_again(&mut self) -> Option<(String, SdpPendingOffer)> {
        let mut changes = self.rtc.sdp_api();
        changes.ice_restart(true);
        let (offer, pending) = changes.apply()?;
        Some((offer.to_sdp_string(), pending))
    }

    /// Takes an answer to a further offer.
    pub(in crate::fuzz) fn take_answer(&mut self, pending: SdpPendingOffer, answer: &str) {
        take_answer(&mut self.rtc, pending, answer);
    }

    /// Says something over its data channel, once that is open.
    pub(in crate::fuzz) fn write(&mut self, binary: bool, bytes: &[u8]) {
        if let Some(mut channel) = self.channel.and_then(|id| self.rtc.channel(id)) {
            // A peer of the tests: what it cannot say it leaves unsaid.
            let _ = channel.write(binary, bytes);
        }
    }

    /// Takes a datagram.
    pub(in crate::fuzz) fn hear(&mut self, now: Instant, source: SocketAddr, bytes: &[u8]) {
        if let Ok(received) = Receive::new(Protocol::Udp, source, VIEWER, bytes) {
            // As above: an error ends the conversation.
            let _ = self.rtc.handle_input(Input::Receive(now, received));
        }
        self.wake = Some(now);
    }

    /// What it has to say.
    pub(in crate::fuzz) fn speak(&mut self, now: Instant) -> Vec<Vec<u8>> {
        let mut said = Vec::new();
        if self.wake.is_none_or(|at| at > now) {
            return said;
        }
        let _ = self.rtc.handle_input(Input::Timeout(now));
        self.wake = None;
        for _ in 0..BREATH_MAX {
            match self.rtc.poll_output() {
                Ok(Output::Transmit(transmit)) if transmit.destination == BASE => {
                    said.push(transmit.contents.to_vec());
                }
                Ok(Output::Transmit(_)) => {}
                Ok(Output::Event(Event::Connected)) => self.connected = true,
                Ok(Output::Event(Event::ChannelOpen(id, _))) => self.channel = Some(id),
                Ok(Output::Event(_)) => {}
                Ok(Output::Timeout(at)) => {
                    self.wake = Some(at.max(now + std::time::Duration::from_millis(1)));
                    break;
                }
                Err(_) => break,
            }
        }
        said
    }
}

fn take_answer(rtc: &mut Rtc, pending: SdpPendingOffer, answer: &str) {
    let answer = SdpAnswer::from_sdp_string(answer).expect("our answer parses");
    rtc.sdp_api().accept_answer(pending, answer).expect("our answer fits our offer");
}
