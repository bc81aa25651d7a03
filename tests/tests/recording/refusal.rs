//! A file that cannot be made, one that nobody else may read, and one that is full.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use pinhole_core::trace::What;
use pinhole_tests::server::{RUNTIMES, Server};
use pinhole_tests::viewer::{ViewerConfig, ViewerPool};

use crate::Scratch;

#[test]
fn a_file_that_cannot_be_made_is_refused_at_start_with_its_name() {
    for path in ["/nonexistent/record", "/dev", "/dev/null"] {
        let Err(error) = Server::start("mio", &format!("--record {path}")) else {
            panic!("{path} is taken");
        };
        let text = error.to_string();
        assert!(text.contains(&format!("cannot record to {path}: ")), "{text}");
        assert!(text.contains("--record"), "{text}");
    }
}

#[test]
fn the_file_is_its_owners_alone_also_where_it_was_there_before() {
    let scratch = Scratch::new();
    std::fs::write(&scratch.0, "old".repeat(10_000)).unwrap();
    std::fs::set_permissions(&scratch.0, Permissions::from_mode(0o644)).unwrap();

    let server = Server::start("mio", &format!("--record {}", scratch.0.display())).unwrap();
    let mode = std::fs::metadata(&scratch.0).unwrap().permissions().mode();
    server.stop().unwrap();

    assert_eq!(mode & 0o777, 0o600);
    let read = scratch.read();
    assert_eq!(read.entries.last().unwrap().what, What::End { reason: "stopped".to_owned() });
}

#[test]
fn a_full_file_ends_with_a_word_and_the_viewer_goes_on() {
    for runtime in RUNTIMES {
        let scratch = Scratch::new();
        let flags = format!("--record {} --record-max 64k", scratch.0.display());
        let server = Server::start(runtime, &flags).unwrap();
        let pool = ViewerPool::spawn().unwrap();
        let limit = Duration::from_secs(30);
        let (viewer, _) = server.connect(&pool, &ViewerConfig::default()).unwrap();
        viewer.wait_until(limit, "300 frames", |seen| seen.frames >= 300).unwrap();
        let frames = viewer.stats().unwrap().frames;
        viewer.wait_until(limit, "more frames", |seen| seen.frames > frames + 30).unwrap();
        server.stop().unwrap();

        let size = std::fs::metadata(&scratch.0).unwrap().len();
        let read = scratch.read();
        assert!((60_000..=65_536).contains(&size), "{size}");
        assert_eq!(read.entries.last().unwrap().what, What::End { reason: "full".to_owned() });
    }
}
