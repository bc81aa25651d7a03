//! Endpoints side by side: several that show one stream, each to viewers of its own on sockets of
//! its own, so that each can have a thread.
//!
//! Nothing is shared between them. What must agree is agreed on when they are made: no session of
//! one has the id of another's, so that an id tells its endpoint, and a frame has the same RTP time
//! everywhere, so that one clock is right for all viewers.

use std::num::NonZeroU32;
use std::time::Instant;

use super::{ConfigError, Endpoint, EndpointConfig, SessionId};
use crate::adapt::Target;
pub use crate::adapt::Voice;
use crate::base::Seed;
use crate::wire::{StunKind, parse_stun};

/// Which of several endpoints side by side one is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    index: u32,
    count: NonZeroU32,
    rtp_epoch: Instant,
    rtp_offset: u32,
}

impl Place {
    /// The places of `count` endpoints. Their RTP clock begins now, where `seed` says; that seed is for
    /// nothing else.
    pub fn row(now: Instant, seed: &Seed, count: NonZeroU32) -> Vec<Place> {
        let rtp_offset = seed.rng().u32();
        let place = |index| Place { index, count, rtp_epoch: now, rtp_offset };
        (0..count.get()).map(place).collect()
    }
}

impl SessionId {
    /// Which of `count` endpoints side by side it belongs to, from 0.
    pub fn index_among(self, count: NonZeroU32) -> usize {
        (self.0 % u64::from(count.get())) as usize
    }
}

impl Endpoint {
    /// Makes an endpoint without viewers, to stand at this place. Each needs a seed of its own.
    pub fn new_beside(
        now: Instant,
        config: EndpointConfig,
        place: Place,
    ) -> Result<Endpoint, ConfigError> {
        let mut endpoint = Endpoint::new(now, config)?;
        (endpoint.next_id, endpoint.id_step) =
            (u64::from(place.index), u64::from(place.count.get()));
        (endpoint.rtp_epoch, endpoint.rtp_offset) = (place.rtp_epoch, place.rtp_offset);
        Ok(endpoint)
    }

    /// The bitrate that [`Event::BitrateTarget`](super::Event::BitrateTarget) told last, in bits per
    /// second, and whose it is. `None` without the estimator.
    ///
    /// The slowest viewer of all endpoints whose path is above the floor decides for the encoder that
    /// they share; a bitrate alone does not tell whether it is such a one's.
    pub fn bitrate_wish(&self) -> Option<(u64, Voice)> {
        self.target.as_ref().map(Target::wish)
    }

    /// Sessions that live.
    pub fn living(&self) -> usize {
        self.sessions.living()
    }

    /// Whether the first bytes of a viewer's TCP connection (RFC 4571) are a check for a session of
    /// this endpoint.
    pub fn knows_check(&self, first_bytes: &[u8]) -> bool {
        let Some((len, rest)) = first_bytes.split_first_chunk::<2>() else { return false };
        let frame = rest.get(..usize::from(u16::from_be_bytes(*len)));
        match frame.and_then(parse_stun) {
            Some(StunKind::Request(check)) => self.routes.by_ufrag(check.local_ufrag()).is_some(),
            Some(StunKind::Response(_) | StunKind::Other) | None => false,
        }
    }
}
