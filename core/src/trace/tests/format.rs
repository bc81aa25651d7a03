//! What is written is read back, and what cannot be is refused.

use super::*;

mod written_and_read {
    use proptest::prelude::*;

    use super::*;

    fn address() -> impl Strategy<Value = SocketAddr> {
        (any::<std::net::IpAddr>(), any::<u16>()).prop_map(|(ip, port)| SocketAddr::new(ip, port))
    }

    fn leg() -> impl Strategy<Value = Leg> {
        prop_oneof![
            (address(), address()).prop_map(|(local, remote)| Leg::Udp { local, remote }),
            any::<u64>().prop_map(Leg::Stream),
        ]
    }

    fn via() -> impl Strategy<Value = Option<Via>> {
        let via = prop_oneof![any::<u16>().prop_map(Via::Channel), address().prop_map(Via::Peer)];
        proptest::option::of(via)
    }

    fn attribute() -> impl Strategy<Value = StunAttribute> {
        prop_oneof![
            any::<String>().prop_map(StunAttribute::Software),
            address().prop_map(StunAttribute::XorMappedAddress),
            any::<u64>().prop_map(StunAttribute::IceControlling),
            any::<u32>().prop_map(StunAttribute::Priority),
            Just(StunAttribute::UseCandidate),
            any::<(u16, u16)>().prop_map(|(number, len)| StunAttribute::Other { number, len }),
        ]
    }

    fn packet() -> impl Strategy<Value = Packet> {
        let stun = (any::<(String, u64, bool)>(), proptest::collection::vec(attribute(), 0..5));
        let record = any::<(u8, u16, Option<u8>, u16)>().prop_map(|r| DtlsRecord {
            content: r.0,
            epoch: r.1,
            handshake: r.2,
            len: r.3,
        });
        prop_oneof![
            stun.prop_map(|((method, transaction, whole), attributes)| {
                let (class, integrity) = ("request".to_owned(), Integrity::Held);
                Packet::Stun(StunMessage {
                    class,
                    method,
                    transaction,
                    integrity,
                    attributes,
                    whole,
                })
            }),
            proptest::collection::vec(record, 0..4).prop_map(Packet::Dtls),
            any::<Option<u8>>().prop_map(Packet::Other),
        ]
    }

    fn tally() -> impl Strategy<Value = MediaTally> {
        let rtp = any::<(u32, u64, u64, u16, u16)>().prop_map(|r| RtpTally {
            ssrc: r.0,
            packets: r.1,
            bytes: r.2,
            first: r.3,
            last: r.4,
        });
        let rtp = proptest::collection::vec(rtp, 0..3);
        (leg(), via(), rtp, any::<(u64, u64, u64)>()).prop_map(|(leg, via, rtp, counts)| {
            MediaTally {
                direction: Direction::In,
                leg,
                via,
                span_us: counts.0,
                last_before_us: counts.1,
                rtp,
                rtcp_packets: counts.1,
                rtcp_bytes: counts.2,
            }
        })
    }

    fn findings() -> impl Strategy<Value = FindingsTold> {
        let port = (address(), address(), any::<(String, Option<u16>, String)>()).prop_map(
            |(external, internal, (proof, at_port, witness))| PortTold {
                external,
                internal,
                proof,
                seen_from: Some(external),
                at_port,
                witness,
            },
        );
        let nat = any::<(Option<String>, String, Option<bool>, Option<i32>)>();
        let nat = (nat, address()).prop_map(|((mapping, filtering, hairpin, port_step), at)| {
            let (mapped, port_preserved) = (vec![(at, at)], hairpin);
            NatTold { mapping, filtering, hairpin, port_preserved, port_step, mapped }
        });
        let nat = proptest::option::of(nat);
        let clock = any::<(Option<i64>, Option<String>, Option<u64>, Vec<(usize, bool)>)>();
        (nat, proptest::collection::vec(port, 0..3), clock).prop_map(|(nat, ports, clock)| {
            let (clock_seconds, clock_of, encoder_stalled_ms, opens_tcp) = clock;
            FindingsTold { nat, ports, clock_seconds, clock_of, encoder_stalled_ms, opens_tcp }
        })
    }

    fn browser() -> impl Strategy<Value = BrowserTold> {
        let texts = any::<(String, Vec<String>, Option<String>, Option<u64>)>();
        (texts, any::<(String, u16)>(), any::<u64>()).prop_map(|(texts, error, count)| {
            let (ice, candidate_types, pair, unix_seconds) = texts;
            let (url, code) = error;
            BrowserTold {
                connection: ice.clone(),
                errors: vec![BrowserError { text: url.clone(), url, code }],
                our_fingerprint: pair.clone(),
                its_fingerprint: pair.clone(),
                bytes_received: count,
                packets_received: count / 2,
                frames_decoded: 0,
                ice,
                candidate_types,
                pair,
                unix_seconds,
            }
        })
    }

    fn what() -> impl Strategy<Value = What> {
        let sockets = || proptest::collection::vec(address(), 0..3);
        prop_oneof![
            (leg(), via(), any::<usize>(), packet())
                .prop_map(|(leg, via, len, packet)| What::PacketIn { leg, via, len, packet }),
            tally().prop_map(What::Media),
            any::<String>().prop_map(|sdp| What::Offer { sdp }),
            any::<(u64, String)>().prop_map(|(session, sdp)| What::Answer { session, sdp }),
            any::<(String, Option<String>)>()
                .prop_map(|(reason, detail)| What::Refused { reason, detail }),
            any::<(u64, String, Option<String>)>()
                .prop_map(|(session, state, cause)| What::Session { session, state, cause }),
            (sockets(), sockets()).prop_map(|(udp, tcp)| What::Bases { udp, tcp }),
            (any::<(usize, String, Option<u16>)>(), sockets()).prop_map(|(report, addresses)| {
                let (server, report, code) = report;
                What::Server { server, report, addresses, code }
            }),
            (address(), any::<(u64, Option<String>)>())
                .prop_map(|(remote, (stream, tls))| What::Connect { stream, remote, tls }),
            any::<(u64, Option<String>, Option<String>, Vec<String>)>().prop_map(|told| {
                let (session, verdict, severity, evidence) = told;
                What::Diagnosis { session, verdict, severity, evidence }
            }),
            (any::<std::net::IpAddr>(), any::<u64>())
                .prop_map(|(from, session)| What::SignalledFrom { session, from }),
            findings().prop_map(|told| What::Findings { findings: Box::new(told) }),
            browser().prop_map(|told| What::Browser {
                session: 3,
                known: true,
                report: Box::new(told),
            }),
            Just(What::Leave),
            Just(What::KeyframeWanted),
            any::<u64>().prop_map(|bits_per_second| What::BitrateTarget { bits_per_second }),
        ]
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back_the_same(
            whats in proptest::collection::vec((any::<u64>(), what()), 0..20),
        ) {
            let (_, header) = recorder(crate::test_clock(), AddressPolicy::Keep);
            let entries = whats.into_iter().map(|(at_us, what)| Entry { at_us, what }).collect();
            let recording = Recording { header, entries, skipped: 0 };

            let read = Recording::read(recording.to_lines().as_bytes());

            prop_assert_eq!(read, Ok(recording));
        }
    }
}

#[test]
fn what_a_later_version_says_is_skipped_and_a_later_format_refused() {
    let (_, header) = recorder(crate::test_clock(), AddressPolicy::Keep);
    let read = |header: &Header, more: &str| {
        Recording::read(format!("{}{more}", header.to_line()).as_bytes())
    };
    let later = Header { minor: MINOR + 1, ..header.clone() };
    let newer = Header { pinhole_record: VERSION + 1, ..header.clone() };
    let known = "{\"at_us\":1,\"kind\":\"leave\",\"news\":5}\n";
    let unknown = "{\"at_us\":2,\"kind\":\"not_yet\",\"code\":[1]}\n";
    let otherwise = "{\"at_us\":3,\"kind\":\"session\",\"session\":{\"id\":1}}\n";

    let now = read(&header, &[known, unknown].concat()).unwrap();
    assert_eq!((now.entries.len(), now.skipped), (1, 1));
    assert!(matches!(read(&header, otherwise), Err(RecordError::Damaged { line: 2, .. })));
    assert_eq!(read(&later, otherwise).unwrap().skipped, 1);
    assert!(matches!(read(&later, "{\"at_us\n"), Err(RecordError::Damaged { line: 2, .. })));
    assert_eq!(read(&newer, known), Err(RecordError::TooNew(2)));
    // The program was killed while it wrote.
    assert_eq!(read(&header, &[known, "{\"at_us\":4,\"ki"].concat()).unwrap().skipped, 1);
    assert_eq!(Recording::read(&b""[..]), Err(RecordError::Empty));
    for nothing in ["\n", "[]\n", "{}\n", "<html>\n", "{\"pinhole_record\":\"1\"}\n"] {
        let error = Recording::read(nothing.as_bytes()).unwrap_err();
        assert!(matches!(error, RecordError::NoHeader(_)), "{nothing}: {error}");
    }
    let long = format!("{}{}", header.to_line(), " ".repeat(LINE_BYTES_MAX + 1));
    assert_eq!(Recording::read(long.as_bytes()), Err(RecordError::LongLine { line: 2 }));
}
