//! What it costs to cut an access unit into RTP payloads, once for all viewers.
//!
//! Expected: start codes are searched at the speed of the cache, and each packet is an allocation,
//! a release and two copies of 1.1 kB, some 100 ns; so about 2 µs for a P frame of 17 kB and 10 µs
//! for an IDR of 100 kB. The search alone stands beside it, since it was most of the cost elsewhere.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use pinhole_benches::frames::{keyframe, picture};
use pinhole_core::h264::{Packet, Packetizer, PayloadLimit, nals};

/// RTP payload that fits any path of the internet with all headers.
const PAYLOAD_BYTES: usize = 1150;
/// Packets that sessions keep for retransmission, which keeps the allocator from handing out the
/// same few blocks again and again.
const HISTORY_PACKETS: usize = 1000;
fn frames() -> [(&'static str, Vec<u8>); 3] {
    let four_slices: Vec<u8> = (0..4).flat_map(|_| picture(17_000 / 4)).collect();
    [
        ("p_17kB", picture(17_000)),
        ("p_17kB_4_slices", four_slices),
        ("idr_100kB", keyframe(100_000)),
    ]
}

fn packetize(criterion: &mut Criterion) {
    let limit = PayloadLimit::new(PAYLOAD_BYTES).expect("1150 is between 64 and 65,000");
    let mut group = criterion.benchmark_group("packetize");
    for (name, frame) in frames() {
        let mut packetizer = Packetizer::new(limit);
        let mut history: Vec<Option<Packet>> = vec![None; HISTORY_PACKETS];
        let mut next = 0;
        group.throughput(Throughput::Bytes(frame.len() as u64));
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                let cut = packetizer.packetize(black_box(&frame));
                for packet in cut.packets {
                    history[next] = Some(packet.clone());
                    next = (next + 1) % HISTORY_PACKETS;
                }
            });
        });
    }
    group.finish();
}

fn find_nal_units(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("nals");
    for (name, frame) in frames() {
        group.throughput(Throughput::Bytes(frame.len() as u64));
        group.bench_function(name, |bencher| bencher.iter(|| nals(black_box(&frame)).count()));
    }
    group.finish();
}

criterion_group!(benches, packetize, find_nal_units);
criterion_main!(benches);
