//! What one more viewer costs: a frame handed in and taken out as runs, in memory, per packet and viewer.
//!
//! Expected: str0m's 1.2 µs for each packet of each viewer, and some hundred nanoseconds for each run;
//! flat within a tenth from 10 to 1,000 viewers, but for the caches, which a thousand sessions do not
//! fit: that is what wall time shows here and a count of instructions does not. The instructions are
//! counted by `cargo xtask instructions`.

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use pinhole_benches::frames;
use pinhole_benches::scene::Scene;

const VIEWERS: [usize; 4] = [1, 10, 50, 1_000];
/// Two packets, a low bitrate that the machine holds for a thousand.
const LOW: usize = 2_000;
/// 8 Mbit/s at 60 pictures a second.
const USUAL: usize = 17_000;
/// Beyond this many, each frame would take longer than the time until the next.
const USUAL_VIEWERS_MAX: usize = 50;

fn fan_out(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("fan_out");
    group.sample_size(20);
    for viewers in VIEWERS {
        let mut scene = Scene::with_viewers(viewers);
        for bytes in [LOW, USUAL] {
            if bytes == USUAL && viewers > USUAL_VIEWERS_MAX {
                continue;
            }
            scene.warm_up(bytes);
            let picture = frames::picture(bytes);
            scene.advance();
            let packets = scene.send_frame(&picture).datagrams;
            group.throughput(Throughput::Elements(packets as u64));
            group.bench_function(BenchmarkId::new(format!("{bytes} bytes"), viewers), |bencher| {
                bencher.iter_custom(|iterations| {
                    let mut taken = Duration::ZERO;
                    for _ in 0..iterations {
                        scene.advance();
                        let begin = Instant::now();
                        black_box(scene.send_frame(&picture));
                        taken += begin.elapsed();
                    }
                    taken
                });
            });
        }
    }
    group.finish();
}

criterion_group!(benches, fan_out);
criterion_main!(benches);
