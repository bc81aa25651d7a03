//! A reflector as strangers and askers meet it: what it sends, to whom, and where it ends.
#![allow(clippy::unwrap_used)]

use std::net::SocketAddr;
use std::time::Duration;

use pinhole::reflect::client::{Arrival, Reflector, Target};
use pinhole::reflect::{ReflectSettings, Reflecting};
use pinhole_core::stun::{PROOF_BYTES_MAX, read_answer, read_proof, write_proof};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpStream, UdpSocket};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};

const TOKEN: &str = "k3Jd82hFq0xY";
const PATIENCE: Duration = Duration::from_secs(5);

async fn start(token: Option<&str>) -> Reflecting {
    let listen = "127.0.0.1:0".parse().unwrap();
    let settings = ReflectSettings { listen, token: token.map(str::to_string) };
    Reflecting::start(&settings).await.unwrap()
}

/// A control connection, spoken by hand.
struct Asker(BufReader<TcpStream>);

impl Asker {
    async fn connect(address: SocketAddr) -> Asker {
        Asker(BufReader::new(TcpStream::connect(address).await.unwrap()))
    }

    async fn hello(address: SocketAddr) -> Asker {
        let mut asker = Asker::connect(address).await;
        asker.say(&json!({ "type": "hello", "version": 1 })).await;
        assert_eq!(asker.hear().await["type"], "hello");
        asker
    }

    async fn say(&mut self, message: &Value) {
        self.0.write_all(format!("{message}\n").as_bytes()).await.unwrap();
    }

    /// `Null` at the end.
    async fn hear(&mut self) -> Value {
        let mut line = String::new();
        timeout(PATIENCE, self.0.read_line(&mut line)).await.unwrap().unwrap();
        serde_json::from_str(&line).unwrap_or_default()
    }

    /// All that is said of one request.
    async fn probe(&mut self, targets: &[SocketAddr], count: u16) -> Vec<Value> {
        let target = |address: &SocketAddr| json!({ "address": address, "token": TOKEN });
        let targets: Vec<Value> = targets.iter().map(target).collect();
        let request = json!({
            "type": "probe", "targets": targets, "count": count, "spacing_ms": 10, "listen_ms": 50,
        });
        self.say(&request).await;
        let mut said = Vec::new();
        loop {
            let tell = self.hear().await;
            if tell["type"] == "done" || tell.is_null() {
                return said;
            }
            said.push(tell);
        }
    }
}

#[tokio::test]
async fn probes_come_from_the_reflector_with_the_token_and_in_their_number() {
    let reflecting = start(None).await;
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let mut asker = Asker::hello(reflecting.address).await;

    let said = asker.probe(&[socket.local_addr().unwrap()], 3).await;

    assert_eq!(said, [json!({ "type": "sent", "target": 0, "count": 3 })]);
    let mut buffer = [0; 2048];
    for sequence in 0..3 {
        let (length, from) = socket.recv_from(&mut buffer).await.unwrap();
        assert_eq!(read_proof(&buffer[..length]), Some((TOKEN, sequence)));
        assert_eq!(from.ip(), reflecting.address.ip());
    }
    assert!(socket.try_recv(&mut buffer).is_err(), "more than were asked for");
}

#[tokio::test]
async fn a_closed_port_is_told_by_icmp() {
    let reflecting = start(None).await;
    let closed = UdpSocket::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let mut asker = Asker::hello(reflecting.address).await;

    let said = asker.probe(&[closed], 5).await;

    assert_eq!(said[0], json!({ "type": "sent", "target": 0, "count": 5 }));
    assert_eq!(said[1], json!({ "type": "unreachable", "target": 0, "what": "port" }));
}

#[tokio::test]
async fn a_stranger_gets_probes_to_its_own_address_alone() {
    let reflecting = start(None).await;
    let victim = UdpSocket::bind("127.0.0.2:0").await.unwrap();
    let mut asker = Asker::hello(reflecting.address).await;

    let elsewhere = victim.local_addr().unwrap();
    let said = asker.probe(&[elsewhere, "203.0.113.1:53".parse().unwrap()], 5).await;

    assert_eq!(said.len(), 2);
    assert!(said.iter().all(|it| it["type"] == "refused"), "{said:?}");
    let mut buffer = [0; 64];
    let came = timeout(Duration::from_millis(200), victim.recv(&mut buffer)).await;
    assert!(came.is_err(), "the victim was sent {came:?}");
}

#[tokio::test]
async fn whoever_has_the_token_may_name_others_but_no_group_and_no_port_zero() {
    let reflecting = start(Some("north")).await;
    let mut asker = Asker::connect(reflecting.address).await;
    asker.say(&json!({ "type": "hello", "version": 1, "token": "north" })).await;
    asker.hear().await;
    let other = UdpSocket::bind("127.0.0.2:0").await.unwrap();

    let said = asker.probe(&[other.local_addr().unwrap()], 1).await;
    assert_eq!(said[0]["type"], "sent");
    let mut buffer = [0; 128];
    timeout(PATIENCE, other.recv(&mut buffer)).await.unwrap().unwrap();

    for group in ["224.0.0.1:9", "255.255.255.255:9", "0.0.0.0:9", "[ff02::1]:9", "127.0.0.1:0"] {
        let said = asker.probe(&[group.parse().unwrap()], 1).await;
        assert_eq!(said[0]["type"], "refused", "{group}");
    }
}

#[tokio::test]
async fn a_wrong_token_another_version_and_what_is_none_of_the_protocol_end_it() {
    let reflecting = start(Some("north")).await;
    let probe =
        json!({ "type": "probe", "targets": [], "count": 1, "spacing_ms": 1, "listen_ms": 1 });
    for first in [
        json!({ "type": "hello", "version": 1, "token": "south" }),
        json!({ "type": "hello", "version": 2 }),
        json!("GET / HTTP/1.1"),
        probe,
    ] {
        let mut asker = Asker::connect(reflecting.address).await;
        asker.say(&first).await;
        let said = asker.hear().await;
        assert_eq!(said["type"], "error", "{first} is answered with {said}");
        assert!(asker.hear().await.is_null());
    }
}

#[tokio::test]
async fn lines_and_targets_and_probes_are_bounded() {
    let reflecting = start(None).await;
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let here = socket.local_addr().unwrap();

    let mut asker = Asker::hello(reflecting.address).await;
    let said = asker.probe(&[here], 60_000).await;
    assert_eq!(said[0]["count"], 5, "as many as there are, whatever was asked for");
    let said = asker.probe(&[here; 17], 1).await;
    assert_eq!(said[0]["type"], "error", "{said:?}");

    let mut asker = Asker::hello(reflecting.address).await;
    let endless = vec![b' '; 64 * 1024];
    // It may hang up before all is said.
    let _ = asker.0.write_all(&endless).await;
    assert!(asker.hear().await.is_null());
}

#[tokio::test]
async fn probes_are_rationed() {
    let reflecting = start(None).await;
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let here = socket.local_addr().unwrap();
    let (mut sent, mut refused) = (0, 0);

    for _ in 0..6 {
        let mut asker = Asker::hello(reflecting.address).await;
        for said in asker.probe(&[here; 16], 5).await {
            sent += said["count"].as_u64().unwrap_or_default();
            refused += u64::from(said["type"] == "refused");
        }
    }

    assert_eq!(sent, 400, "and not the 480 that were asked for");
    assert_eq!(refused, 16);
}

#[tokio::test]
async fn connections_of_one_client_are_bounded_and_idle_ones_do_not_stop_others() {
    let reflecting = start(None).await;
    let mut idle = Vec::new();
    for _ in 0..8 {
        idle.push(Asker::hello(reflecting.address).await);
    }

    let mut ninth = Asker::connect(reflecting.address).await;
    let _ = ninth.0.write_all(b"{\"type\":\"hello\",\"version\":1}\n").await;
    let mut line = String::new();
    let read = timeout(PATIENCE, ninth.0.read_line(&mut line)).await.unwrap();
    assert!(read.is_err() || line.is_empty(), "a ninth is answered: {line}");

    drop(idle);
    tokio::time::sleep(Duration::from_millis(200)).await;
    Asker::hello(reflecting.address).await;
}

#[tokio::test]
async fn the_echo_says_where_a_probe_came_from_and_is_never_longer() {
    let reflecting = start(None).await;
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let mut probe = [0; PROOF_BYTES_MAX];
    let length = write_proof(&mut probe, TOKEN, 1).unwrap();
    let mut answer = [0; 2048];

    socket.send_to(&probe[..length], reflecting.address).await.unwrap();
    let (answered, _) = timeout(PATIENCE, socket.recv_from(&mut answer)).await.unwrap().unwrap();

    assert!(answered <= length, "{answered} bytes for {length}");
    let (_, seen) = read_answer(&answer[..answered]).unwrap();
    assert_eq!(seen, Ok(socket.local_addr().unwrap()));
    // A Binding request of 20 bytes would be answered with more.
    let bare = [&[0, 1, 0, 0, 0x21, 0x12, 0xA4, 0x42][..], &[7; 12]].concat();
    for stranger in [&bare[..], b"", b"hello", &probe[..length - 1]] {
        socket.send_to(stranger, reflecting.address).await.unwrap();
    }
    let more = timeout(Duration::from_millis(200), socket.recv_from(&mut answer)).await;
    assert!(more.is_err(), "answered: {more:?}");
}

#[tokio::test]
async fn a_client_puts_together_what_was_sent_and_what_arrived_request_after_request() {
    let reflecting = start(None).await;
    let mut reflector =
        Reflector::connect(&reflecting.address.to_string(), None, None).await.unwrap();
    let open = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let silent = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let (local, unread) = (open.local_addr().unwrap(), silent.local_addr().unwrap());
    let closed = UdpSocket::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let (arrived, mut arrivals) = mpsc::channel(64);
    tokio::spawn(async move {
        let mut buffer = [0; 2048];
        while let Ok((length, remote)) = open.recv_from(&mut buffer).await {
            let (token, sequence) = read_proof(&buffer[..length]).unwrap();
            let (token, at) = (token.to_string(), Instant::now());
            arrived.send(Arrival { local, remote, token, sequence, at }).await.unwrap();
        }
    });
    let target = |address, token: &str| Target { address, token: token.to_string() };
    let targets =
        [target(local, "token00000"), target(closed, "token11111"), target(unread, "token22222")];

    let wait = Duration::from_millis(400);
    for _ in 0..3 {
        // It ends as soon as all has arrived; nothing of it is left over for the next.
        let begin = Instant::now();
        let outcomes = reflector.probe(&targets[..1], &mut arrivals, wait).await.unwrap();
        assert_eq!((outcomes[0].sent, outcomes[0].arrivals.len()), (5, 5));
        assert!(begin.elapsed() < wait, "{:?}", begin.elapsed());

        let outcomes = reflector.probe(&targets, &mut arrivals, wait).await.unwrap();

        let [open, closed, silent] = outcomes.as_slice() else { panic!("{outcomes:?}") };
        let order: Vec<u16> = open.arrivals.iter().map(|arrival| arrival.sequence).collect();
        assert_eq!((open.sent, order), (5, vec![0, 1, 2, 3, 4]));
        assert!(closed.unreachable.is_some() && closed.arrivals.is_empty(), "{closed:?}");
        assert_eq!((silent.sent, silent.unreachable, silent.arrivals.len()), (5, None, 0));
    }
    let towards = Some("2001:db8::1".parse().unwrap());
    let other = Reflector::connect(&reflecting.address.to_string(), None, towards).await;
    assert!(other.unwrap_err().to_string().contains("no IPv6 address"));
    assert!(reflector.clock_offset_ms.abs() < 1_000);
    assert_eq!(reflector.seen_from.ip(), local.ip());
}
