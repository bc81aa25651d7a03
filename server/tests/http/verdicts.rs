//! What is wrong with a viewer is told to it, to lists and to metrics in one code, and what its
//! browser reports is taken within bounds.

use std::time::Duration;

use reqwest::Response;
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

use super::server::{OFFER, Server, header, start};
use super::websocket::{Socket, hear, offer, open, play, say};

/// An outside address that leads nowhere; no candidate of a viewer is ever told, so nothing is sent.
const UNREACHED: &str = "--public-ip 203.0.113.10 --tcp-port off";
/// The first judgement comes six seconds after the offer.
const JUDGED_MAX: Duration = Duration::from_secs(20);

fn report(user: &str) -> Value {
    json!({"type": "pinhole_report", "user_id": user, "ice": "checking", "connection": "connecting",
        "errors": [{"url": "stun:stun.example.org", "code": 701, "text": "no answer"}],
        "candidate_types": ["host"]})
}

/// The next message of this type; others are skipped.
async fn hear_type(socket: &mut Socket, kind: &str) -> Value {
    let heard = async {
        loop {
            let message = hear(socket).await.expect("the socket is open");
            if message["type"] == kind {
                return message;
            }
        }
    };
    timeout(JUDGED_MAX, heard).await.unwrap_or_else(|_| panic!("no {kind}"))
}

async fn json_of(response: Response) -> Value {
    assert_eq!(response.status(), 200, "{response:?}");
    serde_json::from_str(&response.text().await.unwrap()).unwrap()
}

async fn get_json(server: &Server, path: &str) -> Value {
    json_of(server.get(path).await).await
}

/// As one who comes through a proxy on this machine.
async fn get_from_elsewhere(server: &Server, path: &str) -> Value {
    let request = server.request("GET", path).header("x-forwarded-for", "198.51.100.9");
    json_of(request.send().await.unwrap()).await
}

fn post_report(server: &Server, path: &str, body: impl Into<String>) -> reqwest::RequestBuilder {
    let request = server.request("POST", &format!("{path}/report"));
    request.header("content-type", "application/json").body(body.into())
}

#[tokio::test]
async fn a_viewer_that_never_connects_is_told_why_and_so_are_lists_and_metrics() {
    let server = start(UNREACHED).await;
    let (path, _) = server.whep_session().await;
    let mut socket = open(&server, "/ws/room").await;
    let mut silent = open(&server, "/ws/other").await;
    play(&mut socket, "u").await;
    play(&mut silent, "other-front-end").await;
    assert_eq!(get_json(&server, &path).await, json!({"code": null}));
    say(&mut socket, report("u")).await;
    json_of(post_report(&server, &path, report("u").to_string()).send().await.unwrap()).await;

    let told = timeout(JUDGED_MAX, async {
        loop {
            // The socket's next message may take longer than `hear` waits.
            match timeout(Duration::from_secs(4), hear_type(&mut socket, "pinhole_diagnosis")).await
            {
                Ok(told) => return told,
                Err(_) => say(&mut socket, report("u")).await,
            }
        }
    });
    let told = told.await.expect("a diagnosis in time");

    let code = told["code"].as_str().unwrap();
    // Without its browser's report the other viewer's failure looks like ours.
    assert_eq!(code, "udp-blocked-there", "{told}");
    assert_eq!((&told["user_id"], &told["severity"]), (&json!("u"), &json!("failed")));
    assert!(told["fix"].as_str().is_some_and(|fix| fix.len() > 20), "{told}");
    let seen = told["evidence"].to_string();
    assert!(seen.contains("701 stun:stun.example.org no answer"), "the browser's view: {seen}");
    assert!(seen.contains("it signals from 127.0.0.1"), "{seen}");
    let list = get_json(&server, "/api/sessions").await;
    let by_user = |user: &str| {
        let mut entries = list.as_array().unwrap().iter();
        entries.find(|entry| entry["user_id"] == user).unwrap_or_else(|| panic!("{list}"))
    };
    let entry = by_user("u");
    assert_eq!((&entry["verdict"], &entry["sentence"]), (&told["code"], &told["sentence"]));
    assert_ne!(by_user("other-front-end")["verdict"], told["code"], "{list}");
    assert_eq!((&entry["fix"], &entry["evidence"]), (&told["fix"], &told["evidence"]));
    assert_eq!(get_json(&server, &path).await["code"], told["code"]);
    let metrics = server.get("/metrics").await.text().await.unwrap();
    let total = format!("pinhole_verdicts_total{{verdict=\"{code}\",severity=\"failed\"}} 2\n");
    let now = format!("pinhole_sessions_by_verdict{{verdict=\"{code}\"}} 2\n");
    assert!(metrics.contains(&total) && metrics.contains(&now), "{metrics}");
    // The other socket has heard nothing but the answer: the next message is the error that it asks for.
    say(&mut silent, json!({"type": "dance"})).await;
    assert_eq!(hear(&mut silent).await.unwrap()["code"], "unknown_type");
    hidden_from_others(&server, &path, code).await;
}

/// Addresses are for callers of this machine alone.
async fn hidden_from_others(server: &Server, path: &str, code: &str) {
    for (of, told) in [
        (path, get_from_elsewhere(server, path).await),
        ("/api/sessions", get_from_elsewhere(server, "/api/sessions").await[0].clone()),
    ] {
        assert!(told.to_string().contains(code) && told["sentence"].is_string(), "{of}: {told}");
        assert!(told.get("fix").is_none() && told.get("evidence").is_none(), "{of}: {told}");
    }
}

#[tokio::test]
async fn a_whep_session_that_ended_says_why_and_one_that_never_was_does_not() {
    let server = start("").await;
    let (path, _) = server.whep_session().await;
    assert_eq!(server.request("DELETE", &path).send().await.unwrap().status(), 200);

    let mut ended = json!([]);
    // Whoever follows the session hears of its end a moment after the DELETE is answered.
    for _ in 0..500 {
        ended = get_json(&server, "/api/sessions/ended").await;
        if ended != json!([]) {
            break;
        }
        sleep(Duration::from_millis(20)).await;
    }
    let told = get_json(&server, &path).await;

    assert_eq!((&told["code"], &told["severity"]), (&json!("gave-up"), &json!("degraded")));
    assert_eq!(ended.as_array().unwrap().len(), 1);
    assert_eq!((&ended[0]["verdict"], &ended[0]["kind"]), (&told["code"], &json!("whep")));
    assert_eq!((&ended[0]["number"], &ended[0]["sentence"]), (&json!(1), &told["sentence"]));
    assert!(ended[0]["seconds"].as_f64().unwrap() < 5.0, "{ended}");
    assert!(!ended.to_string().contains(path.strip_prefix("/whep/").unwrap()), "{ended}");
    assert_eq!(get_json(&server, "/api/sessions").await, json!([]));
    let metrics = server.get("/metrics").await.text().await.unwrap();
    assert!(metrics.contains("pinhole_sessions_by_verdict{verdict=\"gave-up\"} 0\n"), "{metrics}");
    assert_eq!(server.get("/whep/0123456789abcdef0123456789abcdef").await.status(), 404);
    assert_eq!(post_report(&server, &path, "{}").send().await.unwrap().status(), 404);
}

#[tokio::test]
async fn an_offer_without_h264_is_refused_with_its_verdict_everywhere() {
    let server = start("").await;
    let vp8 = OFFER.replace("H264/90000", "AV1/90000");
    let mut socket = open(&server, "/ws/room").await;

    let refused = server.post_offer(vp8.clone()).send().await.unwrap();
    let mut message = offer("u");
    message["sdp"] = json!(vp8);
    say(&mut socket, message).await;
    let fault = hear(&mut socket).await.unwrap();

    assert_eq!(refused.status(), 422);
    assert_eq!(header(&refused, "pinhole-verdict"), "no-h264");
    assert_eq!((&fault["type"], &fault["code"]), (&json!("error"), &json!("no_h264")));
    assert_eq!(fault["verdict"], "no-h264");
    assert!(fault["message"].as_str().unwrap().contains("H.264"), "{fault}");
    assert!(fault["advice"].as_str().unwrap().len() > 10, "{fault}");
    let metrics = server.get("/metrics").await.text().await.unwrap();
    let total = "pinhole_verdicts_total{verdict=\"no-h264\",severity=\"failed\"} 2\n";
    assert!(metrics.contains(total), "{metrics}");
    let ended = get_json(&server, "/api/sessions/ended").await;
    assert_eq!((&ended[0]["kind"], &ended[0]["user_id"]), (&json!("websocket"), &json!("u")));
    assert_eq!((&ended[1]["kind"], &ended[1]["verdict"]), (&json!("whep"), &json!("no-h264")));
}

#[tokio::test]
async fn an_offer_that_is_wrong_in_itself_has_no_verdict() {
    let server = start("").await;
    let refused = server.post_offer("v=0\r\n").send().await.unwrap();
    assert_eq!(refused.status(), 422);
    assert!(refused.headers().get("pinhole-verdict").is_none());
    assert_eq!(get_json(&server, "/api/sessions/ended").await, json!([]));
}

#[tokio::test]
async fn a_report_over_whep_is_taken_within_bounds() {
    let server = start("").await;
    let (path, _) = server.whep_session().await;
    let status = async |body: String| post_report(&server, &path, body).send().await.unwrap();

    let taken = status(report("u").to_string()).await;
    let not_json = status("{".to_string()).await;
    let not_fields = status("[]".to_string()).await;
    let wrong = status(json!({"ice": 1}).to_string()).await;
    let long = status(json!({"x": "y".repeat(8 * 1024)}).to_string()).await;
    let request = server.request("POST", &format!("{path}/report")).body("{}");
    let untyped = request.send().await.unwrap();

    assert_eq!(json_of(taken).await, json!({"code": null}));
    assert_eq!(
        (not_json.status(), not_fields.status()),
        (400.try_into().unwrap(), 400.try_into().unwrap())
    );
    assert_eq!(wrong.status(), 400);
    assert!(wrong.text().await.unwrap().contains("ice must be a string"));
    assert_eq!(
        (long.status(), untyped.status()),
        (413.try_into().unwrap(), 415.try_into().unwrap())
    );
    assert_eq!(server.get(&format!("{path}/report")).await.status(), 405);
}

#[tokio::test]
async fn reports_that_come_too_fast_are_refused_and_later_ones_taken() {
    let server = start("").await;
    let (path, _) = server.whep_session().await;
    let mut socket = open(&server, "/ws/room").await;
    play(&mut socket, "u").await;

    let mut over_whep = Vec::new();
    for _ in 0..20 {
        let response = post_report(&server, &path, "{}").send().await.unwrap();
        over_whep.push(response.status().as_u16());
        say(&mut socket, report("u")).await;
    }

    assert_eq!(over_whep[0], 200);
    assert!(over_whep.contains(&429), "{over_whep:?}");
    assert_eq!(hear(&mut socket).await.unwrap()["code"], "too_many_reports");
    sleep(Duration::from_millis(500)).await;
    assert_eq!(post_report(&server, &path, "{}").send().await.unwrap().status(), 200);
    assert_eq!(server.metric("pinhole_sessions").await, 2.0, "nobody is cut off for it");
}

#[tokio::test]
async fn a_report_over_the_websocket_that_is_wrong_says_so() {
    let server = start("").await;
    let mut socket = open(&server, "/ws/room").await;
    play(&mut socket, "u").await;
    let mut long = report("u");
    long["ice"] = json!("x".repeat(257));
    let mut large = report("u");
    large["x"] = json!("y".repeat(8 * 1024));
    for (message, code) in [
        (long, "bad_report"),
        (large, "too_large"),
        (json!({"type": "pinhole_report"}), "bad_message"),
    ] {
        say(&mut socket, message).await;
        assert_eq!(hear(&mut socket).await.unwrap()["code"], code);
    }
    // One of a user without a session, or of one that has just ended, is not worth a word.
    say(&mut socket, report("nobody")).await;
    say(&mut socket, json!({"type": "pinhole_clock", "sent": 1})).await;
    assert_eq!(hear(&mut socket).await.unwrap()["type"], "pinhole_clock");
}

#[tokio::test]
async fn each_verdict_is_explained_by_the_server_itself() {
    let server = start("").await;
    let page = server.get("/verdicts/forward-missing").await;
    assert_eq!(header(&page, "content-type"), "text/html; charset=utf-8");
    assert!(header(&page, "content-security-policy").starts_with("default-src 'none'"));
    assert!(page.text().await.unwrap().contains("<h1>forward-missing</h1>"));
    assert_eq!(server.get("/docs.css").await.status(), 200);
    assert_eq!(server.get("/verdicts/README.md").await.status(), 200);
    assert_eq!(server.get("/verdicts/no-such-thing").await.status(), 404);
}
