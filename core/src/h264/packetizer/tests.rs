#![allow(clippy::unwrap_used)]
use super::*;
use proptest::prelude::*;
use rtp::packetizer::Depacketizer;

const SPS: &[u8] = &[0x67, 0x42, 0xc0, 0x1f, 0x8c, 0x8d, 0x40];
const PPS: &[u8] = &[0x68, 0xce, 0x3c, 0x80];
const IDR: &[u8] = &[0x65, 0x88, 0x84, 0x21];
/// A NAL unit that fills more than a hundred packets; in Miri, some.
const LONGEST: usize = if cfg!(miri) { 6_000 } else { 140_000 };
const SLICE: &[u8] = &[0x41, 0x9a, 0x02, 0x05];

fn packetizer(limit: usize) -> Packetizer {
    Packetizer::new(PayloadLimit::new(limit).unwrap())
}

fn annex_b(units: &[&[u8]]) -> Vec<u8> {
    units.iter().flat_map(|unit| [&[0, 0, 0, 1], *unit].concat()).collect()
}

fn nal(header: u8, length: usize) -> Vec<u8> {
    let mut bytes = vec![header];
    bytes.extend((1..length).map(|at| (at % 251 + 2) as u8));
    bytes
}

/// A depacketizer as RFC 6184 §5.6 to §5.8 describes it, with no mercy.
fn depacketize(packets: &[Packet]) -> Vec<Vec<u8>> {
    let mut units = Vec::new();
    let mut fragments: Option<Vec<u8>> = None;
    for Packet { payload, .. } in packets {
        let kind = payload[0] & TYPE_BITS;
        assert!(kind == FU_A || fragments.is_none(), "a NAL unit ends before its last fragment");
        match kind {
            1..=23 => units.push(payload.to_vec()),
            STAP_A => units.extend(read_stap(payload)),
            FU_A => {
                let (start, end) = (payload[1] & FU_START != 0, payload[1] & FU_END != 0);
                assert!(!(start && end), "a fragment is never the whole (RFC 6184 §5.8)");
                assert_eq!(start, fragments.is_none(), "S is in the first fragment only");
                assert!(payload.len() > FU_HEADER_BYTES, "an empty fragment");
                let header = payload[0] & (F_BIT | NRI_BITS) | payload[1] & TYPE_BITS;
                let unit = fragments.get_or_insert_with(|| vec![header]);
                assert_eq!(unit[0], header, "the fragments of a NAL unit agree on its header");
                unit.extend_from_slice(&payload[2..]);
                if end {
                    units.extend(fragments.take());
                }
            }
            other => panic!("packet type {other} is not in packetization-mode 1"),
        }
    }
    assert_eq!(fragments, None, "the last fragment is there");
    units
}

fn read_stap(payload: &[u8]) -> Vec<Vec<u8>> {
    let mut units = Vec::new();
    let mut rest = &payload[1..];
    while let [high, low, tail @ ..] = rest {
        let (unit, tail) = tail.split_at(usize::from(u16::from_be_bytes([*high, *low])));
        units.push(unit.to_vec());
        rest = tail;
    }
    assert!(rest.is_empty() && units.len() > 1, "a STAP-A holds at least two whole NAL units");
    let nri = units.iter().map(|unit| unit[0] & NRI_BITS).max().unwrap();
    assert_eq!(payload[0] & NRI_BITS, nri, "NRI is the highest of all (RFC 6184 §5.7)");
    let f = units.iter().fold(0, |f, unit| f | unit[0] & F_BIT);
    assert_eq!(payload[0] & F_BIT, f, "F is set if any has it (RFC 6184 §5.7)");
    units
}

/// The same by the `rtp` crate, which neither knows the F bit nor takes fewer than three bytes.
fn depacketize_by_rtp_crate(packets: &[Packet]) -> Vec<Vec<u8>> {
    let mut depacketizer = rtp::codecs::h264::H264Packet::default();
    depacketizer.is_avc = true;
    let mut stream = Vec::new();
    for packet in packets {
        stream
            .extend_from_slice(&depacketizer.depacketize(&packet.payload.to_vec().into()).unwrap());
    }
    let mut units = Vec::new();
    let mut rest = stream.as_slice();
    while !rest.is_empty() {
        let (length, tail) = rest.split_at(4);
        let length = u32::from_be_bytes(length.try_into().unwrap()) as usize;
        units.push(tail[..length].to_vec());
        rest = &tail[length..];
    }
    units
}

fn check_shape(packets: &[Packet], limit: usize) {
    let mut size = 0;
    for (at, Packet { payload, marker }) in packets.iter().enumerate() {
        assert!(payload.len() <= limit, "{} > {limit}", payload.len());
        assert_eq!(*marker, at + 1 == packets.len(), "the marker is on the last packet only");
        if payload[0] & TYPE_BITS == FU_A {
            match payload[1] & (FU_START | FU_END) {
                FU_START => size = payload.len(),
                FU_END => assert!(payload.len() <= size, "the last fragment is the shortest"),
                _ => assert_eq!(payload.len(), size, "fragments but the last have one size"),
            }
        }
    }
}

/// The kinds of packets, for short: a NAL type, "stap" or "fu".
fn shapes(packets: &[Packet]) -> Vec<String> {
    let shape = |packet: &Packet| match packet.payload[0] & TYPE_BITS {
        STAP_A => "stap".to_owned(),
        FU_A => "fu".to_owned(),
        kind => kind.to_string(),
    };
    packets.iter().map(shape).collect()
}

#[test]
fn limits_outside_of_64_to_65000_are_refused_and_the_text_says_so() {
    for bytes in [0, 63, 65_001, usize::MAX] {
        assert_eq!(PayloadLimit::new(bytes), Err(PayloadLimitError(bytes)));
    }
    assert_eq!(PayloadLimit::new(64).unwrap().bytes(), 64);
    assert_eq!(PayloadLimit::new(65_000).unwrap().bytes(), 65_000);
    assert_eq!(
        PayloadLimitError(20).to_string(),
        "RTP payloads cannot be limited to 20 bytes; give 64 to 65000 (1150 suits the internet)"
    );
}

#[test]
fn small_nal_units_leave_together_and_large_ones_in_equal_fragments() {
    let mut packetizer = packetizer(100);
    let idr = nal(0x65, 300);
    let cut = packetizer.packetize(&annex_b(&[SPS, PPS, &idr]));
    assert!(cut.keyframe && cut.parameter_sets_changed);
    assert_eq!(shapes(cut.packets), ["stap", "fu", "fu", "fu", "fu"]);
    assert_eq!(cut.packets[0].payload[..], [&[0x78, 0, 7], SPS, &[0, 4], PPS].concat());
    let sizes: Vec<usize> = cut.packets.iter().map(|packet| packet.payload.len()).collect();
    assert_eq!(sizes, [16, 77, 77, 77, 76]);
    assert_eq!(cut.packets[1].payload[..2], [0x7c, 0x85]);
    assert_eq!(cut.packets[4].payload[..2], [0x7c, 0x45]);
    check_shape(cut.packets, 100);
}

#[test]
fn a_nal_unit_goes_alone_up_to_the_last_byte_of_the_limit() {
    for (length, expected) in [(97, &["1"][..]), (98, &["1"]), (100, &["1"]), (101, &["fu", "fu"])]
    {
        let mut packetizer = packetizer(100);
        let cut = packetizer.packetize(&annex_b(&[&nal(0x41, length)]));
        assert_eq!(shapes(cut.packets), expected, "{length} bytes");
        assert!(!cut.keyframe);
    }
}

#[test]
fn parameter_sets_too_large_for_one_packet_are_sent_all_the_same() {
    // As one STAP-A, as two packets, as fragments.
    for (sps, pps, expected) in [
        (30, 29, &["stap"][..]),
        (30, 30, &["7", "8"]),
        (64, 64, &["7", "8"]),
        (65, 300, &["fu", "fu", "fu", "fu", "fu", "fu", "fu"]),
    ] {
        let (sps, pps) = (nal(0x67, sps), nal(0x68, pps));
        let mut packetizer = packetizer(64);
        let cut = packetizer.packetize(&annex_b(&[&sps, &pps]));
        assert_eq!(shapes(cut.packets), expected);
        assert_eq!(depacketize(cut.packets), [sps, pps]);
    }
}

#[test]
fn an_idr_that_lacks_parameter_sets_gets_those_in_force() {
    let mut packetizer = packetizer(1200);
    packetizer.packetize(&annex_b(&[SPS, PPS, IDR]));

    let cut = packetizer.packetize(&annex_b(&[SLICE]));
    assert!(!cut.keyframe && !cut.parameter_sets_changed);
    assert_eq!(depacketize(cut.packets), [SLICE], "other pictures get none");

    let cut = packetizer.packetize(&annex_b(&[IDR, IDR]));
    assert!(cut.keyframe && !cut.parameter_sets_changed);
    assert_eq!(depacketize(cut.packets), [SPS, PPS, IDR, IDR]);

    let cut = packetizer.packetize(&annex_b(&[SPS, PPS, IDR]));
    assert_eq!(depacketize(cut.packets), [SPS, PPS, IDR], "nothing comes twice");
}

#[test]
fn a_new_sps_alone_is_followed_by_the_pps_in_force_before_the_picture() {
    let mut packetizer = packetizer(1200);
    packetizer.packetize(&annex_b(&[SPS, PPS, IDR]));
    let new_sps = [0x67, 0x42, 0xc0, 0x28, 0x8c, 0x8d, 0x41];
    let sei = [0x06, 0x05, 0x01, 0x80];
    let cut = packetizer.packetize(&annex_b(&[&new_sps, &sei, IDR]));
    assert!(cut.parameter_sets_changed);
    assert_eq!(depacketize(cut.packets), [&new_sps, &sei[..], PPS, IDR]);
    assert_eq!(packetizer.parameter_sets().last_sps().unwrap().bytes(), new_sps);
}

#[test]
fn delimiters_filler_and_end_marks_are_dropped_and_sei_is_kept() {
    let sei = [0x06, 0x05, 0x01, 0x80];
    let dropped: [&[u8]; 7] =
        [&[0x09, 0xf0], &[0x0c, 0xff, 0x80], &[0x0a], &[0x0b], &[0x78, 1], &[0x7c, 1], &[0x60, 1]];
    let mut packetizer = packetizer(1200);
    let stream = [annex_b(&dropped), annex_b(&[&sei, SLICE]), annex_b(&dropped)].concat();
    assert_eq!(depacketize(packetizer.packetize(&stream).packets), [&sei[..], SLICE]);
    assert!(packetizer.packetize(&annex_b(&dropped)).packets.is_empty());
    assert!(packetizer.packetize(&[1, 2, 3]).packets.is_empty());
}

#[test]
#[cfg_attr(miri, ignore = "is about growth, and long")]
fn after_the_first_frames_the_scratch_does_not_grow() {
    let mut packetizer = packetizer(1150);
    let frames = [
        annex_b(&[SPS, PPS, &nal(0x65, 100_000)]),
        annex_b(&[&nal(0x41, 17_000)]),
        annex_b(&[IDR]),
    ];
    let capacities = |packetizer: &Packetizer| {
        (
            packetizer.packets.capacity(),
            packetizer.units.capacity(),
            packetizer.aggregate.stap.capacity(),
        )
    };
    for frame in &frames {
        packetizer.packetize(frame);
    }
    let warm = capacities(&packetizer);
    for frame in frames.iter().cycle().take(300) {
        packetizer.packetize(frame);
    }
    assert_eq!(capacities(&packetizer), warm);
}

/// NAL units of types that are sent, legal in a byte stream: no start code inside, no zero last.
fn any_units() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let kind = prop_oneof![1u8..=8, 13u8..=23];
    let length = prop_oneof![4 => 3usize..80, 3 => 80usize..3000, 1 => 3000usize..LONGEST];
    let unit = (kind, 0u8..4, length, any::<u64>()).prop_map(|(kind, nri, length, seed)| {
        let mut unit = vec![nri << 5 | kind];
        let mut state = seed | 1;
        for _ in 1..length {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(seed | 1);
            let byte = (state >> 56) as u8;
            unit.push(if byte < 64 { byte & 3 } else { byte });
            if let [.., 0, 0, last @ 0..=1] = unit.as_mut_slice() {
                *last = 3;
            }
        }
        if let Some(last @ 0) = unit.last_mut() {
            *last = 0x80;
        }
        unit
    });
    prop::collection::vec(unit, 1..12)
}

proptest! {
    #[test]
    fn depacketizing_gives_back_the_same_nal_units(
        units in any_units(),
        limit in prop_oneof![64usize..200, 200usize..1500, 1500usize..=65_000],
        long_start_codes in any::<bool>(),
    ) {
        let start_code: &[u8] = if long_start_codes { &[0, 0, 0, 1] } else { &[0, 0, 1] };
        let stream: Vec<u8> = units.iter().flat_map(|unit| [start_code, unit].concat()).collect();
        let mut packetizer = packetizer(limit);
        let cut = packetizer.packetize(&stream);
        check_shape(cut.packets, limit);
        prop_assert_eq!(cut.keyframe, units.iter().any(|unit| unit[0] & TYPE_BITS == 5));
        prop_assert!(depacketize(cut.packets) == units, "our own depacketizer differs");
        prop_assert!(depacketize_by_rtp_crate(cut.packets) == units, "the rtp crate differs");
    }

    #[test]
    fn any_bytes_are_cut_without_harm(
        frames in prop::collection::vec(
            prop::collection::vec(
                prop_oneof![3 => Just(0u8), 2 => Just(1), 1 => 0x60u8..0x70, 1 => any::<u8>()],
                0..600,
            ),
            1..6,
        ),
        limit in 64usize..200,
    ) {
        let mut packetizer = packetizer(limit);
        for frame in &frames {
            let cut = packetizer.packetize(frame);
            check_shape(cut.packets, limit);
            depacketize(cut.packets);
        }
    }
}
