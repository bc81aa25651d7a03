//! What it does: one kind of datagram or command each, in any number.

use std::net::SocketAddr;

use super::{Answered, Hostile, compound, feedback, nacks, report, transport_feedback};

/// One kind of attack: the `number`-th act of it, by a viewer that has joined.
pub type Act = fn(&mut Hostile, number: u64) -> Answered;

/// All kinds by name.
pub const ATTACKS: &[(&str, Act)] = &[
    ("check_same_place", check_same_place),
    ("check_new_ports", check_new_ports),
    ("check_new_hosts", check_new_hosts),
    ("check_forged", check_forged),
    ("stun_answers", stun_answers),
    ("rtcp_pli", |viewer, _| rtcp(viewer, |video, _| feedback(1, 206, video, &[]))),
    ("rtcp_fir", rtcp_fir),
    ("rtcp_many_pli", |viewer, _| {
        rtcp(viewer, |video, _| feedback(1, 206, video, &[]).repeat(110))
    }),
    // In the 31 entries that are read of one.
    ("rtcp_nack_all", |viewer, _| rtcp(viewer, |video, last| nacks(video, last, 527))),
    ("rtcp_nack_most", |viewer, _| rtcp(viewer, |video, last| nacks(video, last, 5_700))),
    ("rtcp_nack_twice", |viewer, _| {
        rtcp(viewer, |video, last| nacks(video, last, 2_000).repeat(2))
    }),
    ("rtcp_nack_one", |viewer, _| rtcp(viewer, |video, last| nacks(video, last, 1))),
    ("rtcp_reports", |viewer, _| rtcp(viewer, |video, _| report(video))),
    ("rtcp_strange_reports", rtcp_strange_reports),
    ("rtcp_transport_feedback", rtcp_transport_feedback),
    ("rtcp_xr", |viewer, _| {
        rtcp(viewer, |_, _| compound(0, 207, &[4, 0, 0, 2, 1, 2, 3, 4]).repeat(80))
    }),
    ("rtcp_sdes", |viewer, number| {
        let name = [&number.to_be_bytes()[..], &[1, 250], &[0x61; 250], &[0, 0]].concat();
        rtcp(viewer, |_, _| compound(1, 202, &name))
    }),
    ("rtcp_garbage", |viewer, number| {
        let mut rng = fastrand::Rng::with_seed(number);
        let (format, kind) = (rng.u8(..32), rng.u8(192..224));
        let body: Vec<u8> = (0..rng.usize(..1_100)).map(|_| rng.u8(..)).collect();
        rtcp(viewer, |_, _| compound(format, kind, &body))
    }),
    ("rtp_one_stream", |viewer, number| rtp(viewer, 5, number, 96)),
    ("rtp_new_streams", |viewer, number| rtp(viewer, number as u32, number, 96)),
    ("rtp_new_repairs", |viewer, number| rtp(viewer, number as u32, number, 97)),
    ("rtp_unprotected", rtp_unprotected),
    ("dtls_hello_again", dtls_hello_again),
    ("dtls_giant_fragments", dtls_giant_fragments),
    ("dtls_false_records", dtls_false_records),
    ("dtls_sctp_init", |viewer, number| dtls_data(viewer, &sctp(number, 1))),
    ("dtls_sctp_garbage", |viewer, number| dtls_data(viewer, &sctp(number, number as u8))),
    ("dtls_data", |viewer, _| dtls_data(viewer, &[0x55; 1_000])),
    ("any_first_byte", any_first_byte),
    ("candidates", candidates),
    ("restarts", restarts),
    ("restarts_by_fragment", restarts_by_fragment),
    ("giant_offers", |viewer, _| {
        let mut offer = viewer.offer(1);
        for number in 1..120 {
            // Long names, which an answer has to repeat.
            let mid = format!("{number}{}", "x".repeat(1_900));
            offer += &format!("m=audio 0 UDP/TLS/RTP/SAVPF 0\r\na=mid:{mid}\r\na=inactive\r\n");
        }
        viewer.ask(|endpoint, now, session| drop(endpoint.renegotiate(now, session, &offer)));
        viewer.drain()
    }),
    ("offers_again", |viewer, _| {
        let offer = viewer.offer(1);
        // It may have ended; that is an answer, too.
        viewer.ask(|endpoint, now, session| drop(endpoint.renegotiate(now, session, &offer)));
        viewer.drain()
    }),
];

fn check_same_place(viewer: &mut Hostile, number: u64) -> Answered {
    let check = viewer.check(u128::from(number) + 1_000, number.is_multiple_of(2));
    viewer.send(viewer.address, &check)
}

fn check_new_ports(viewer: &mut Hostile, number: u64) -> Answered {
    let from = SocketAddr::new(viewer.address.ip(), (number % 64_000) as u16 + 1_000);
    let check = viewer.check(u128::from(number) + 1_000, number.is_multiple_of(2));
    viewer.send(from, &check)
}

fn check_new_hosts(viewer: &mut Hostile, number: u64) -> Answered {
    let host = (0x0b00_0000 + number as u32).to_be_bytes();
    let check = viewer.check(u128::from(number) + 1_000, number.is_multiple_of(2));
    viewer.send((host, 6_000).into(), &check)
}

fn check_forged(viewer: &mut Hostile, number: u64) -> Answered {
    let mut check = viewer.check(u128::from(number) + 1_000, true);
    let integrity = check.len() - 20;
    check[integrity] ^= 1;
    viewer.send(([203, 0, 113, 77], (number % 60_000) as u16 + 1).into(), &check)
}

fn stun_answers(viewer: &mut Hostile, number: u64) -> Answered {
    let mut answer = viewer.check(u128::from(number) + 1_000, false);
    answer[0] = 1;
    viewer.send(viewer.address, &answer)
}

/// Protects and sends what is made from the video's SSRC and its last sequence number.
fn rtcp(viewer: &mut Hostile, make: impl FnOnce(u32, u16) -> Vec<u8>) -> Answered {
    let packet = make(viewer.video, viewer.last_sequence);
    let packet = viewer.srtcp(&packet);
    viewer.send(viewer.address, &packet)
}

fn rtcp_fir(viewer: &mut Hostile, number: u64) -> Answered {
    let sequence = number as u8;
    rtcp(viewer, |video, _| {
        let entry = [&video.to_be_bytes()[..], &[sequence, 0, 0, 0]].concat();
        feedback(4, 206, video, &entry.repeat(100))
    })
}

fn rtcp_strange_reports(viewer: &mut Hostile, number: u64) -> Answered {
    rtcp(viewer, |video, _| {
        let mut packet = report(video.wrapping_add(number as u32 * 31));
        packet[4..8].copy_from_slice(&(number as u32).to_be_bytes());
        packet
    })
}

fn rtcp_transport_feedback(viewer: &mut Hostile, number: u64) -> Answered {
    rtcp(viewer, |video, last| {
        let once = transport_feedback(video, last, number as u8);
        once.repeat(30)
    })
}

fn rtp(viewer: &mut Hostile, ssrc: u32, number: u64, kind: u8) -> Answered {
    let packet = viewer.srtp(ssrc, number as u16, kind, &[0x41; 900]);
    viewer.send(viewer.address, &packet)
}

fn rtp_unprotected(viewer: &mut Hostile, number: u64) -> Answered {
    let mut packet = vec![0x80, 96];
    packet.extend((number as u16).to_be_bytes());
    packet.extend((number as u32).to_be_bytes());
    packet.extend((number as u32).to_be_bytes());
    packet.resize(1_100, 0x41);
    viewer.send(viewer.address, &packet)
}

/// A ClientHello in the clear, as if it began again.
fn dtls_hello_again(viewer: &mut Hostile, number: u64) -> Answered {
    let (mut dtls, _) = crate::crypto::client(viewer.now);
    let _ = dtls.handle_timeout(viewer.now);
    let mut out = vec![0; 4_096];
    let mut all = Answered::default();
    while let dimpl::Output::Packet(packet) = dtls.poll_output(&mut out) {
        let mut packet = packet.to_vec();
        // Another record number, RFC 6347 §4.1.
        packet[5..11].copy_from_slice(&number.to_be_bytes()[2..]);
        let answered = viewer.send(viewer.address, &packet);
        all.datagrams += answered.datagrams;
        all.bytes += answered.bytes;
    }
    all
}

/// A handshake message of 16 MB, piece by piece: RFC 6347 §4.2.2.
fn dtls_giant_fragments(viewer: &mut Hostile, number: u64) -> Answered {
    let offset = ((number * 1_000) % 16_000_000) as u32;
    let mut packet = vec![22, 0xfe, 0xfd, 0, (number % 2) as u8];
    packet.extend(&number.to_be_bytes()[2..]);
    packet.extend(1_012_u16.to_be_bytes());
    packet.extend([11, 0xff, 0xff, 0xff, 0, (number % 7) as u8]);
    packet.extend(&offset.to_be_bytes()[1..]);
    packet.extend(&1_000_u32.to_be_bytes()[1..]);
    packet.resize(13 + 1_012, 0x22);
    viewer.send(viewer.address, &packet)
}

fn dtls_false_records(viewer: &mut Hostile, number: u64) -> Answered {
    let mut packet = vec![20 + (number % 8) as u8, 0xfe, 0xfd, 0, (number % 4) as u8];
    packet.extend(&number.to_be_bytes()[2..]);
    packet.extend(1_000_u16.to_be_bytes());
    packet.resize(13 + 1_000, 0x33);
    viewer.send(viewer.address, &packet)
}

fn dtls_data(viewer: &mut Hostile, data: &[u8]) -> Answered {
    if viewer.dtls.send_application_data(data).is_err() {
        return Answered::default();
    }
    viewer.pump_dtls()
}

/// An SCTP packet with one chunk of this type, RFC 9260 §3.
fn sctp(number: u64, kind: u8) -> Vec<u8> {
    let mut packet = vec![0x13, 0x88, 0x13, 0x88];
    packet.extend(if kind == 1 { 0_u32 } else { number as u32 }.to_be_bytes());
    packet.extend([0; 4]);
    packet.extend([kind, 3, 1, 0]);
    packet.extend((number as u32 + 1).to_be_bytes());
    packet.resize(12 + 256, 0xff);
    packet
}

fn any_first_byte(viewer: &mut Hostile, number: u64) -> Answered {
    let mut rng = fastrand::Rng::with_seed(number);
    let length = rng.usize(..1_400);
    let mut packet = vec![number as u8];
    packet.extend((0..length).map(|_| rng.u8(..)));
    viewer.send(viewer.address, &packet)
}

fn candidates(viewer: &mut Hostile, number: u64) -> Answered {
    let [_, b, c, d] = (number as u32).to_be_bytes();
    let line = format!("candidate:{number} 1 udp {} 12.{b}.{c}.{d} 7000 typ host", number + 1);
    // Most are refused; that is the point.
    let _ = viewer.ask(|endpoint, now, session| endpoint.add_candidate(now, session, &line));
    viewer.drain()
}

fn restarts(viewer: &mut Hostile, number: u64) -> Answered {
    let offer = viewer.offer(number);
    viewer.restart(|endpoint, now, session| endpoint.renegotiate(now, session, &offer).ok());
    viewer.drain()
}

fn restarts_by_fragment(viewer: &mut Hostile, number: u64) -> Answered {
    let [_, b, c, d] = (number as u32).to_be_bytes();
    let fragment = format!(
        "a=ice-ufrag:frag{number}\r\na=ice-pwd:hostile-hostile-hostile{number}\r\n\
         m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:0\r\n\
         a=candidate:1 1 udp 7 12.{b}.{c}.{d} 7000 typ host\r\n"
    );
    viewer.restart(|endpoint, now, session| {
        endpoint.handle_fragment(now, session, &fragment).ok().flatten()
    });
    viewer.drain()
}
