use super::server::{OFFER, fragment, header, start, trickle};

#[tokio::test]
async fn an_offer_gets_201_with_location_etag_and_an_answer() {
    let server = start("").await;

    let response = server.post_offer(OFFER).send().await.unwrap();

    assert_eq!(response.status(), 201);
    assert_eq!(header(&response, "content-type"), "application/sdp");
    let location = header(&response, "location");
    let resource = location.strip_prefix("/whep/").unwrap();
    assert!(resource.len() >= 26, "{resource} has less than 128 bits");
    let etag = header(&response, "etag");
    assert!(etag.starts_with('"') && etag.ends_with('"') && etag.len() > 2, "{etag}");
    let answer = response.text().await.unwrap();
    assert!(answer.starts_with("v=0\r\n"), "{answer}");
    assert!(answer.contains("a=candidate:") && answer.contains("a=msid:"), "{answer}");
    server.running.shutdown().await;
}

#[tokio::test]
async fn two_offers_get_two_resources() {
    let server = start("").await;
    let (one, two) = (server.whep_session().await, server.whep_session().await);
    assert_ne!(one.0, two.0);
    assert_ne!(one.1, two.1);
}

#[tokio::test]
async fn what_cannot_be_answered_gets_its_status_and_a_text() {
    let server = start("").await;
    let no_h264 = OFFER.replace("H264", "AV1");
    let no_media: String = OFFER
        .lines()
        .take_while(|line| !line.starts_with("m="))
        .map(|l| format!("{l}\r\n"))
        .collect();
    let sending = OFFER.replace("a=recvonly", "a=sendonly");
    let no_ufrag = OFFER.replace("a=ice-ufrag:Vzq1\r\n", "");
    for (offer, status, part) in [
        ("", 400, "SDP"),
        ("hello", 400, "SDP"),
        ("{\"sdp\":1}", 400, "SDP"),
        (&no_ufrag, 400, "ice-ufrag"),
        (&no_media, 422, "addTransceiver"),
        (&sending, 422, "receive"),
        (&no_h264, 422, "H.264"),
    ] {
        let response = server.post_offer(offer).send().await.unwrap();
        let found = response.status();
        assert!(header(&response, "content-type").starts_with("text/plain"));
        let text = response.text().await.unwrap();
        assert_eq!(found, status, "{offer:.40}: {text}");
        assert!(text.contains(part) && text.len() < 400, "{offer:.40}: {text}");
    }
    assert_eq!(server.metric("pinhole_sessions").await, 0.0);
}

#[tokio::test]
async fn a_body_that_is_not_text_or_not_sdp_is_refused_by_type() {
    let server = start("").await;
    let json =
        server.request("POST", "/whep").header("content-type", "application/json").body("{}");
    assert_eq!(json.send().await.unwrap().status(), 415);
    let none = server.request("POST", "/whep").body(OFFER);
    assert_eq!(none.send().await.unwrap().status(), 415);
    let charset = server.request("POST", "/whep").body(OFFER);
    let charset = charset.header("content-type", "Application/SDP; charset=utf-8");
    assert_eq!(charset.send().await.unwrap().status(), 201);

    let binary = server.request("POST", "/whep").header("content-type", "application/sdp");
    let response = binary.body(vec![0xff_u8, 0xfe, 0]).send().await.unwrap();
    assert_eq!(response.status(), 400);
    let unwilling = server.post_offer(OFFER).header("accept", "text/html").send().await.unwrap();
    assert_eq!(unwilling.status(), 406);
}

#[tokio::test]
async fn candidates_are_trickled_with_the_etag() {
    let server = start("").await;
    let (path, etag) = server.whep_session().await;

    let response = server.patch(&path, &etag, &trickle()).send().await.unwrap();

    assert_eq!(response.status(), 204, "{}", response.text().await.unwrap());
}

#[tokio::test]
async fn new_credentials_restart_ice_and_change_the_etag() {
    let server = start("").await;
    let (path, etag) = server.whep_session().await;
    let fresh = fragment("Abc2", "0123456789abcdefghijklmn");

    let response = server.patch(&path, "\"*\"", &fresh).send().await.unwrap();

    assert_eq!(response.status(), 200);
    assert_eq!(header(&response, "content-type"), "application/trickle-ice-sdpfrag");
    let new = header(&response, "etag");
    assert_ne!(new, etag);
    let ours = response.text().await.unwrap();
    assert!(ours.contains("a=ice-ufrag:") && ours.contains("a=candidate:"), "{ours}");
    let old = server.patch(&path, &etag, &fresh).send().await.unwrap();
    assert_eq!(old.status(), 412, "the ETag of the old generation no longer matches");
    let now = server.patch(&path, &new, &fresh).send().await.unwrap();
    assert_eq!(now.status(), 204);
}

#[tokio::test]
async fn a_patch_that_is_wrong_says_how() {
    let server = start("").await;
    let (path, etag) = server.whep_session().await;

    let without = server.request("PATCH", &path);
    let without = without.header("content-type", "application/trickle-ice-sdpfrag").body(trickle());
    assert_eq!(without.send().await.unwrap().status(), 428);
    let mismatched = server.patch(&path, "\"other\"", &trickle()).send().await.unwrap();
    assert_eq!(mismatched.status(), 412);
    let unusable = server.patch(&path, &etag, "hello").send().await.unwrap();
    assert_eq!(unusable.status(), 422, "{}", unusable.text().await.unwrap());
    let wrong_type = server.request("PATCH", &path).header("if-match", &etag).body(trickle());
    assert_eq!(wrong_type.send().await.unwrap().status(), 415);
    let unknown = server.patch("/whep/00000000000000000000000000000000", &etag, &trickle());
    assert_eq!(unknown.send().await.unwrap().status(), 404);
}

#[tokio::test]
async fn a_deleted_session_is_gone_at_once() {
    let server = start("").await;
    let (path, etag) = server.whep_session().await;
    assert_eq!(server.metric("pinhole_sessions").await, 1.0);

    let deleted = server.request("DELETE", &path).send().await.unwrap();

    assert_eq!(deleted.status(), 200);
    assert_eq!(server.metric("pinhole_sessions").await, 0.0);
    let mut again = server.request("DELETE", &path).send().await.unwrap().status();
    for _ in 0..50 {
        // The name goes a moment after the session.
        if again == 404 {
            break;
        }
        again = server.request("DELETE", &path).send().await.unwrap().status();
    }
    assert_eq!(again, 404);
    assert_eq!(server.patch(&path, &etag, &trickle()).send().await.unwrap().status(), 404);
}

#[tokio::test]
async fn options_and_head_say_what_the_endpoint_takes() {
    let server = start("").await;
    let options = server.request("OPTIONS", "/whep").send().await.unwrap();
    assert_eq!(options.status(), 204);
    assert_eq!(header(&options, "accept-post"), "application/sdp");

    let head = server.request("HEAD", "/whep").send().await.unwrap();
    assert_eq!(head.status(), 200);
    assert_eq!(header(&head, "content-type"), "application/sdp");

    assert_eq!(server.get("/whep").await.status(), 405);
    let (path, _) = server.whep_session().await;
    let options = server.request("OPTIONS", &path).send().await.unwrap();
    assert_eq!(header(&options, "accept-patch"), "application/trickle-ice-sdpfrag");
    assert_eq!(server.request("PUT", &path).send().await.unwrap().status(), 405);
}

#[tokio::test]
async fn ice_servers_come_as_links_with_credentials_made_for_the_viewer() {
    let server = start("--ice-server stun:s --ice-server turn:t:3478 --turn-secret north").await;

    let response = server.post_offer(OFFER).send().await.unwrap();

    let links: Vec<_> =
        response.headers().get_all("link").iter().map(|link| link.to_str().unwrap()).collect();
    assert_eq!(links[0], "<stun:s>; rel=\"ice-server\"");
    assert!(links[1].starts_with("<turn:t:3478>; rel=\"ice-server\"; username=\""), "{links:?}");
    assert!(links[1].ends_with("\"; credential-type=\"password\""), "{links:?}");
    assert!(!format!("{links:?}").contains("north"));
}

#[tokio::test]
async fn past_max_viewers_an_offer_gets_503_with_retry_after() {
    let server = start("--max-viewers 1").await;
    let (path, _) = server.whep_session().await;

    let second = server.post_offer(OFFER).send().await.unwrap();
    assert_eq!(second.status(), 503);
    assert!(header(&second, "retry-after").parse::<u32>().unwrap() > 0);

    server.request("DELETE", &path).send().await.unwrap();
    let next = server.post_offer(OFFER).send().await.unwrap();
    assert_eq!(next.status(), 201, "{}", next.text().await.unwrap());
}
