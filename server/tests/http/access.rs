use reqwest::StatusCode;

use super::server::{OFFER, Server, header, start};

async fn status(server: &Server, path: &str, headers: &[(&str, &str)]) -> StatusCode {
    let mut request = server.request("GET", path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.send().await.unwrap().status()
}

#[tokio::test]
async fn with_a_token_nothing_that_matters_is_answered_without_it() {
    let server = start("--token s3cret").await;
    for path in ["/metrics", "/api/ice-servers", "/api/sessions", "/ws/a"] {
        assert_eq!(status(&server, path, &[]).await, 401, "{path}");
        assert_eq!(
            status(&server, path, &[("authorization", "Bearer wrong")]).await,
            401,
            "{path}"
        );
        assert_eq!(status(&server, &format!("{path}?token=s3cre"), &[]).await, 401, "{path}");
        let shown = status(&server, path, &[("authorization", "bearer s3cret")]).await;
        let asked = status(&server, &format!("{path}?token=s3cret"), &[]).await;
        let expected = if path == "/ws/a" { 426 } else { 200 };
        assert_eq!((shown.as_u16(), asked.as_u16()), (expected, expected), "{path}");
    }
    assert_eq!(status(&server, "/healthz", &[]).await, 200);
    assert_eq!(status(&server, "/", &[]).await, 200);
}

#[tokio::test]
async fn whep_takes_the_bearer_token() {
    let server = start("--token s3cret").await;

    let refused = server.post_offer(OFFER).send().await.unwrap();
    assert_eq!(refused.status(), 401);
    assert_eq!(header(&refused, "www-authenticate"), "Bearer");

    let offer = server.post_offer(OFFER).bearer_auth("s3cret").send().await.unwrap();
    assert_eq!(offer.status(), 201);
    let path = header(&offer, "location");
    assert_eq!(server.request("DELETE", &path).send().await.unwrap().status(), 401);
    let deleted = server.request("DELETE", &path).bearer_auth("s3cret").send().await.unwrap();
    assert_eq!(deleted.status(), 200);
}

#[tokio::test]
async fn pages_of_other_origins_are_refused_unless_allowed() {
    let server = start("--allow-origin https://friend.example").await;
    let own = server.running.url.trim_end_matches('/').to_string();
    let other_port = "http://127.0.0.1:1".to_string();
    for (origin, expected) in [
        (own.as_str(), 200),
        ("https://friend.example", 200),
        ("https://friend.example:443", 200),
        ("http://friend.example", 403),
        ("https://foe.example", 403),
        (&other_port, 403),
        ("null", 403),
        ("", 403),
    ] {
        let found = status(&server, "/api/ice-servers", &[("origin", origin)]).await;
        assert_eq!(found, expected, "{origin}");
    }
}

#[tokio::test]
async fn a_refused_origin_is_told_which_flag_lets_it_in() {
    let server = start("").await;
    let offer = server.post_offer(OFFER).header("origin", "https://foe.example");
    let response = offer.send().await.unwrap();
    assert_eq!(response.status(), 403);
    assert!(response.headers().get("access-control-allow-origin").is_none());
    let text = response.text().await.unwrap();
    assert!(text.contains("--allow-origin https://foe.example"), "{text}");
    assert_eq!(server.metric("pinhole_sessions").await, 0.0);
}

#[tokio::test]
async fn open_and_star_let_every_page_in() {
    for line in ["--open", "--allow-origin *"] {
        let server = start(line).await;
        for origin in ["https://foe.example", "null"] {
            let found = status(&server, "/api/ice-servers", &[("origin", origin)]).await;
            assert_eq!(found, 200, "{line} {origin}");
        }
    }
}

#[tokio::test]
async fn a_preflight_allows_what_whep_players_send_and_answers_expose_what_they_read() {
    let server = start("--token s3cret --allow-origin https://friend.example").await;
    for path in ["/whep", "/whep/0123", "/api/ice-servers"] {
        let preflight = server
            .request("OPTIONS", path)
            .header("origin", "https://friend.example")
            .header("access-control-request-method", "PATCH")
            .header("access-control-request-headers", "authorization, content-type, if-match");
        let response = preflight.send().await.unwrap();
        assert!(response.status().is_success(), "{path}");
        let allowed = header(&response, "access-control-allow-headers").to_lowercase();
        for name in ["authorization", "content-type", "if-match"] {
            assert!(allowed.contains(name), "{allowed}");
        }
        let methods = header(&response, "access-control-allow-methods");
        assert!(methods.contains("PATCH") && methods.contains("DELETE"), "{methods}");
        assert_eq!(header(&response, "access-control-allow-origin"), "https://friend.example");
    }
    let offer = server.post_offer(OFFER).bearer_auth("s3cret");
    let offer = offer.header("origin", "https://friend.example").send().await.unwrap();
    assert_eq!(offer.status(), 201);
    let exposed = header(&offer, "access-control-expose-headers");
    for name in ["Location", "ETag", "Link"] {
        assert!(exposed.contains(name), "{exposed}");
    }
    assert!(header(&offer, "vary").contains("Origin"));
}

#[tokio::test]
async fn on_loopback_a_name_that_merely_resolves_here_is_refused() {
    let server = start("--allow-origin https://proxied.example").await;
    for (host, expected) in [
        ("localhost", 200),
        ("LOCALHOST:8080", 200),
        ("127.0.0.1:1", 200),
        ("[::1]", 200),
        ("proxied.example", 200),
        ("rebound.example", 403),
        ("127.0.0.1.rebound.example", 403),
        ("192.0.2.1", 403),
        ("localhost@rebound.example", 400),
    ] {
        let found = status(&server, "/", &[("host", host)]).await;
        assert_eq!(found, expected, "{host}");
    }
    let refused =
        server.request("GET", "/").header("host", "rebound.example").send().await.unwrap();
    let text = refused.text().await.unwrap();
    assert!(text.contains("--allow-origin http://rebound.example"), "{text}");
}

#[tokio::test]
async fn every_answer_forbids_sniffing_and_hides_the_address_it_came_from() {
    let server = start("").await;
    for path in ["/", "/metrics", "/healthz", "/nothing", "/api/sessions"] {
        let response = server.get(path).await;
        assert_eq!(header(&response, "x-content-type-options"), "nosniff", "{path}");
        assert_eq!(header(&response, "referrer-policy"), "no-referrer", "{path}");
    }
}
