//! The recorder as a whole.
#![allow(clippy::unwrap_used)]

mod budget;
mod format;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use stun_types::attribute::{Nonce, Realm, Software, Username};
use stun_types::message::{
    IntegrityAlgorithm, Message, MessageClass, MessageType, MessageWrite, MessageWriteExt,
    MessageWriteVec, Method, ShortTermCredentials, TransactionId,
};

use super::*;
use crate::base::{Seed, StreamId, WallClock};
use crate::endpoint::{
    Accepted, Certificate, Datagram, EndpointConfig, Event, Limits, OfferError, SessionId,
    Transmit, Transport, VideoFormat,
};
use crate::gather::{GatherConfig, ServerConfig, ServerKind, TurnTransport};
use crate::turn::Credentials;

const LOCAL: &str = "10.1.2.3:5000";
const REMOTE: &str = "8.8.8.8:6000";

fn config(now: Instant) -> EndpointConfig {
    let credentials =
        Credentials::LongTerm { username: "geheim".into(), password: "geheim".into() };
    let server = ServerConfig {
        host: "turn.example.org".into(),
        addresses: vec!["9.9.9.9:3478".parse().unwrap()],
        kind: ServerKind::Turn { transport: TurnTransport::Udp, credentials },
    };
    let gather = GatherConfig::lan(vec![LOCAL.parse().unwrap()]);
    EndpointConfig {
        seed: Seed::new([7; 32]),
        wall_clock: WallClock { unix: Duration::from_secs(1_800_000_000), at: now },
        certificate: Certificate::generate().unwrap(),
        gather: GatherConfig { servers: vec![server], ..gather },
        video: VideoFormat { profile_level_id: "42e01f".parse().unwrap() },
        limits: Limits::default(),
        estimator: None,
    }
}

fn recorder(now: Instant, policy: AddressPolicy) -> (Recorder, Header) {
    Recorder::new(now, &config(now), policy)
}

fn entries(recorder: &mut Recorder) -> Vec<What> {
    std::iter::from_fn(|| recorder.next_entry()).map(|entry| entry.what).collect()
}

fn datagram(payload: &[u8]) -> Datagram<'_> {
    let (local, remote): (SocketAddr, SocketAddr) =
        (LOCAL.parse().unwrap(), REMOTE.parse().unwrap());
    Datagram { local, remote, transport: Transport::Udp, payload }
}

fn check(username: &str, password: &str) -> Vec<u8> {
    let kind = MessageType::from_class_method(MessageClass::Request, Method::new(1));
    let mut message = Message::builder(kind, TransactionId::from(77u128), MessageWriteVec::new());
    message.add_attribute(&Username::new(username).unwrap()).unwrap();
    message.add_attribute(&Software::new("viewer 1").unwrap()).unwrap();
    let credentials = ShortTermCredentials::new(password.to_owned()).into();
    message.add_message_integrity(&credentials, IntegrityAlgorithm::Sha1).unwrap();
    message.finish()
}

fn stun_of(what: &What) -> &StunMessage {
    match what {
        What::PacketIn { packet: Packet::Stun(message), .. }
        | What::PacketOut { packet: Packet::Stun(message), .. } => message,
        other => panic!("{other:?} is no STUN"),
    }
}

const SDP: &str = "v=0\r\na=ice-ufrag:aBcD\r\na=ice-pwd:geheimgeheimgeheimgeheim\r\n";

#[test]
fn a_check_names_stand_ins_and_says_whether_its_integrity_held() {
    let now = crate::test_clock();
    let (mut recorder, _) = recorder(now, AddressPolicy::Keep);
    let accepted = Accepted { session: SessionId(4), answer: SDP.to_owned() };
    recorder.on_offer(now, "v=0\r\n", &Ok(accepted));
    entries(&mut recorder);

    let passwords = ["geheimgeheimgeheimgeheim", "another"];
    for password in passwords {
        recorder.on_datagram(now, &datagram(&check("aBcD:wXyZ", password)));
    }
    recorder.on_datagram(now, &datagram(&check("gone:wXyZ", "another")));

    let told = entries(&mut recorder);
    let integrity: Vec<_> = told.iter().map(|what| stun_of(what).integrity).collect();
    // Of a ufrag that no SDP named nothing can be said.
    assert_eq!(integrity, [Integrity::Held, Integrity::Failed, Integrity::Unchecked]);
    let first = stun_of(&told[0]);
    assert_eq!(first.attributes[0], StunAttribute::Username("u00001:u00002".to_owned()));
    assert_eq!(first.attributes[1], StunAttribute::Software("viewer 1".to_owned()));
    assert_eq!((first.class.as_str(), first.method.as_str()), ("request", "binding"));
    assert_eq!(first.transaction, stun_of(&told[1]).transaction);
    assert!(first.whole);
}

#[test]
fn users_realms_and_nonces_of_turn_have_stand_ins() {
    let now = crate::test_clock();
    let (mut recorder, header) = recorder(now, AddressPolicy::Keep);
    let kind = MessageType::from_class_method(MessageClass::Request, Method::new(3));
    let mut message = Message::builder(kind, TransactionId::from(1u128), MessageWriteVec::new());
    message.add_attribute(&Username::new("geheim").unwrap()).unwrap();
    message.add_attribute(&Realm::new("geheim").unwrap()).unwrap();
    message.add_attribute(&Nonce::new("geheim").unwrap()).unwrap();

    recorder.on_datagram(now, &datagram(&message.finish()));

    let line = format!("{:?}{}", entries(&mut recorder), header.to_line());
    assert!(!line.contains("geheim"), "{line}");
    assert!(line.contains("user1") && line.contains("realm1") && line.contains("nonce1"), "{line}");
    assert!(line.contains("turn-udp") && line.contains("long-term"), "{line}");
}

#[test]
fn hidden_addresses_stand_nowhere() {
    let now = crate::test_clock();
    let (mut recorder, header) = recorder(now, AddressPolicy::Hide);
    let offer = "v=0\r\no=- 1 1 IN IP4 8.8.8.8\r\na=candidate:1 1 udp 1 8.8.8.8 9 typ host\r\n";
    recorder.on_offer(now, offer, &Err(OfferError::NoMedia));
    recorder.on_datagram(now, &datagram(&check("a:b", "c")));
    recorder.on_server_addresses(now, 0, &["9.9.9.9:1".parse().unwrap()]);

    let mut lines = header.to_line();
    lines.extend(std::iter::from_fn(|| recorder.next_entry()).map(|entry| entry.to_line()));

    for hidden in ["8.8.8.8", "9.9.9.9", "10.1.2.3", "example.org"] {
        assert!(!lines.contains(hidden), "{hidden} in {lines}");
    }
    assert!(lines.contains("203.0.113."), "{lines}");
}

#[test]
fn what_a_relay_wraps_is_told_without_its_wrapping() {
    let now = crate::test_clock();
    let (mut recorder, _) = recorder(now, AddressPolicy::Keep);
    let inner = check("a:b", "c");
    let mut channel = vec![0x40, 7, 0, inner.len() as u8];
    channel.extend(&inner);
    recorder.on_datagram(now, &datagram(&channel));
    // A Data indication: XOR-PEER-ADDRESS and DATA, RFC 8656 §11.4.
    let mut indication = vec![0, 0x17, 0, 12 + 4 + inner.len() as u8, 0x21, 0x12, 0xa4, 0x42];
    indication.extend([0; 12]);
    indication.extend([0, 0x12, 0, 8, 0, 1, 0x21 ^ 0x17, 0x12 ^ 0x70, 0x29, 0x1a, 0xac, 0x4a]);
    indication.extend([0, 0x13, 0, inner.len() as u8]);
    indication.extend(&inner);
    recorder.on_datagram(now, &datagram(&indication));

    let told = entries(&mut recorder);
    let vias: Vec<_> = told
        .iter()
        .map(|what| match what {
            What::PacketIn { via, len, .. } => (*via, *len),
            other => panic!("{other:?}"),
        })
        .collect();
    let peer = Via::Peer("8.8.8.8:6000".parse().unwrap());
    assert_eq!(vias, [(Some(Via::Channel(0x4007)), inner.len()), (Some(peer), inner.len())]);
    assert_eq!(stun_of(&told[0]), stun_of(&told[1]));
}

#[test]
fn a_connection_is_cut_into_messages_however_its_bytes_come() {
    let now = crate::test_clock();
    let inner = check("a:b", "c");
    let mut frames = Vec::new();
    for _ in 0..3 {
        frames.extend((inner.len() as u16).to_be_bytes());
        frames.extend(&inner);
    }
    let told = |pieces: usize| {
        let (mut recorder, _) = recorder(now, AddressPolicy::Keep);
        let (local, remote) = (LOCAL.parse().unwrap(), REMOTE.parse().unwrap());
        recorder.on_stream_accepted(now, local, remote, Some(StreamId(1)));
        for piece in frames.chunks(pieces) {
            recorder.on_stream_data(now, StreamId(1), piece);
        }
        entries(&mut recorder)
    };

    assert_eq!(told(frames.len()).len(), 4);
    for pieces in [1, 2, 7, 100] {
        assert_eq!(told(pieces), told(frames.len()), "{pieces} bytes at a time");
    }
}

#[test]
fn a_connection_to_a_turn_server_is_cut_by_its_own_framing() {
    let now = crate::test_clock();
    let (mut recorder, _) = recorder(now, AddressPolicy::Keep);
    let remote = REMOTE.parse().unwrap();
    recorder.on_event(now, &Event::Connect { stream: StreamId(2), remote, tls: None });
    let inner = check("a:b", "c");
    let mut bytes = inner.clone();
    bytes.extend([0x40, 7, 0, inner.len() as u8]);
    bytes.extend(&inner);

    for piece in bytes.chunks(5) {
        recorder.on_stream_data(now, StreamId(2), piece);
    }
    recorder.on_stream_data(now, StreamId(2), b"SSH-2.0-x\r\n");

    let told = entries(&mut recorder);
    let vias: Vec<_> = told
        .iter()
        .filter_map(|what| match what {
            What::PacketIn { leg: Leg::Stream(2), via, .. } => Some(*via),
            _ => None,
        })
        .collect();
    assert_eq!(vias, [None, Some(Via::Channel(0x4007))]);
    assert_eq!(told.last(), Some(&What::StreamBroken { stream: 2 }));
}

#[test]
fn media_is_summed_up_and_never_shown() {
    let now = crate::test_clock();
    let (mut recorder, _) = recorder(now, AddressPolicy::Keep);
    let mut run = Vec::new();
    for sequence in 0..4u16 {
        run.extend([0x80, 96]);
        run.extend(sequence.to_be_bytes());
        run.extend([0; 4]);
        run.extend(99u32.to_be_bytes());
        run.extend([0x5a; 88]);
    }
    let datagram = datagram(&[]);
    let transmit = Transmit {
        local: datagram.local,
        remote: datagram.remote,
        transport: Transport::Udp,
        segment_size: 100,
        len: 400,
    };

    for ms in [0u64, 50, 99, 100] {
        recorder.on_transmit(now + Duration::from_millis(ms), &transmit, &run);
    }

    let told = entries(&mut recorder);
    let [What::Media(tally)] = told.as_slice() else { panic!("{told:?}") };
    assert_eq!(
        (tally.direction, tally.span_us, tally.last_before_us),
        (Direction::Out, 99_000, 1_000)
    );
    let sums: Vec<_> = tally.rtp.iter().map(|r| (r.packets, r.bytes, r.first, r.last)).collect();
    assert_eq!(sums, [(12, 1_200, 0, 3)]);
    recorder.finish(now + Duration::from_secs(1));
    assert_eq!(entries(&mut recorder).len(), 2, "the rest, and the end");
}
