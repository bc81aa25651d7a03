//! The latency part of `GET /metrics`: docs/latency.md explains each family.

use std::sync::Arc;

use pinhole_core::{Histogram, Ledger, Stage};

use super::App;
use super::exposition::{Exposition, Kind};

/// Writes it.
pub(super) fn write(text: &mut Exposition, ledger: &Ledger, app: &Arc<App>) {
    text.histograms(
        "pinhole_latency_stage_seconds",
        "Where the time of a frame goes until it has left, each frame once over all viewers; the \
         stages follow one another. travel_estimated is half the farthest viewer's round trip; \
         acknowledged counts feedback of viewers, from sending a packet until it is told to have come.",
        "stage",
        Stage::ALL.map(|stage| (stage_label(stage), ledger.histogram(stage))),
    );
    let playbacks = &app.sessions.playbacks;
    let told = playbacks.told();
    text.histograms(
        "pinhole_latency_shown_seconds",
        "From the capture of a picture until a page has shown it, as pages report it; each picture \
         of each viewer once.",
        "",
        [("", &told.age)],
    );
    let viewer: [(&str, &Histogram); 3] = [
        ("buffer", &told.buffer),
        ("buffer_target", &told.buffer_target),
        ("decode", &told.decode),
    ];
    text.histograms(
        "pinhole_latency_viewer_seconds",
        "Where the time goes in viewers' browsers, as pages report it; each report's mean once. \
         buffer_target is what the jitter buffer aims at.",
        "stage",
        viewer,
    );
    let [drifted, recovered] = playbacks.alarms();
    let counters = [
        (
            "pinhole_buffer_alarms_total",
            "Times that a viewer's jitter buffer had drifted up.",
            drifted,
        ),
        (
            "pinhole_buffer_alarms_over_total",
            "Times that one came back while its viewer watched.",
            recovered,
        ),
    ];
    for (name, help, value) in counters {
        text.one(Kind::Counter, name, help, value);
    }
    text.one(
        Kind::Gauge,
        "pinhole_buffer_alarms",
        "Viewers now whose jitter buffer has drifted up.",
        app.sessions.drifted(),
    );
}

/// The name of a stage in metrics and messages.
pub(super) fn stage_label(stage: Stage) -> &'static str {
    match stage {
        Stage::Encode => "encode",
        Stage::Queue => "queue",
        Stage::Packetize => "packetize",
        Stage::FirstPacket => "first_packet",
        Stage::LastPacket => "last_packet",
        Stage::TravelEstimated => "travel_estimated",
        Stage::Acknowledged => "acknowledged",
    }
}
