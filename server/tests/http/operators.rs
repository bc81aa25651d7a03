use serde_json::Value;

use super::server::{OFFER, header, settings, start};

#[tokio::test]
async fn metrics_are_text_with_the_gauge_of_sessions() {
    let server = start("").await;

    let response = server.get("/metrics").await;

    assert!(header(&response, "content-type").starts_with("text/plain; version=0.0.4"));
    let text = response.text().await.unwrap();
    for line in [
        "# TYPE pinhole_sessions gauge",
        "pinhole_sessions 0",
        "pinhole_sessions_by_state{state=\"connected\"} 0",
        "pinhole_datagrams_dropped_total{reason=\"bad_integrity\"} 0",
        "pinhole_sessions_closed_total{cause=\"vanished\"} 0",
        "pinhole_stream_up 1",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} in {text}");
    }
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        assert!(line.starts_with("pinhole_"), "{line}");
        let value = line.rsplit(' ').next().unwrap();
        assert!(value.parse::<f64>().is_ok(), "{line}");
    }
}

#[tokio::test]
async fn the_gauge_follows_offers_and_no_label_names_a_session() {
    let server = start("").await;
    let (path, _) = server.whep_session().await;

    let text = server.get("/metrics").await.text().await.unwrap();

    assert!(text.contains("\npinhole_sessions 1\n"), "{text}");
    assert!(text.contains("\npinhole_sessions_by_state{state=\"connecting\"} 1\n"), "{text}");
    assert!(text.contains("\npinhole_answer_seconds_count 1\n"), "{text}");
    assert!(!text.contains(path.strip_prefix("/whep/").unwrap()));
}

#[tokio::test]
async fn health_is_ok_while_the_stream_works() {
    let server = start("").await;
    let response = server.get("/healthz").await;
    assert_eq!(response.status(), 200);
    assert_eq!(response.text().await.unwrap().trim(), "ok");
}

#[tokio::test]
async fn ice_servers_are_the_browsers_own_json() {
    let server = start(
        "--ice-server stun:s --ice-server turn:t,u,p --ice-server turns:t:443 --turn-secret north",
    )
    .await;

    let text = server.get("/api/ice-servers").await.text().await.unwrap();

    let servers: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(servers[0], serde_json::json!({"urls": ["stun:s"]}));
    assert_eq!(
        servers[1],
        serde_json::json!({"urls": ["turn:t"], "username": "u", "credential": "p"})
    );
    let (expiry, user) = servers[2]["username"].as_str().unwrap().split_once(':').unwrap();
    assert!(expiry.parse::<u64>().unwrap() > 1_700_000_000 && !user.is_empty());
    assert!(!text.contains("north"));
    let empty = start("").await.get("/api/ice-servers").await.text().await.unwrap();
    assert_eq!(empty, "[]");
}

#[tokio::test]
async fn sessions_are_listed_without_what_would_let_a_reader_end_them() {
    let server = start("").await;
    let (path, etag) = server.whep_session().await;

    let text = server.get("/api/sessions").await.text().await.unwrap();

    let list: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(list.as_array().unwrap().len(), 1);
    assert_eq!(list[0]["kind"], "whep");
    assert_eq!(list[0]["state"], "connecting");
    assert!(!text.contains(path.strip_prefix("/whep/").unwrap()));
    assert!(!text.contains(etag.trim_matches('"')));
}

#[tokio::test]
async fn a_start_on_a_port_in_use_says_which_and_what_to_do() {
    let server = start("").await;
    let mut second = settings("");
    second.listen = server.running.addr;

    let refused = pinhole::serve::start(second).await.err().unwrap().to_string();

    assert!(refused.contains(&server.running.addr.to_string()), "{refused}");
    assert!(refused.contains("--listen"), "{refused}");
}

#[tokio::test]
async fn a_map_that_does_not_fit_is_refused_at_start() {
    for (line, part) in [
        ("--advertise public", "--map"),
        ("--map 1-5/udp=203.0.113.1:1-4", "--map"),
        ("--udp-ports 40001 --map 40002/udp=203.0.113.1:40002", "40001"),
        ("--map 40002/udp=no-such-host.invalid:40002", "no-such-host.invalid"),
        ("--source /nonexistent/a.y4m", "/nonexistent/a.y4m"),
        ("--encoder vulkan-video", "vulkan"),
    ] {
        let refused = pinhole::serve::start(settings(line)).await.err();
        let refused = refused.unwrap_or_else(|| panic!("{line} was not refused")).to_string();
        assert!(refused.to_lowercase().contains(part), "{line}: {refused}");
    }
}

#[tokio::test]
async fn a_public_audience_is_told_only_mapped_addresses() {
    let server = start("--public-ip 203.0.113.10").await;

    let answer = server.post_offer(OFFER).send().await.unwrap().text().await.unwrap();

    let candidates: Vec<&str> =
        answer.lines().filter(|line| line.starts_with("a=candidate:")).collect();
    assert!(!candidates.is_empty(), "{answer}");
    for line in candidates {
        assert!(line.contains(" 203.0.113.10 "), "{line}");
    }
    assert!(!answer.contains("127.0.0.1"), "{answer}");
}

#[tokio::test]
async fn the_report_says_where_to_look_what_is_sent_and_what_is_offered() {
    let server = start("--public-ip 203.0.113.10 --advertise both --runtime smol").await;

    let report = server.running.report.join("\n");

    for part in
        [server.running.url.as_str(), "OpenH264", "320x180", "203.0.113.10", "127.0.0.1", "smol"]
    {
        assert!(report.contains(part), "{part} in {report}");
    }
}
