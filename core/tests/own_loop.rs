//! The example's loop, on loopback, against a viewer with a socket of its own.

#![allow(clippy::unwrap_used)]
#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "a shell is tested")]

#[path = "../examples/own_loop.rs"]
#[allow(unreachable_pub, reason = "public in the example")]
mod own_loop;
mod support;

use std::net::UdpSocket;
use std::time::{Duration, Instant};

use support::{Viewer, frame_bytes};

#[test]
fn a_loop_of_ones_own_streams_to_a_real_viewer() {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let mut endpoint = own_loop::endpoint(&socket).unwrap();
    let viewer_socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = viewer_socket.local_addr().unwrap().to_string();
    let mut viewer = Viewer::new(Instant::now(), &address, true);
    let accepted = endpoint.accept_offer(Instant::now(), &viewer.offer).unwrap();
    viewer.accept(&accepted.answer);
    let frames: Vec<_> = (0..30).map(|index| frame_bytes(index == 0, 9_000)).collect();
    let until = Instant::now() + Duration::from_secs(10);

    std::thread::scope(|scope| {
        let interval = Duration::from_millis(20);
        let (socket, endpoint, frames) = (&socket, &mut endpoint, &frames);
        let server = scope.spawn(move || {
            own_loop::run(socket, endpoint, frames, interval, until).unwrap();
        });
        viewer.run_on(&viewer_socket, until, |viewer| viewer.frames.len() >= 20);
        viewer.rtc.close().unwrap();
        viewer.flush_to(&viewer_socket);
        server.join().unwrap();
    });

    assert!(viewer.frames.len() >= 20, "{} frames", viewer.frames.len());
    assert_eq!(viewer.frames[0].data, frames[0]);
    assert!(Instant::now() < until, "it ends with its last viewer");
}
