//! A source that stops: the connection stands, and who watches is told that the server makes no pictures.
#![allow(clippy::unwrap_used)]

use std::io::Write;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use pinhole_tests::server::Server;
use pinhole_tests::viewer::{ViewerConfig, ViewerPool};

const WIDTH: usize = 320;
const HEIGHT: usize = 240;
const FRAME: Duration = Duration::from_millis(33);
const PICTURE: Duration = Duration::from_secs(10);
/// Ten seconds without a frame, and two looks at the session.
const TOLD_LIMIT: Duration = Duration::from_secs(30);

#[test]
fn a_source_that_stops_is_told_and_taken_back_once_it_goes_on() {
    let (input, pipe) = std::io::pipe().unwrap();
    let (pause, paused) = channel();
    let feeding = std::thread::spawn(move || feed(pipe, &paused));
    let arguments = "--listen 127.0.0.1:0 --udp-bind 127.0.0.1 --source - --encoder openh264";
    let server = Server::fed(arguments, input).unwrap();
    let pool = ViewerPool::spawn().unwrap();
    let (viewer, _) = server.connect(&pool, &ViewerConfig::default()).unwrap();
    viewer.wait_until(PICTURE, "packets", |seen| seen.packets > 30).unwrap();
    assert_eq!(verdict(&server), None);

    pause.send(true).unwrap();
    wait_for(&server, Some("encoder-stalled"));
    let log = server.log();
    assert_eq!(log.matches("viewer 1: [encoder-stalled] ").count(), 1, "{log}");
    pause.send(false).unwrap();
    wait_for(&server, None);

    drop((server, pause));
    feeding.join().unwrap();
}

/// y4m until nobody reads, with pauses.
fn feed(mut pipe: impl Write, paused: &Receiver<bool>) {
    let header = format!("YUV4MPEG2 W{WIDTH} H{HEIGHT} F30:1 Ip A1:1 C420jpeg\n");
    let mut frame = b"FRAME\n".to_vec();
    frame.resize(frame.len() + WIDTH * HEIGHT * 3 / 2, 128);
    let mut open = pipe.write_all(header.as_bytes()).is_ok();
    while open {
        match paused.recv_timeout(FRAME) {
            // Until it is told to go on, or nobody is left to tell it.
            Ok(true) => while paused.recv() == Ok(true) {},
            Ok(false) | Err(std::sync::mpsc::RecvTimeoutError::Timeout) => {}
            Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => return,
        }
        open = pipe.write_all(&frame).is_ok();
    }
}

fn verdict(server: &Server) -> Option<String> {
    let sessions: serde_json::Value =
        serde_json::from_str(&server.get("/api/sessions").unwrap()).unwrap();
    sessions[0]["verdict"].as_str().map(str::to_owned)
}

fn wait_for(server: &Server, expected: Option<&str>) {
    let begin = Instant::now();
    while verdict(server).as_deref() != expected {
        let log = server.log();
        assert!(begin.elapsed() < TOLD_LIMIT, "the verdict is {:?}\n{log}", verdict(server));
        std::thread::sleep(Duration::from_millis(100));
    }
}
