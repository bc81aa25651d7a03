//! What a session suffers from once it is connected, and why it was lost.

use std::time::Duration;

use super::{Cause, SessionFacts, Severity, Surroundings, Verdict};
use crate::gather::TurnTransport;
use crate::session::PathKind;

/// Pictures should be there by then.
const FIRST_PICTURE: Duration = Duration::from_secs(4);
/// An encoder that hands in nothing for so long stands still.
const ENCODER_SILENT: Duration = Duration::from_secs(10);
/// Frames after which a viewer without a picture has no excuse.
const FRAMES_MIN: u64 = 30;
/// The part of packets whose loss shows.
const LOSS_SEEN: f32 = 0.05;
/// The part of packets without which nothing is left but what is small.
const LOSS_OF_ALL_LARGE: f32 = 0.5;
/// Browsers tell every five seconds that they play; one whose count of pictures stands for longer sees
/// nothing, and one whose count has just risen sees something.
const FROZEN: Duration = Duration::from_secs(6);
const FRESH: Duration = Duration::from_secs(1);
/// Viewers report every second or so; one that does not may be cut off.
const REPORTS_APART_MAX: Duration = Duration::from_millis(2_500);
const EMPTY_REPORTS: u64 = 4;
/// A report of the browser's that is younger than the last datagram by this shows that it lives.
const LIVES: Duration = Duration::from_secs(2);

/// What a session that is connected suffers from.
pub(super) fn judge(
    surroundings: &Surroundings,
    session: &SessionFacts,
) -> Option<(Cause, Severity)> {
    let silent = session.media.encoder_silent_for.is_some_and(|silent| silent >= ENCODER_SILENT);
    if silent || surroundings.encoder_stalled.is_some() {
        return Some((Cause::of(Verdict::EncoderStalled), Severity::Failed));
    }
    if let Some(verdict) = without_picture(session) {
        return Some((Cause::of(verdict), Severity::Failed));
    }
    let kind = session.path.map(|path| path.kind);
    let loss = session.media.loss.unwrap_or(0.0);
    let verdict = match kind {
        // Whether pictures still come, its browser has yet to tell.
        _ if loss >= LOSS_OF_ALL_LARGE && !is_fresh(session) => return None,
        _ if loss >= LOSS_SEEN => Verdict::PacketsLost,
        _ if session.roams > 0 => Verdict::ViewerMoves,
        Some(PathKind::Tunnel) => Verdict::Tunnel,
        Some(PathKind::Tcp | PathKind::Relay(TurnTransport::Tcp | TurnTransport::Tls)) => {
            Verdict::OverTcp
        }
        Some(PathKind::Direct | PathKind::Relay(TurnTransport::Udp)) | None => return None,
    };
    Some((Cause::of(verdict), Severity::Degraded))
}

/// Why a connected viewer sees nothing, if it sees nothing.
fn without_picture(session: &SessionFacts) -> Option<Verdict> {
    let is_late = session.connected_for.is_some_and(|time| time >= FIRST_PICTURE);
    let is_heard = session.silent_for.is_some_and(|silent| silent <= REPORTS_APART_MAX);
    if !is_late || !is_heard || session.media.frames_sent < FRAMES_MIN {
        return None;
    }
    // Reports that say nothing of our stream come from one who has nothing of it.
    let nothing_came = session.media.loss.is_none() && session.media.reports >= EMPTY_REPORTS;
    let loss = session.media.loss.unwrap_or(0.0);
    match &session.browser {
        Some(report) if report.frames_decoded > 0 => {
            let frozen = session.frozen_for.is_some_and(|time| time >= FROZEN);
            (frozen && loss >= LOSS_OF_ALL_LARGE).then_some(Verdict::MtuBlackHole)
        }
        Some(report) if report.packets_received == 0 || loss >= LOSS_OF_ALL_LARGE => {
            Some(Verdict::MtuBlackHole)
        }
        Some(_) if loss >= LOSS_SEEN => Some(Verdict::PacketsLost),
        Some(_) => Some(Verdict::Unknown),
        None => (nothing_came || loss >= LOSS_OF_ALL_LARGE).then_some(Verdict::MtuBlackHole),
    }
}

/// Whether what its browser told of pictures is of now, or there is nobody who could tell.
fn is_fresh(session: &SessionFacts) -> bool {
    session.browser.is_none() || session.frozen_for.is_some_and(|time| time <= FRESH)
}

/// Why a session was lost that was connected.
pub(super) fn judge_loss(session: &SessionFacts) -> Cause {
    let signals = session.browser_silent_for.zip(session.silent_for);
    // It still speaks to us by another way, while its datagrams stay away.
    let lives = signals.is_some_and(|(browser, datagrams)| browser + LIVES <= datagrams);
    Cause::of(match lives {
        true if session.roams > 0 => Verdict::ViewerMoves,
        true => Verdict::PathCut,
        false => Verdict::ViewerGone,
    })
}
