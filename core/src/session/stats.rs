//! A session seen from outside.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use str0m::bwe::Bitrate;
use str0m::stats::{MediaEgressStats, PeerStats};

use super::{Session, Signal};
use crate::adapt::{Advice, PathRate, PathReport};
use crate::gather::TurnTransport;

/// The way that a viewer's packets go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Path {
    /// What kind of way it is.
    pub kind: PathKind,
    /// Our end: a socket's address, or the relay's.
    pub local: SocketAddr,
    /// Where the viewer seems to be.
    pub remote: SocketAddr,
}

/// What kind of way packets go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum PathKind {
    /// UDP between our socket and the viewer.
    Direct,
    /// UDP that somebody carries to us and whose sender we therefore cannot see: the viewer was told
    /// a forwarded address only, and yet comes from this machine or its network. A relay such as frp
    /// carries it inside TCP, where one lost packet delays all viewers.
    Tunnel,
    /// A TURN relay of ours, reached in this way.
    Relay(TurnTransport),
    /// A TCP connection that the viewer made.
    Tcp,
}

/// What was last heard of the viewer.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Seen {
    pub(super) rtt: Option<Duration>,
    pub(super) loss: Option<f32>,
    /// Since when that is the loss.
    pub(super) loss_at: Option<Instant>,
    pub(super) nacks: u64,
    /// Bits per second that the path is thought to take.
    pub(super) estimate: Option<u64>,
    /// How long the newest packet of the latest transport-wide feedback took, there and back.
    pub(super) acknowledged: Option<Duration>,
}

impl Session {
    /// Round trip.
    pub(crate) fn rtt(&self) -> Option<Duration> {
        self.seen.rtt
    }

    /// Fraction of packets that the viewer reports lost, 0..=1.
    pub(crate) fn loss(&self) -> Option<f32> {
        self.seen.loss
    }

    /// Since when that is so.
    pub(crate) fn loss_at(&self) -> Option<Instant> {
        self.seen.loss_at
    }

    /// Bits per second that its path is thought to take, RTP headers aside. `None`: the viewer sends
    /// no transport-wide feedback, or it was not asked to.
    pub(crate) fn estimate(&self) -> Option<u64> {
        self.seen.estimate
    }

    /// Bits of video per second that its path is to be given.
    pub(crate) fn path_rate(&self) -> Option<u64> {
        self.path_rate.as_ref().map(PathRate::rate)
    }

    /// Frames sent to it.
    pub(crate) fn frames(&self) -> u64 {
        self.outlet.frames()
    }

    /// Frames it lost whole.
    pub(crate) fn frames_skipped(&self) -> u64 {
        self.outlet.frames_skipped()
    }

    pub(super) fn on_peer_stats(&mut self, stats: &PeerStats, signal: &mut impl FnMut(Signal)) {
        // One that is the same to the nanosecond is of the same feedback.
        if let Some(took) = stats.rtt.filter(|_| stats.rtt != self.seen.acknowledged) {
            self.seen.acknowledged = Some(took);
            signal(Signal::Acknowledged(took));
        }
        let now = stats.timestamp;
        let is_idle = self.is_idle(now);
        if is_idle && self.path_rate.is_some() {
            self.rest();
        }
        if let (Some(path), Some(estimate)) = (&mut self.path_rate, stats.bwe_tx) {
            let before = path.rate();
            let heard = self.observed.report_at.unwrap_or(now);
            let report = PathReport {
                estimate: estimate.as_u64(),
                arrival: self.heard.arrivals.latest(),
                loss: stats.egress_loss_fraction.unwrap_or(0.0),
                heard,
            };
            let (advice, desired) = if is_idle {
                path.on_pause(heard);
                // Nothing is looked for that nobody needs.
                (Advice::Nothing, 0)
            } else {
                (path.on_report(now, report), path.desired(now))
            };
            let rate = path.rate();
            self.rtc.bwe().set_bitrate(Bitrate::ZERO, desired.into());
            self.seen.estimate = Some(estimate.as_u64());
            if rate != before {
                signal(Signal::PathEstimated);
            }
            match advice {
                Advice::Nothing => {}
                Advice::GiveUp => {
                    self.outlet.give_up(now, &mut self.rtc);
                    signal(Signal::PacketsGivenUp);
                }
                Advice::BeginFrom(estimate) => self.rtc.bwe().reset(estimate.into()),
            }
        }
        if let Some(pair) = &stats.selected_candidate_pair {
            self.seen.rtt = pair.current_round_trip_time.or(self.seen.rtt);
        }
        if let Some(rtt) = self.seen.rtt {
            self.outlet.on_rtt(rtt);
        }
    }

    pub(super) fn on_media_stats(
        &mut self,
        stats: &MediaEgressStats,
        signal: &mut impl FnMut(Signal),
    ) {
        if stats.loss.is_some() && stats.loss != self.seen.loss {
            self.seen.loss = stats.loss;
            self.seen.loss_at = Some(stats.timestamp);
        }
        let new = stats.nacks.saturating_sub(self.seen.nacks);
        self.seen.nacks = stats.nacks;
        if new > 0 {
            self.outlet.on_loss();
            signal(Signal::Nacks(new));
        }
        if self.lacks_last_packets(stats) {
            tracing::debug!(id = ?self.id, "the viewer lacks the end of the last picture");
            self.outlet.give_up(stats.timestamp, &mut self.rtc);
            signal(Signal::PacketsGivenUp);
        }
    }
}
