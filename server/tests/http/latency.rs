use std::time::Duration;

use serde_json::{Value, json};

use super::server::start;
use super::websocket::{Socket, hear, open, play, say};

/// Tells a report, and waits until the server has taken it.
async fn report(socket: &mut Socket, playing: Value) {
    let mut message = json!({"type": "pinhole_report", "user_id": "u", "ice": "connected"});
    message.as_object_mut().unwrap().extend(playing.as_object().unwrap().clone());
    say(socket, message).await;
    say(socket, json!({"type": "pinhole_clock", "sent": 1})).await;
    loop {
        let heard = hear(socket).await.unwrap();
        if heard["type"] == "pinhole_clock" {
            assert!(heard["stages_ms"].is_object(), "{heard}");
            return;
        }
    }
}

#[tokio::test]
async fn what_pages_tell_of_their_pictures_is_in_the_metrics() {
    let server = start("").await;
    let mut socket = open(&server, "/ws/room").await;
    play(&mut socket, "u").await;

    let playing = json!({"ages_ms": [20, 40, 41], "buffer_ms": 9.5, "decode_ms": 2.5});
    report(&mut socket, playing).await;
    report(&mut socket, json!({"ages_ms": []})).await;

    let text = server.get("/metrics").await.text().await.unwrap();
    for line in [
        "pinhole_latency_stage_seconds_count{stage=\"last_packet\"} 0",
        "pinhole_latency_stage_seconds_bucket{stage=\"last_packet\",le=\"0.0001\"} 0",
        "pinhole_latency_shown_seconds_bucket{le=\"0.04\"} 2",
        "pinhole_latency_shown_seconds_sum 0.101",
        "pinhole_latency_viewer_seconds_sum{stage=\"buffer\"} 0.0095",
        "pinhole_latency_viewer_seconds_count{stage=\"buffer_target\"} 0",
        "pinhole_latency_viewer_seconds_count{stage=\"decode\"} 1",
        "pinhole_buffer_alarms_total 0",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} in {text}");
    }
}

#[tokio::test]
async fn a_jitter_buffer_that_drifts_up_is_an_alarm_until_its_viewer_goes() {
    let server = start("").await;
    let mut socket = open(&server, "/ws/room").await;
    play(&mut socket, "u").await;
    let level = |target: u32| json!({"buffer_ms": 1, "buffer_target_ms": target});

    for target in [8, 8, 90] {
        report(&mut socket, level(target)).await;
    }
    assert_eq!(server.metric("pinhole_buffer_alarms_total").await, 0.0, "it must last");
    tokio::time::sleep(Duration::from_millis(4_100)).await;
    report(&mut socket, level(95)).await;

    assert_eq!(server.metric("pinhole_buffer_alarms_total").await, 1.0);
    assert_eq!(server.metric("pinhole_buffer_alarms").await, 1.0);
    drop(socket);
    server.metric_becomes("pinhole_buffer_alarms", 0.0).await;
    assert_eq!(server.metric("pinhole_buffer_alarms_over_total").await, 0.0);
}
