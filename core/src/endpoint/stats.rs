//! Counters and gauges.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::keyframes::KeyframeCause;
use super::routes::Via;
use super::{Endpoint, Path, PathKind, SessionId, SessionState};
use crate::diagnose::Verdict;
use crate::gather::{Audience, CandidateKind, is_public};
use crate::session::{CloseCause, Session};
use crate::wire::DropReason;

/// One session, seen from outside.
#[derive(Debug, Clone, PartialEq)]
pub struct SessionStats {
    /// Which.
    pub id: SessionId,
    /// State.
    pub state: SessionState,
    /// Which way its packets go; `None` before the first.
    pub path: Option<Path>,
    /// Round trip.
    pub rtt: Option<Duration>,
    /// Fraction of packets that the viewer reports lost, 0..=1.
    pub loss: Option<f32>,
    /// Since when that is its loss.
    pub loss_at: Option<Instant>,
    /// Bits per second that its path is thought to take, RTP headers aside; `None` where the viewer
    /// does not feed the estimator, or there is none.
    pub estimate: Option<u64>,
    /// Frames sent to it.
    pub frames: u64,
    /// Frames it lost whole.
    pub frames_skipped: u64,
    /// What is wrong with it, if anything.
    pub verdict: Option<Verdict>,
}

/// Counters of an endpoint since its start, and gauges of now.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EndpointStats {
    /// Sessions by state: connecting, connected, interrupted.
    pub connecting: usize,
    /// Connected sessions.
    pub connected: usize,
    /// Interrupted sessions.
    pub interrupted: usize,
    /// Offers accepted.
    pub sessions_total: u64,
    /// Sessions ended, by cause.
    pub closed_total: BTreeMap<CloseCause, u64>,
    /// Datagrams dropped, by reason.
    pub dropped_total: BTreeMap<DropReason, u64>,
    /// Datagrams received.
    pub datagrams_received_total: u64,
    /// Datagrams handed out for sending.
    pub datagrams_sent_total: u64,
    /// Their bytes.
    pub bytes_sent_total: u64,
    /// Frames handed in.
    pub frames_total: u64,
    /// Keyframes handed in.
    pub keyframes_total: u64,
    /// Frames that a viewer lost whole, over all viewers.
    pub frames_skipped_total: u64,
    /// PLI and FIR received from viewers.
    pub keyframe_requests_total: u64,
    /// IDRs that the encoder was asked for, or is as soon as it may be, by why.
    pub keyframes_wanted_total: BTreeMap<KeyframeCause, u64>,
    /// Times that a viewer's address changed under a session that went on.
    pub roams_total: u64,
    /// Connections closed because they carried something else than ICE or TURN.
    pub streams_broken_total: u64,
    /// Verdicts on sessions, each time one was told.
    pub verdicts_total: BTreeMap<Verdict, u64>,
    /// NACKed packets sent again.
    pub nacks_total: u64,
    /// Bits per second that the encoder was last told to make; `None` without the estimator.
    pub bitrate_target: Option<u64>,
}

impl EndpointStats {
    /// Counts what another endpoint beside this one has counted. What is one for all of them, the
    /// frames handed in and the encoder's bitrate, is not summed: of the frames the larger number
    /// counts, and of the bitrates the smaller one.
    pub fn add(&mut self, other: &EndpointStats) {
        // Each field is named, so that none is forgotten.
        let EndpointStats {
            connecting,
            connected,
            interrupted,
            sessions_total,
            closed_total,
            dropped_total,
            datagrams_received_total,
            datagrams_sent_total,
            bytes_sent_total,
            frames_total,
            keyframes_total,
            frames_skipped_total,
            keyframe_requests_total,
            keyframes_wanted_total,
            roams_total,
            streams_broken_total,
            verdicts_total,
            nacks_total,
            bitrate_target,
        } = other;
        self.connecting += connecting;
        self.connected += connected;
        self.interrupted += interrupted;
        self.sessions_total += sessions_total;
        add_each(&mut self.closed_total, closed_total);
        add_each(&mut self.dropped_total, dropped_total);
        self.datagrams_received_total += datagrams_received_total;
        self.datagrams_sent_total += datagrams_sent_total;
        self.bytes_sent_total += bytes_sent_total;
        self.frames_total = self.frames_total.max(*frames_total);
        self.keyframes_total = self.keyframes_total.max(*keyframes_total);
        self.frames_skipped_total += frames_skipped_total;
        self.keyframe_requests_total += keyframe_requests_total;
        add_each(&mut self.keyframes_wanted_total, keyframes_wanted_total);
        self.roams_total += roams_total;
        self.streams_broken_total += streams_broken_total;
        add_each(&mut self.verdicts_total, verdicts_total);
        self.nacks_total += nacks_total;
        let both = self.bitrate_target.into_iter().chain(*bitrate_target);
        self.bitrate_target = both.min();
    }
}

fn add_each<K: Ord + Copy>(counts: &mut BTreeMap<K, u64>, more: &BTreeMap<K, u64>) {
    for (key, count) in more {
        *counts.entry(*key).or_default() += count;
    }
}

impl Endpoint {
    /// Datagrams dropped since the start, by reason: that of [`Endpoint::stats`] without the rest.
    pub fn dropped_total(&self) -> &BTreeMap<DropReason, u64> {
        &self.stats.dropped_total
    }

    /// Each living session, oldest first.
    pub fn sessions(&self) -> Vec<SessionStats> {
        let living = self.sessions.iter().filter(|(_, session)| super::is_alive(session));
        living
            .map(|(id, session)| SessionStats {
                id,
                state: session.state(),
                path: self.path(id, session),
                rtt: session.rtt(),
                loss: session.loss(),
                loss_at: session.loss_at(),
                estimate: session.estimate(),
                frames: session.frames(),
                frames_skipped: session.frames_skipped(),
                verdict: self.judged.get(&id).and_then(|judged| judged.verdict),
            })
            .collect()
    }

    pub(super) fn path(&self, id: SessionId, session: &Session) -> Option<Path> {
        let pair = session.pair()?;
        let (local, told) = (pair.source, pair.destination);
        let remote = self.routes.whereabouts(id, told);
        if pair.protocol != str0m::net::Protocol::Udp {
            return Some(Path { kind: PathKind::Tcp, local, remote });
        }
        if let Some(CandidateKind::Relayed(transport)) = self.gatherer.relay_kind(local) {
            return Some(Path { kind: PathKind::Relay(transport), local, remote });
        }
        let config = self.gatherer.config();
        let forwarded = config.audience == Audience::Public && !config.map.is_empty();
        let near = !is_public(remote.ip()) || config.bases.iter().any(|b| b.ip() == remote.ip());
        let kind = if forwarded && near { PathKind::Tunnel } else { PathKind::Direct };
        let alias = self.routes.by_remote(Via::Socket, remote).and_then(|route| route.alias);
        Some(Path { kind, local: alias.unwrap_or(local), remote })
    }
}
