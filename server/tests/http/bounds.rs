use std::time::{Duration, Instant};

use pinhole::settings::Settings;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use super::server::{OFFER, Server, settings, start_with};

/// Short enough for a test, long enough for two busy cores.
const LIMIT: Duration = Duration::from_millis(300);

fn short() -> Settings {
    let mut settings = settings("");
    settings.http.head_time = LIMIT;
    settings.http.body_time = LIMIT;
    settings.http.tls_time = LIMIT;
    settings.http.body_bytes = 64 * 1024;
    settings
}

async fn connect(server: &Server, text: &str) -> TcpStream {
    let mut stream = TcpStream::connect(server.running.addr).await.unwrap();
    stream.write_all(text.as_bytes()).await.unwrap();
    stream
}

/// Reads until the server closes, for a bounded time.
async fn rest(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let read = timeout(Duration::from_secs(5), stream.read_to_end(&mut bytes)).await;
    let read = read.expect("the server closes the connection");
    // A reset after the answer is a close too.
    let _ = read;
    String::from_utf8_lossy(&bytes).into_owned()
}

fn offer_head(length: usize) -> String {
    format!(
        "POST /whep HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/sdp\r\n\
         Content-Length: {length}\r\n\r\n"
    )
}

#[tokio::test]
async fn a_head_that_trickles_is_cut_off() {
    let server = start_with(short()).await;
    let mut stream = connect(&server, "GET / HTTP/1.1\r\n").await;
    let began = Instant::now();

    let mut cut = false;
    for _ in 0..100 {
        sleep(Duration::from_millis(50)).await;
        // Each byte would restart a timeout between reads; only one for the whole head ends this.
        if stream.write_all(b"X: y\r\n").await.is_err() {
            cut = true;
            break;
        }
    }

    assert!(cut, "a head may trickle for {:?}", began.elapsed());
    assert!(began.elapsed() > LIMIT);
}

#[tokio::test]
async fn a_connection_that_says_nothing_is_closed_also_after_a_request() {
    let server = start_with(short()).await;
    let mut silent = connect(&server, "").await;
    assert_eq!(rest(&mut silent).await, "");

    let mut kept = connect(&server, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
    assert!(rest(&mut kept).await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn a_body_that_trickles_gets_408() {
    let server = start_with(short()).await;
    let mut stream = connect(&server, &offer_head(OFFER.len())).await;
    let (mut reader, mut writer) = stream.split();
    let trickle = async {
        for byte in OFFER.as_bytes() {
            if writer.write_all(&[*byte]).await.is_err() {
                break;
            }
            sleep(Duration::from_millis(20)).await;
        }
    };
    let mut answer = [0; 512];
    let read = tokio::select! {
        read = timeout(Duration::from_secs(5), reader.read(&mut answer)) => read.unwrap().unwrap(),
        () = trickle => panic!("the whole body was taken"),
    };
    let answer = String::from_utf8_lossy(&answer[..read]);
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    assert!(answer.contains("did not arrive"), "{answer}");
}

#[tokio::test]
async fn a_body_over_the_limit_gets_413_before_it_is_read_and_without_a_length_too() {
    let server = start_with(short()).await;
    let mut announced = connect(&server, &offer_head(10_000_000)).await;
    assert!(rest(&mut announced).await.starts_with("HTTP/1.1 413"));

    let head = offer_head(0).replace("Content-Length: 0", "Transfer-Encoding: chunked");
    let chunk = format!("4000\r\n{}\r\n", "x".repeat(0x4000));
    let mut chunked = connect(&server, &format!("{head}{}", chunk.repeat(5))).await;
    assert!(rest(&mut chunked).await.starts_with("HTTP/1.1 413"));

    let full = "x".repeat(64 * 1024);
    let mut most = connect(&server, &format!("{}{full}", offer_head(full.len()))).await;
    assert!(rest(&mut most).await.starts_with("HTTP/1.1 400"), "64 KiB are read, and are no SDP");
}

#[tokio::test]
async fn a_body_that_ends_early_makes_no_session() {
    let server = start_with(short()).await;
    let mut stream = connect(&server, &format!("{}{OFFER}", offer_head(OFFER.len() + 10))).await;
    stream.shutdown().await.unwrap();
    let answer = rest(&mut stream).await;
    assert!(!answer.starts_with("HTTP/1.1 2"), "{answer}");
    assert_eq!(server.metric("pinhole_sessions_total").await, 0.0);
}

#[tokio::test]
async fn what_is_no_http_gets_an_error_and_the_server_goes_on() {
    let server = start_with(short()).await;
    let many = format!("GET / HTTP/1.1\r\nHost: localhost\r\n{}\r\n", "X: y\r\n".repeat(500));
    let long = format!("GET /{} HTTP/1.1\r\nHost: localhost\r\n\r\n", "a".repeat(100_000));
    let huge = format!("GET / HTTP/1.1\r\nHost: localhost\r\nX: {}\r\n\r\n", "a".repeat(100_000));
    for text in [
        "\r\n\r\n\0\0\0",
        "hello\r\n\r\n",
        "GET / HTTP/9.9\r\n\r\n",
        "\u{16}\u{3}\u{1}",
        "GET / HTTP/1.1\r\n\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        &many,
        &long,
        &huge,
    ] {
        let mut stream = TcpStream::connect(server.running.addr).await.unwrap();
        let _ = stream.write_all(text.as_bytes()).await;
        let answer = rest(&mut stream).await;
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{text:.30}: {answer}");
    }
    server.whep_session().await;
}

#[tokio::test]
async fn connections_beyond_the_limit_are_told_and_closed() {
    let mut settings = settings("");
    settings.http.connections = 2;
    let server = start_with(settings).await;
    let first = connect(&server, "").await;
    let second = connect(&server, "").await;
    sleep(Duration::from_millis(100)).await;

    let mut third = TcpStream::connect(server.running.addr).await.unwrap();
    let answer = rest(&mut third).await;
    assert!(answer.starts_with("HTTP/1.1 503") && answer.contains("Retry-After"), "{answer}");

    drop((first, second));
    sleep(Duration::from_millis(100)).await;
    assert_eq!(server.get("/healthz").await.status(), 200);
}

#[tokio::test]
async fn shutting_down_takes_less_than_two_seconds_with_connections_and_sessions_open() {
    let server = start_with(settings("")).await;
    server.whep_session().await;
    let mut stuck = connect(&server, &offer_head(1000)).await;
    let idle = connect(&server, "").await;
    sleep(Duration::from_millis(100)).await;
    let (address, began) = (server.running.addr, Instant::now());

    server.running.shutdown().await;

    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    assert!(TcpStream::connect(address).await.is_err(), "nobody listens any more");
    rest(&mut stuck).await;
    drop(idle);
}
