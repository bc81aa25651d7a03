use std::time::{Duration, Instant};

use futures_util::{SinkExt as _, StreamExt as _};
use pinhole_core::gather::LocalCandidate;
use pinhole_core::portmap::Protocol;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use super::server::{OFFER, Server, settings, start, start_with};

pub(super) type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

const CANDIDATE: &str = "candidate:1 1 udp 2113937151 127.0.0.1 9 typ host";

pub(super) async fn open(server: &Server, path: &str) -> Socket {
    connect_async(format!("ws://{}{path}", server.running.addr)).await.unwrap().0
}

pub(super) async fn say(socket: &mut Socket, message: Value) {
    socket.send(Message::text(message.to_string())).await.unwrap();
}

/// The next JSON message, or `None` once the socket is closed.
pub(super) async fn hear(socket: &mut Socket) -> Option<Value> {
    loop {
        let next = timeout(Duration::from_secs(5), socket.next()).await.expect("a message in time");
        match next {
            Some(Ok(Message::Text(text))) => return Some(serde_json::from_str(&text).unwrap()),
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
            Some(Ok(_) | Err(_)) | None => return None,
        }
    }
}

/// The code of the close frame that ends the socket; messages before it are skipped.
async fn close_code(socket: &mut Socket) -> CloseCode {
    loop {
        let next = timeout(Duration::from_secs(5), socket.next()).await.expect("a close in time");
        match next {
            Some(Ok(Message::Close(Some(frame)))) => return frame.code,
            Some(Ok(_)) => {}
            other => panic!("no close frame, but {other:?}"),
        }
    }
}

pub(super) fn offer(user: &str) -> Value {
    json!({"type": "webrtc_offer", "session_id": "s", "user_id": user, "sdp": OFFER})
}

pub(super) async fn play(socket: &mut Socket, user: &str) {
    say(socket, offer(user)).await;
    let answer = hear(socket).await.unwrap();
    assert_eq!(answer["type"], "webrtc_answer", "{answer}");
    assert!(answer["sdp"].as_str().unwrap().starts_with("v=0\r\n"), "{answer}");
}

#[tokio::test]
async fn the_messages_of_existing_front_ends_get_an_answer() {
    let server = start("").await;
    let mut socket = open(&server, "/ws/room").await;

    play(&mut socket, "u").await;

    for candidate in [
        json!({"candidate": CANDIDATE, "sdpMid": "0", "sdpMLineIndex": 0}),
        json!({"candidate": "", "sdpMid": "0", "sdpMLineIndex": 0}),
        json!({"candidate": "candidate:2 1 udp 1 7c2b3ae6-a5cf.local 9 typ host", "sdpMid": "0"}),
        Value::Null,
    ] {
        say(
            &mut socket,
            json!({"type": "webrtc_ice_candidate", "user_id": "u", "candidate": candidate}),
        )
        .await;
    }
    // No message about any of them: the next one heard is the clock's.
    say(&mut socket, json!({"type": "pinhole_clock", "sent": 12.5})).await;
    let clock = hear(&mut socket).await.unwrap();
    assert_eq!(clock["type"], "pinhole_clock", "{clock}");
    assert_eq!(server.metric("pinhole_sessions").await, 1.0);
}

#[tokio::test]
async fn the_clock_says_the_servers_time_and_when_a_timestamp_was_captured() {
    let server = start("").await;
    let mut socket = open(&server, "/ws/room").await;
    let unix = || std::time::UNIX_EPOCH.elapsed().unwrap().as_secs_f64() * 1e3;

    let before = unix();
    say(&mut socket, json!({"type": "pinhole_clock", "sent": 7})).await;
    let clock = hear(&mut socket).await.unwrap();

    let server_ms = clock["server_ms"].as_f64().unwrap();
    assert!((before - 1.0..=unix() + 1.0).contains(&server_ms), "{clock}");
    assert_eq!(clock["sent"], 7);
    assert!(clock["rtp_time"].as_u64().unwrap() <= u64::from(u32::MAX));
    let rtp_ms = clock["rtp_ms"].as_f64().unwrap();
    assert!((rtp_ms - server_ms).abs() < 5_000.0, "{clock}");
}

#[tokio::test]
async fn closing_the_socket_ends_its_sessions_at_once() {
    let server = start("").await;
    for politely in [true, false] {
        let mut socket = open(&server, "/ws/room").await;
        play(&mut socket, "u").await;
        assert_eq!(server.metric("pinhole_sessions").await, 1.0);

        let began = Instant::now();
        if politely {
            socket.close(None).await.unwrap();
        }
        drop(socket);

        server.metric_becomes("pinhole_sessions", 0.0).await;
        assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    }
}

#[tokio::test]
async fn the_same_user_gets_a_fresh_session_on_the_same_socket() {
    let server = start("").await;
    let mut socket = open(&server, "/ws/room").await;

    play(&mut socket, "u").await;
    play(&mut socket, "u").await;
    say(&mut socket, json!({"type": "pinhole_clock", "sent": 0})).await;

    assert_eq!(hear(&mut socket).await.unwrap()["type"], "pinhole_clock", "and no error");
    server.metric_becomes("pinhole_sessions", 1.0).await;
    assert_eq!(server.metric("pinhole_sessions_total").await, 2.0);
}

#[tokio::test]
async fn an_ice_restart_of_the_same_connection_keeps_its_session() {
    let server = start("").await;
    let mut socket = open(&server, "/ws/room").await;
    let sdp = |text: &Value| text["sdp"].as_str().unwrap().to_string();
    let ufrag =
        |sdp: &str| sdp.lines().find(|line| line.starts_with("a=ice-ufrag:")).unwrap().to_string();
    say(&mut socket, offer("u")).await;
    let first = sdp(&hear(&mut socket).await.unwrap());

    let mut restart = offer("u");
    let renewed = OFFER.replace("ufrag:Vzq1", "ufrag:Wzq2").replace("9hVp", "0iWq");
    restart["sdp"] = renewed.replace("336 2 IN", "336 3 IN").into();
    say(&mut socket, restart.clone()).await;
    let second = hear(&mut socket).await.unwrap();

    assert_eq!(second["type"], "webrtc_answer", "{second}");
    assert_ne!(ufrag(&sdp(&second)), ufrag(&first), "our credentials are new too");
    assert_eq!(server.metric("pinhole_sessions_total").await, 1.0);
    // Another connection of the same user is another session.
    restart["sdp"] = renewed.replace("4611731400430051336", "1").replace("Wzq2", "Xzq3").into();
    say(&mut socket, restart).await;
    assert_eq!(hear(&mut socket).await.unwrap()["type"], "webrtc_answer");
    assert_eq!(server.metric("pinhole_sessions_total").await, 2.0);
}

#[tokio::test]
async fn the_same_user_on_a_new_socket_replaces_the_session_of_the_old_one() {
    let server = start("").await;
    let mut old = open(&server, "/ws/room").await;
    let mut elsewhere = open(&server, "/ws/other").await;
    play(&mut old, "u").await;
    play(&mut elsewhere, "u").await;

    let mut new = open(&server, "/ws/room").await;
    play(&mut new, "u").await;

    assert_eq!(hear(&mut old).await.unwrap()["code"], "replaced");
    assert_eq!(close_code(&mut old).await, CloseCode::Normal);
    // The user of that name in another room is somebody else.
    server.metric_becomes("pinhole_sessions", 2.0).await;
    drop(old);
    say(&mut elsewhere, json!({"type": "pinhole_clock", "sent": 0})).await;
    assert_eq!(hear(&mut elsewhere).await.unwrap()["type"], "pinhole_clock");
}

#[tokio::test]
async fn a_user_who_offers_again_finds_a_place_even_where_all_are_taken() {
    let server = start("--max-viewers 1").await;
    let mut socket = open(&server, "/ws/room").await;
    play(&mut socket, "u").await;

    let mut other = open(&server, "/ws/room").await;
    say(&mut other, offer("v")).await;
    assert_eq!(hear(&mut other).await.unwrap()["code"], "too_many_viewers");

    let mut again = open(&server, "/ws/room").await;
    play(&mut again, "u").await;
}

#[tokio::test]
async fn an_address_that_becomes_known_late_is_sent_to_the_viewer() {
    let server = start("").await;
    let mut socket = open(&server, "/ws/room").await;
    play(&mut socket, "u").await;
    let base = "127.0.0.1:9".parse().unwrap();
    let outside = "203.0.113.7:4000".parse().unwrap();
    let late = LocalCandidate::server_reflexive(Protocol::Udp, base, outside);

    server.running.handle.add_local_candidate(late).await.unwrap();

    let heard = hear(&mut socket).await.unwrap();
    assert_eq!(heard["type"], "webrtc_ice_candidate", "{heard}");
    assert_eq!(heard["user_id"], "u");
    assert_eq!(heard["candidate"]["sdpMid"], "0");
    assert_eq!(heard["candidate"]["sdpMLineIndex"], 0);
    let line = heard["candidate"]["candidate"].as_str().unwrap();
    assert!(line.starts_with("candidate:") && line.contains("203.0.113.7 4000"), "{line}");
}

#[tokio::test]
async fn bad_input_is_named_and_the_socket_goes_on() {
    let server = start("").await;
    let mut socket = open(&server, "/ws/room").await;
    play(&mut socket, "u").await;
    let text = |text: &str| Message::text(text.to_string());
    let sdp = |sdp: &str| {
        Message::text(json!({"type": "webrtc_offer", "user_id": "v", "sdp": sdp}).to_string())
    };
    let without_media = OFFER.split("m=video").next().unwrap().to_string();
    let cases = [
        (text("hello"), "bad_json"),
        (text(""), "bad_json"),
        (text(&"[".repeat(5000)), "bad_json"),
        (text("42"), "bad_message"),
        (text(r#"{"type":"webrtc_offer"}"#), "bad_message"),
        (text(r#"{"type":"webrtc_offer","user_id":"v","sdp":7}"#), "bad_message"),
        (text(r#"{"type":"dance"}"#), "unknown_type"),
        (text(r#"{"type":"webrtc_ice_candidate","user_id":"w","candidate":null}"#), "no_session"),
        (text(r#"{"type":"webrtc_ice_candidate","user_id":"u","candidate":"x"}"#), "bad_candidate"),
        (text(&format!("\"{}\"", "x".repeat(300_000))), "too_large"),
        (Message::binary(vec![0, 1, 2]), "binary"),
        (sdp("hello"), "bad_sdp"),
        (sdp(&without_media), "no_media"),
        (sdp(&OFFER.replace("H264", "AV1")), "no_h264"),
    ];
    for (message, code) in cases {
        let shown = format!("{message:.60}");
        socket.send(message).await.unwrap();
        let error = hear(&mut socket).await.unwrap_or_else(|| panic!("closed after {shown}"));
        assert_eq!(error["type"], "error", "{shown}: {error}");
        assert_eq!(error["code"], code, "{shown}: {error}");
        assert!(error["message"].as_str().unwrap().len() > 5, "{error}");
    }
    play(&mut socket, "v").await;
    assert_eq!(server.metric("pinhole_sessions").await, 2.0);
}

#[tokio::test]
async fn a_flood_of_messages_or_one_far_too_long_ends_the_socket() {
    let server = start("").await;
    let mut flooding = open(&server, "/ws/room").await;
    for _ in 0..400 {
        if flooding.feed(Message::text("{}")).await.is_err() {
            break;
        }
    }
    let _ = flooding.flush().await;
    assert_eq!(close_code(&mut flooding).await, CloseCode::Policy);

    let mut long = open(&server, "/ws/room").await;
    let _ = long.send(Message::text("x".repeat(2 << 20))).await;
    assert!(hear(&mut long).await.is_none());
    server.metric_becomes("pinhole_websockets", 0.0).await;
}

#[tokio::test]
async fn viewers_are_told_when_the_server_shuts_down() {
    let server = start("").await;
    let mut socket = open(&server, "/ws/room").await;
    play(&mut socket, "u").await;

    let hearing = async {
        let error = hear(&mut socket).await.unwrap();
        assert_eq!(error["code"], "shutting_down", "{error}");
        close_code(&mut socket).await
    };
    let ((), code) = tokio::join!(server.running.shutdown(), hearing);

    assert_eq!(code, CloseCode::Away);
}

#[tokio::test]
async fn a_socket_that_gives_no_sign_of_life_is_closed() {
    let mut settings = settings("");
    settings.http.ping_every = Duration::from_millis(50);
    settings.http.silence = Duration::from_millis(300);
    let server = start_with(settings).await;
    // Not reading, this one answers no ping.
    let silent = open(&server, "/ws/room").await;
    let mut alive = open(&server, "/ws/room").await;
    let living = async {
        let heard = timeout(Duration::from_millis(900), hear(&mut alive)).await;
        assert!(heard.is_err(), "a socket that answers pings stays open");
    };
    living.await;

    server.metric_becomes("pinhole_websockets", 1.0).await;
    drop(silent);
}

#[tokio::test]
async fn sockets_need_the_token_and_the_origin_and_have_a_limit() {
    let mut settings = settings("--token s3cret");
    settings.http.sockets = 1;
    let server = start_with(settings).await;
    let url = format!("ws://{}/ws/room", server.running.addr);
    let refused = |error: Error| match error {
        Error::Http(response) => response.status().as_u16(),
        other => panic!("{other}"),
    };

    assert_eq!(refused(connect_async(&url).await.unwrap_err()), 401);
    let mut foreign = format!("{url}?token=s3cret").into_client_request().unwrap();
    foreign.headers_mut().insert("origin", "https://foe.example".parse().unwrap());
    assert_eq!(refused(connect_async(foreign).await.unwrap_err()), 403);

    let _first = open(&server, "/ws/room?token=s3cret").await;
    let second = connect_async(format!("{url}?token=s3cret")).await.unwrap_err();
    assert_eq!(refused(second), 503);
}
