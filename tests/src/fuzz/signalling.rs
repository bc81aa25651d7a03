//! What comes over HTTP, the WebSocket and the command line.

use std::time::{Duration, UNIX_EPOCH};

use pinhole::ice_servers::{IceServer, IceServers, link_headers};
use pinhole::origin::{AllowedOrigin, Origin};
use pinhole::parsers;
use serde_json::Value;

/// A message of the WebSocket, and the same text as a browser's report: understood, or answered
/// with a short error that is JSON.
pub fn messages(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Err(answer) = parsers::websocket_message(text) {
        let told: Value = serde_json::from_str(&answer).expect("an error is JSON");
        assert_eq!(told["type"], "error", "{answer}");
        assert!(answer.len() < 1024, "an error is short: {answer}");
    }
    if let Err(text) = parsers::browser_report(text) {
        assert!(text.len() < 1024, "an error is short: {text}");
    }
    if let Some(origin) = Origin::parse(text) {
        assert_eq!(Origin::parse(&origin.to_string()), Some(origin.clone()), "{origin}");
        assert!(AllowedOrigin::One(origin.clone()).allows(Some(&origin)));
    }
}

/// STUN and TURN servers as the flag and as the browser's JSON: refused with a reason, or such that
/// what a browser is told reads the same again, and each has a header that HTTP can carry.
pub fn ice_servers(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let flags = text.lines().filter_map(|line| IceServer::parse_flag(line).ok());
    let json = IceServers::parse_json(text).unwrap_or_default();
    let servers: Vec<IceServer> = flags.chain(json).collect();
    let written = serde_json::to_string(&servers).expect("texts are JSON");
    assert_eq!(IceServers::parse_json(&written), Ok(servers.clone()), "{written}");
    for link in link_headers(&servers) {
        assert!(!link.contains(|char: char| char.is_control()), "{link:?}");
    }
    let Ok(servers) = IceServers::new(servers, Some("secret".to_owned())) else { return };
    for server in servers.for_viewer(UNIX_EPOCH + Duration::from_secs(1), "viewer") {
        let is_turn = server.urls.iter().any(|url| url.starts_with("turn"));
        assert!(!is_turn || server.credential.is_some(), "{server:?}");
    }
}
