//! A server for one test, and the offer of a browser that never connects.

use std::time::Duration;

use pinhole::serve::{self, Running};
use pinhole::settings::{Environment, Invocation, Settings};
use reqwest::{Client, Method, RequestBuilder, Response};

/// Settings as a command line gives them, on any port, with a picture small enough for a debug build.
pub(crate) fn settings(line: &str) -> Settings {
    let words = ["pinhole", "--size", "320x180", "--listen", "127.0.0.1:0"];
    let words = words.into_iter().chain(line.split_whitespace());
    match Settings::parse(words, &Environment::new(), "/nonexistent".as_ref()) {
        Ok(Invocation::Serve(settings)) => *settings,
        other => panic!("{other:?}"),
    }
}

pub(crate) struct Server {
    pub(crate) running: Running,
    client: Client,
}

pub(crate) async fn start(line: &str) -> Server {
    start_with(settings(line)).await
}

pub(crate) async fn start_with(settings: Settings) -> Server {
    let client = Client::builder().timeout(Duration::from_secs(10)).no_proxy().build().unwrap();
    Server { running: serve::start(settings).await.unwrap(), client }
}

impl Server {
    pub(crate) fn request(&self, method: &str, path: &str) -> RequestBuilder {
        let url = format!("{}{}", self.running.url, path.trim_start_matches('/'));
        self.client.request(Method::from_bytes(method.as_bytes()).unwrap(), url)
    }

    pub(crate) async fn get(&self, path: &str) -> Response {
        self.request("GET", path).send().await.unwrap()
    }

    pub(crate) fn post_offer(&self, sdp: impl Into<String>) -> RequestBuilder {
        self.request("POST", "/whep").header("content-type", "application/sdp").body(sdp.into())
    }

    /// The path and the ETag of a new WHEP session.
    pub(crate) async fn whep_session(&self) -> (String, String) {
        let response = self.post_offer(OFFER).send().await.unwrap();
        assert_eq!(response.status(), 201);
        (header(&response, "location"), header(&response, "etag"))
    }

    pub(crate) fn patch(&self, path: &str, etag: &str, fragment: &str) -> RequestBuilder {
        self.request("PATCH", path)
            .header("content-type", "application/trickle-ice-sdpfrag")
            .header("if-match", etag)
            .body(fragment.to_string())
    }

    /// The value of a metric without labels.
    pub(crate) async fn metric(&self, name: &str) -> f64 {
        let text = self.get("/metrics").await.text().await.unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("no {name} in {text}")).parse().unwrap()
    }

    /// Waits for a metric to have a value, for a bounded time.
    pub(crate) async fn metric_becomes(&self, name: &str, wanted: f64) {
        for _ in 0..100 {
            if self.metric(name).await == wanted {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("{name} is {} and not {wanted}", self.metric(name).await);
    }
}

pub(crate) fn header(response: &Response, name: &str) -> String {
    let value = response.headers().get(name);
    value.unwrap_or_else(|| panic!("no {name} in {response:?}")).to_str().unwrap().to_string()
}

/// What Chromium offers for `addTransceiver('video', {direction: 'recvonly'})`, with fewer payload types.
pub(crate) const OFFER: &str = "v=0\r\n\
    o=- 4611731400430051336 2 IN IP4 127.0.0.1\r\n\
    s=-\r\n\
    t=0 0\r\n\
    a=group:BUNDLE 0\r\n\
    a=extmap-allow-mixed\r\n\
    a=msid-semantic: WMS\r\n\
    m=video 9 UDP/TLS/RTP/SAVPF 96 97 102 103\r\n\
    c=IN IP4 0.0.0.0\r\n\
    a=rtcp:9 IN IP4 0.0.0.0\r\n\
    a=ice-ufrag:Vzq1\r\n\
    a=ice-pwd:9hVpGYhPcXzBHqAmR2SsR0Yf\r\n\
    a=ice-options:trickle\r\n\
    a=fingerprint:sha-256 7B:8B:F0:65:5F:78:E2:51:3B:AC:6F:F3:3F:46:1B:35:DC:B8:5F:64:1A:24:C2:43:F0:A1:58:D0:A1:2C:19:08\r\n\
    a=setup:actpass\r\n\
    a=mid:0\r\n\
    a=recvonly\r\n\
    a=rtcp-mux\r\n\
    a=rtcp-rsize\r\n\
    a=rtpmap:96 VP8/90000\r\n\
    a=rtpmap:97 rtx/90000\r\n\
    a=fmtp:97 apt=96\r\n\
    a=rtpmap:102 H264/90000\r\n\
    a=rtcp-fb:102 nack\r\n\
    a=rtcp-fb:102 nack pli\r\n\
    a=fmtp:102 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f\r\n\
    a=rtpmap:103 rtx/90000\r\n\
    a=fmtp:103 apt=102\r\n";

/// An SDP fragment (RFC 8840) with credentials and one candidate.
pub(crate) fn fragment(ufrag: &str, pwd: &str) -> String {
    format!(
        "a=ice-ufrag:{ufrag}\r\na=ice-pwd:{pwd}\r\nm=video 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\n\
         a=candidate:1 1 udp 2113937151 127.0.0.1 9 typ host\r\na=end-of-candidates\r\n"
    )
}

/// A fragment of the session that [`OFFER`] makes.
pub(crate) fn trickle() -> String {
    fragment("Vzq1", "9hVpGYhPcXzBHqAmR2SsR0Yf")
}
