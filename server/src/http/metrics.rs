//! `GET /metrics`: what the endpoint, the event loop, the stream and signalling have counted.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::extract::State;
use axum::http::header::{CONTENT_TYPE, HeaderValue};
use axum::response::{IntoResponse as _, Response};
use pinhole_core::diagnose::Verdict;
use pinhole_core::gather::LocalCandidate;
use pinhole_core::{CloseCause, DropReason, EndpointStats, KeyframeCause, SessionStats};
use pinhole_encoder::StreamStats;
use pinhole_runtime::{RuntimeStats, Snapshot};
use tokio::time::timeout;

use super::App;
use super::access::Admitted;
use super::exposition::{self, Exposition, Kind};
use super::labels::{CANDIDATES, PATHS, candidate_label, path_label};
use super::latency;
use super::refusal::Refusal;
use crate::sessions::Sessions;
use crate::verdicts::severity_label;

/// A loop that does not answer in this time is in trouble; the scraper should see that as a failed
/// scrape.
const SNAPSHOT_TIME: Duration = Duration::from_secs(2);

/// `GET /metrics`
pub(super) async fn metrics(_: Admitted, State(app): State<Arc<App>>) -> Result<Response, Refusal> {
    let snapshot = timeout(SNAPSHOT_TIME, app.handle.snapshot())
        .await
        .map_err(|_| Refusal::later("the event loop does not answer"))?
        .map_err(|error| Refusal::later(error.to_string()))?;
    let mut text = Exposition::default();
    endpoint(&mut text, &snapshot.endpoint);
    reach(&mut text, &snapshot);
    traffic(&mut text, &snapshot.endpoint);
    event_loop(&mut text, &snapshot.runtime);
    network(&mut text, &snapshot.runtime);
    stream(&mut text, &app.stream);
    verdicts(&mut text, &app.sessions);
    signalling(&mut text, &app);
    latency::write(&mut text, &snapshot.ledger, &app);
    let kind = HeaderValue::from_static(exposition::CONTENT_TYPE);
    Ok(([(CONTENT_TYPE, kind)], text.into_text()).into_response())
}

fn endpoint(text: &mut Exposition, stats: &EndpointStats) {
    let states = [
        ("connecting", stats.connecting),
        ("connected", stats.connected),
        ("interrupted", stats.interrupted),
    ];
    let all: usize = states.iter().map(|(_, count)| count).sum();
    text.one(Kind::Gauge, "pinhole_sessions", "Sessions now, in any state.", all);
    text.family(
        Kind::Gauge,
        "pinhole_sessions_by_state",
        "Sessions now, by state.",
        "state",
        states,
    );
    text.one(
        Kind::Counter,
        "pinhole_sessions_total",
        "Offers accepted since the start.",
        stats.sessions_total,
    );
    let closed = counts(CloseCause::ALL, CloseCause::code, &stats.closed_total);
    text.family(
        Kind::Counter,
        "pinhole_sessions_closed_total",
        "Sessions ended, by cause.",
        "cause",
        closed,
    );
}

/// Each of `all`, so that each has its line from the start, with how often it was counted.
fn counts<K: Ord + Copy>(
    all: &[K],
    code: fn(K) -> &'static str,
    counted: &BTreeMap<K, u64>,
) -> Vec<(&'static str, u64)> {
    all.iter().map(|it| (code(*it), counted.get(it).copied().unwrap_or(0))).collect()
}

/// How viewers reach us, and what they are told.
fn reach(text: &mut Exposition, snapshot: &Snapshot) {
    let kinds = PATHS.map(|kind| {
        let on_it = |session: &&SessionStats| session.path.is_some_and(|path| path.kind == kind);
        (path_label(kind), snapshot.sessions.iter().filter(on_it).count())
    });
    text.family(
        Kind::Gauge,
        "pinhole_sessions_by_path",
        "Sessions now, by the way that their packets go; a tunnel is UDP that a relay such as frp \
         carries inside TCP.",
        "path",
        kinds,
    );
    let candidates = CANDIDATES.map(|label| {
        let of_kind = |candidate: &&LocalCandidate| candidate_label(candidate) == label;
        (label, snapshot.candidates.iter().filter(of_kind).count())
    });
    text.family(
        Kind::Gauge,
        "pinhole_candidates",
        "Addresses that viewers are told now, by kind.",
        "kind",
        candidates,
    );
    text.one(
        Kind::Counter,
        "pinhole_roams_total",
        "Times that a viewer's address changed under a session that went on.",
        snapshot.endpoint.roams_total,
    );
}

fn traffic(text: &mut Exposition, stats: &EndpointStats) {
    let counters = [
        ("pinhole_datagrams_received_total", "Datagrams received.", stats.datagrams_received_total),
        ("pinhole_datagrams_sent_total", "Datagrams sent.", stats.datagrams_sent_total),
        ("pinhole_sent_bytes_total", "Bytes of the datagrams sent.", stats.bytes_sent_total),
        ("pinhole_frames_total", "Frames handed to the endpoint.", stats.frames_total),
        ("pinhole_keyframes_total", "Keyframes handed to the endpoint.", stats.keyframes_total),
        (
            "pinhole_frames_skipped_total",
            "Frames that a viewer lost whole, over all viewers.",
            stats.frames_skipped_total,
        ),
        (
            "pinhole_keyframe_requests_total",
            "PLI and FIR received from viewers.",
            stats.keyframe_requests_total,
        ),
        (
            "pinhole_retransmitted_packets_total",
            "Packets sent again after a NACK.",
            stats.nacks_total,
        ),
    ];
    for (name, help, value) in counters {
        text.one(Kind::Counter, name, help, value);
    }
    if let Some(bits) = stats.bitrate_target {
        let help = "Bits per second that the encoder is to make: what the slowest viewer's path takes, \
                    of those above --bitrate-floor.";
        text.one(Kind::Gauge, "pinhole_bitrate_target_bits_per_second", help, bits);
    }
    let wanted = counts(KeyframeCause::ALL, KeyframeCause::code, &stats.keyframes_wanted_total);
    text.family(
        Kind::Counter,
        "pinhole_keyframes_wanted_total",
        "Keyframes that the encoder was asked for, by why: one for all viewers that wait at the time.",
        "cause",
        wanted,
    );
    let dropped = counts(DropReason::ALL, DropReason::code, &stats.dropped_total);
    text.family(
        Kind::Counter,
        "pinhole_datagrams_dropped_total",
        "Datagrams received and dropped, by reason.",
        "reason",
        dropped,
    );
}

fn event_loop(text: &mut Exposition, stats: &RuntimeStats) {
    let counters = [
        ("pinhole_loop_turns_total", "Turns of the event loop.", stats.turns),
        ("pinhole_loop_sends_total", "Send system calls.", stats.sends),
        ("pinhole_loop_sends_blocked_total", "Sends that had to wait.", stats.sends_blocked),
        ("pinhole_loop_send_errors_total", "Sends that failed.", stats.send_errors),
        (
            "pinhole_loop_receives_total",
            "Receive system calls that returned something.",
            stats.receives,
        ),
    ];
    for (name, help, value) in counters {
        text.one(Kind::Counter, name, help, value);
    }
}

fn network(text: &mut Exposition, stats: &RuntimeStats) {
    let help = "TCP connections now: viewers without UDP, and to TURN servers.";
    text.one(Kind::Gauge, "pinhole_tcp_connections", help, stats.streams);
    let counters = [
        (
            "pinhole_tcp_connections_failed_total",
            "TCP connections to TURN servers that could not be made.",
            stats.streams_failed,
        ),
        (
            "pinhole_tcp_sent_bytes_total",
            "Bytes written to TCP connections.",
            stats.stream_bytes_sent,
        ),
        (
            "pinhole_tcp_received_bytes_total",
            "Bytes read from TCP connections.",
            stats.stream_bytes_received,
        ),
        (
            "pinhole_tcp_drops_total",
            "Messages for TCP connections that were dropped for want of room.",
            stats.stream_drops,
        ),
        (
            "pinhole_lookups_failed_total",
            "Lookups of names of STUN and TURN servers that failed.",
            stats.lookups_failed,
        ),
    ];
    for (name, help, value) in counters {
        text.one(Kind::Counter, name, help, value);
    }
}

fn stream(text: &mut Exposition, stats: &StreamStats) {
    let counters = [
        ("pinhole_source_frames_total", "Pictures from the source.", &stats.frames_captured),
        ("pinhole_encoder_frames_total", "Pictures encoded.", &stats.frames_encoded),
        (
            "pinhole_encoder_frames_dropped_total",
            "Pictures dropped because the encoder was busy.",
            &stats.frames_dropped,
        ),
        (
            "pinhole_encoder_frames_thinned_total",
            "Pictures left out so that the bitrate is kept to.",
            &stats.frames_thinned,
        ),
        (
            "pinhole_encoder_frames_lost_total",
            "Pictures encoded that the event loop did not take in time; a keyframe follows.",
            &stats.access_units_dropped,
        ),
        ("pinhole_encoder_keyframes_total", "Keyframes encoded.", &stats.keyframes),
        (
            "pinhole_encoder_keyframes_unasked_total",
            "Keyframes that nobody had asked for: the first of a size and of an encoder.",
            &stats.keyframes_unasked,
        ),
        ("pinhole_encoder_bytes_total", "Bytes encoded.", &stats.bytes),
    ];
    let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    for (name, help, counter) in counters {
        text.one(Kind::Counter, name, help, load(counter));
    }
    let seconds = load(&stats.encode_micros) as f64 / 1e6;
    let help = "Seconds spent in the encoder.";
    text.one(Kind::Counter, "pinhole_encoder_seconds_total", help, seconds);
}

/// What is wrong with sessions; a verdict has its lines from the first time on that it was told.
fn verdicts(text: &mut Exposition, sessions: &Sessions) {
    let told = sessions.verdicts.all();
    let now = sessions.by_verdict();
    let seen: BTreeSet<Verdict> =
        told.keys().map(|(verdict, _)| *verdict).chain(now.keys().copied()).collect();
    text.pairs(
        Kind::Counter,
        "pinhole_verdicts_total",
        "Verdicts on sessions and refused offers, each time that one was told; docs/verdicts/ has a \
         page on each.",
        ["verdict", "severity"],
        told.iter().map(|((verdict, severity), count)| {
            ([verdict.code(), severity_label(*severity)], *count)
        }),
    );
    text.family(
        Kind::Gauge,
        "pinhole_sessions_by_verdict",
        "Sessions now that have a verdict, by verdict.",
        "verdict",
        seen.iter().map(|verdict| (verdict.code(), now.get(verdict).copied().unwrap_or(0))),
    );
}

fn signalling(text: &mut Exposition, app: &App) {
    let open = app.limits.sockets - app.sockets.available_permits();
    text.one(Kind::Gauge, "pinhole_websockets", "WebSockets open now.", open);
    let up = u8::from(app.health.fault().is_none());
    text.one(Kind::Gauge, "pinhole_stream_up", "1 while the source and the encoder work.", up);
    text.histogram(
        "pinhole_answer_seconds",
        "From an offer to its answer.",
        &app.sessions.answering,
    );
    text.histogram(
        "pinhole_connect_seconds",
        "From an offer to a connected viewer.",
        &app.sessions.connecting,
    );
    let encoder = [(app.format.encoder.as_str(), 1)];
    text.family(Kind::Gauge, "pinhole_encoder_info", "The encoder.", "encoder", encoder);
    let version = [(env!("CARGO_PKG_VERSION"), 1)];
    text.family(Kind::Gauge, "pinhole_build_info", "The version.", "version", version);
}
