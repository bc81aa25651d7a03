//! Bad WebSocket messages: each gets an error message that names the fault, or ends its WebSocket.

use std::time::Duration;

use pinhole_tests::server::Server;
use pinhole_tests::ws::WsClient;
use serde_json::{Value, json};

const REPLY_MAX: Duration = Duration::from_secs(10);

/// A case: its name, the message, and what the error's text must name.
type Case = (&'static str, String, &'static str);

/// All cases; their number.
pub(crate) fn messages(server: &Server) -> usize {
    let cases = cases();
    let mut socket = WsClient::connect(server.http, "bad").unwrap();
    for (name, message, text) in &cases {
        if socket.send_text(message).is_err() {
            panic!("{name}: the WebSocket was closed by the message before");
        }
        let reply = socket.receive(REPLY_MAX).unwrap_or_else(|error| panic!("{name}: {error:#}"));
        check(name, &reply, text);
    }
    // A binary message is refused on the same socket or ends it.
    socket.send_binary(&[0, 1, 2, 0xff]).unwrap();
    if let Ok(reply) = socket.receive(REPLY_MAX) {
        check("a binary message", &reply, "text");
    }
    // A message of 4 MB ends its socket or is refused; the server reads no more of it than it takes.
    let mut socket = WsClient::connect(server.http, "large").unwrap();
    let large = json!({"type": "webrtc_offer", "user_id": "u", "sdp": "x".repeat(4 << 20)});
    if socket.send(&large).is_ok()
        && let Ok(reply) = socket.receive(REPLY_MAX)
    {
        check("a message of 4 MB", &reply, "bytes");
    }
    cases.len() + 2
}

fn check(name: &str, reply: &Value, text: &str) {
    assert_eq!(reply["type"], "error", "{name}: {reply}");
    assert!(reply["code"].as_str().is_some_and(|code| !code.is_empty()), "{name}: {reply}");
    let message = reply["message"].as_str().unwrap_or_default();
    assert!(message.to_lowercase().contains(&text.to_lowercase()), "{name}: {reply}");
    assert!(!message.is_empty() && message.len() < 600, "{name}: {reply}");
}

fn cases() -> Vec<Case> {
    let offer =
        |sdp: Value| json!({"type": "webrtc_offer", "user_id": "u", "sdp": sdp}).to_string();
    let candidate = |value: Value| {
        json!({"type": "webrtc_ice_candidate", "user_id": "nobody", "candidate": value}).to_string()
    };
    vec![
        ("no JSON", "hello".to_owned(), "JSON"),
        ("nothing", String::new(), "JSON"),
        ("half of JSON", r#"{"type":"webrtc_offer""#.to_owned(), "JSON"),
        ("deep JSON", "[".repeat(50_000), "JSON"),
        ("deep JSON in a field", format!("{{\"type\":{}", "{\"a\":".repeat(40_000)), "JSON"),
        ("an array", "[1,2]".to_owned(), "object"),
        ("a number", "7".to_owned(), "object"),
        ("no type", "{}".to_owned(), "type"),
        ("a number as type", r#"{"type":7}"#.to_owned(), "type"),
        ("an unknown type", r#"{"type":"webrtc_dance"}"#.to_owned(), "type"),
        ("an offer of nobody", r#"{"type":"webrtc_offer","sdp":"v=0"}"#.to_owned(), "user_id"),
        (
            "an offer of an object",
            r#"{"type":"webrtc_offer","user_id":{},"sdp":"v=0"}"#.to_owned(),
            "user_id",
        ),
        ("an offer without SDP", r#"{"type":"webrtc_offer","user_id":"u"}"#.to_owned(), "sdp"),
        ("a number as SDP", offer(json!(7)), "sdp"),
        ("a list as SDP", offer(json!(["v=0"])), "sdp"),
        ("SDP that is none", offer(json!("hello")), "SDP"),
        (
            "SDP without an m-line",
            offer(json!("v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n")),
            "addTransceiver",
        ),
        ("a candidate before an offer", candidate(json!({"candidate": "candidate:1"})), "offer"),
        ("a number as candidate", candidate(json!(7)), "candidate"),
        ("a candidate of a number", candidate(json!({"candidate": 7})), "candidate"),
        (
            "no candidate",
            r#"{"type":"webrtc_ice_candidate","user_id":"u"}"#.to_owned(),
            "candidate",
        ),
        (
            "a long name",
            json!({"type": "webrtc_offer", "user_id": "u".repeat(10_000), "sdp": ""}).to_string(),
            "user_id",
        ),
    ]
}
