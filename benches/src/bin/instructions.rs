//! What callgrind counts: `valgrind --tool=callgrind --toggle-collect=…::measured::* instructions GROUP`.
//!
//! A program of its own rather than a harness: it needs no more than the program's own dependencies in their
//! release build, valgrind is all that must be installed, and a thousand sessions are set up once for all
//! that is asked of them. `cargo xtask instructions` runs it and reads what callgrind wrote. Prints for each
//! case by how much its count is to be divided: packets, datagrams, requests, seconds of a session.

use std::hint::black_box;
use std::process::ExitCode;
use std::time::Duration;

use pinhole_benches::scene::{Scene, is_check, is_rtcp};
use pinhole_benches::{frames, measured};
use pinhole_core::h264::{Packetizer, PayloadLimit};
use pinhole_core::portmap::{Audience, PortMap};
use pinhole_core::sdp::rewrite::Rewriter;

/// Times that each is done; what is told is the mean.
const TIMES: usize = 4;
/// Viewers whose datagrams are counted: one alone may find a table that just needs another node. Before them
/// come as many whose are not, for what the allocator puts off until somebody asks: sorting what was freed.
const VIEWERS: usize = 5;
const PICTURE: usize = 17_000;
const KEYFRAME: usize = 100_000;
/// One packet.
const SMALL: usize = 1_000;

type Case = fn(&mut dyn FnMut());

fn main() -> ExitCode {
    match std::env::args().nth(1).as_deref() {
        Some("few") => few(),
        Some("many") => many(),
        _ => {
            eprintln!("few: up to 50 sessions; many: 1,000");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

fn few() {
    packetize("packetize_17_kb", measured::packetize_17_kb, &frames::picture(PICTURE));
    packetize("packetize_100_kb", measured::packetize_100_kb, &frames::keyframe(KEYFRAME));
    rewrite();
    let mut one = Scene::with_viewers(1);
    one.warm_up(PICTURE);
    frame(&mut one, "frame_to_1", measured::frame_to_1, PICTURE);
    let mut ten = Scene::with_viewers(10);
    idle(&mut ten, 10, "idle_second_of_10", measured::idle_second_of_10);
    events(
        &mut ten,
        [
            ("check_of_10", measured::check_of_10),
            ("report_of_10", measured::report_of_10),
            ("keyframe_request_of_10", measured::keyframe_request_of_10),
            ("answer_beside_10", measured::answer_beside_10),
        ],
    );
    frame(&mut ten, "small_frame_to_10", measured::small_frame_to_10, SMALL);
    ten.warm_up(PICTURE);
    frame(&mut ten, "frame_to_10", measured::frame_to_10, PICTURE);
    estimated();
    let mut fifty = Scene::with_viewers(50);
    fifty.warm_up(PICTURE);
    frame(&mut fifty, "frame_to_50", measured::frame_to_50, PICTURE);
}

fn many() {
    let mut thousand = Scene::with_viewers(1_000);
    idle(&mut thousand, 1_000, "idle_second_of_1000", measured::idle_second_of_1000);
    events(
        &mut thousand,
        [
            ("check_of_1000", measured::check_of_1000),
            ("report_of_1000", measured::report_of_1000),
            ("keyframe_request_of_1000", measured::keyframe_request_of_1000),
            ("answer_beside_1000", measured::answer_beside_1000),
        ],
    );
    frame(&mut thousand, "small_frame_to_1000", measured::small_frame_to_1000, SMALL);
}

fn told(name: &str, units: usize) {
    println!("{name} {units}");
}

fn packetize(name: &str, case: Case, frame: &[u8]) {
    let limit = PayloadLimit::new(1_150).expect("a usual limit");
    let mut packetizer = Packetizer::new(limit);
    packetizer.packetize(frame);
    let mut packets = 0;
    case(&mut || {
        for _ in 0..TIMES {
            packets += black_box(packetizer.packetize(black_box(frame))).packets.len();
        }
    });
    told(name, packets);
}

fn rewrite() {
    let sdp = include_str!("../../../tests/offers/aiortc-audio-video-data.sdp");
    let map: PortMap =
        PortMap::parse(["40000-60000/udp=203.0.113.7:40000-60000"]).expect("a good map");
    let rewriter = Rewriter::new(&map, Audience::Public);
    measured::rewrite_sdp(&mut || {
        for _ in 0..TIMES {
            black_box(rewriter.rewrite(black_box(sdp)).expect("a good answer"));
        }
    });
    told("rewrite_sdp", TIMES);
}

/// To viewers that have had enough of such frames.
fn frame(scene: &mut Scene, name: &str, case: Case, bytes: usize) {
    let picture = frames::picture(bytes);
    let mut packets = 0;
    // Those that asked for an IDR wait for it.
    for data in [&frames::keyframe(bytes), &picture] {
        scene.advance();
        scene.send_frame(data);
    }
    for _ in 0..TIMES {
        scene.advance();
        case(&mut || packets += scene.send_frame(&picture).datagrams);
    }
    told(name, packets);
}

/// Half a second of a stream, after two in which the estimator found out that the path is good: it probes no more.
fn estimated() {
    let mut scene = Scene::with_estimator(10);
    scene.stream(120, PICTURE, |action| action());
    let packets = scene.stream(30, PICTURE, measured::estimated_frame_to_10);
    assert!(packets >= 30 * 10 * PICTURE / 1_150, "only {packets} packets: frames were held back");
    told("estimated_frame_to_10", packets);
    // What the stream leaves behind is over by then.
    for _ in 0..3 {
        scene.pass(Duration::from_secs(1));
        scene.answer_checks();
    }
    idle(&mut scene, 10, "idle_estimated_second_of_10", measured::idle_estimated_second_of_10);
}

/// All that the endpoint sends meanwhile is delivered, so that viewers have nothing to complain about.
fn events(scene: &mut Scene, [check, report, keyframe_request, answer]: [(&str, Case); 4]) {
    scene.warm_up(SMALL);
    let count = |(name, case): (&str, Case), scene: &mut Scene, payloads: Vec<Vec<u8>>| {
        for (viewer, payload) in payloads.iter().enumerate() {
            if viewer < VIEWERS {
                scene.receive(viewer, payload);
            } else {
                case(&mut || _ = scene.receive(viewer, payload));
            }
        }
        told(name, VIEWERS);
    };
    let payloads = scene.overhear(2 * VIEWERS, is_check);
    count(check, scene, payloads);
    let payloads = scene.overhear(2 * VIEWERS, is_rtcp);
    count(report, scene, payloads);
    let before = scene.keyframes_wanted();
    let payloads = scene.keyframe_requests(2 * VIEWERS);
    count(keyframe_request, scene, payloads);
    assert!(scene.keyframes_wanted() > before, "the requests were understood");
    let (name, case) = answer;
    let offer = scene.offer();
    scene.endpoint.accept_offer(scene.now, &offer).expect("a good offer");
    case(&mut || _ = black_box(scene.endpoint.accept_offer(scene.now, &offer).expect("good")));
    told(name, 1);
}

/// Where all timers of all sessions stand alike.
fn idle(scene: &mut Scene, sessions: usize, name: &str, case: Case) {
    case(&mut || _ = scene.pass(Duration::from_secs(1)));
    scene.answer_checks();
    told(name, sessions);
}
