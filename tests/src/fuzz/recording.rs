//! A file that may be a recording, and anything that may be recorded.

use std::sync::OnceLock;
use std::time::Instant;

use pinhole_core::gather::GatherConfig;
use pinhole_core::trace::{AddressPolicy, Header, RecordError, Recorder, Recording};
use pinhole_core::{
    Certificate, Datagram, EndpointConfig, Limits, OfferError, Seed, StreamId, Transport,
    VideoFormat, WallClock,
};

/// What must never stand in a line, wherever an input has it as a secret.
const SECRET: &str = "geheimgeheimgeheimgeheim";

/// Bytes as a file: refused with a short text, or read, written and read again the same. Then as a datagram, as what
/// comes on connections, and as SDP behind a secret: what is recorded of them can be read, and the secret is not in it.
pub fn recording(data: &[u8]) {
    match Recording::read(data) {
        Ok(read) => {
            let again = Recording::read(read.to_lines().as_bytes()).expect("it was written here");
            assert_eq!((again.header, again.entries), (read.header, read.entries));
        }
        Err(error) => assert!(error.to_string().len() < 1024, "a refusal is short"),
    }
    for policy in [AddressPolicy::Keep, AddressPolicy::Hide] {
        record_as_anything(data, policy);
    }
}

fn record_as_anything(data: &[u8], policy: AddressPolicy) {
    let now = Instant::now();
    let (mut recorder, header) = Recorder::new(now, config(now), policy);
    let local = std::net::SocketAddr::from(([127, 0, 0, 1], 5_000));
    for payload in [data, data.get(1..).unwrap_or_default()] {
        recorder.on_datagram(
            now,
            &Datagram { local, remote: local, transport: Transport::Udp, payload },
        );
    }
    recorder.on_stream_accepted(now, local, local, Some(StreamId(1)));
    for piece in data.chunks(100) {
        recorder.on_stream_data(now, StreamId(1), piece);
    }
    let text = String::from_utf8_lossy(data);
    let refused = Err(OfferError::NoMedia);
    recorder.on_offer(now, &format!("{text}\r\na=ice-pwd:{SECRET}\r\n{text}"), &refused);
    recorder.on_offer(now, &format!("a=ice-ufrag:{SECRET}\n{text}"), &refused);
    recorder.finish(now);
    check(&header, &mut recorder, text.contains(SECRET));
}

fn check(header: &Header, recorder: &mut Recorder, knows_secret: bool) {
    let mut lines = header.to_line();
    lines.extend(std::iter::from_fn(|| recorder.next_entry()).map(|entry| entry.to_line()));
    let read = Recording::read(lines.as_bytes());
    // A line of SDP that is made of nothing but signs may grow sixfold on its way into JSON.
    assert!(matches!(read, Ok(_) | Err(RecordError::LongLine { .. })), "{read:?}");
    assert!(knows_secret || !lines.contains(SECRET), "the secret stands in {lines}");
}

/// Made once: a certificate takes longer than all the rest.
fn config(now: Instant) -> &'static EndpointConfig {
    static CONFIG: OnceLock<EndpointConfig> = OnceLock::new();
    CONFIG.get_or_init(|| EndpointConfig {
        seed: Seed::new([7; 32]),
        wall_clock: WallClock { unix: std::time::Duration::from_secs(1_800_000_000), at: now },
        certificate: Certificate::generate().expect("the crypto library works"),
        gather: GatherConfig::lan(vec![([127, 0, 0, 1], 5_000).into()]),
        video: VideoFormat { profile_level_id: "42c01f".parse().expect("a profile") },
        limits: Limits::default(),
        estimator: None,
    })
}
