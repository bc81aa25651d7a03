//! How a shell waits: one suite, which both include, because they must behave the same.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::thread;
use std::time::{Duration, Instant};

use pinhole_runtime::{Next, Socket, Sockets};

use super::{Readiness, wait};

/// Longer than any wait here takes on a busy machine; a wait that hangs ends then.
const LATE: Duration = Duration::from_secs(10);

fn socket() -> (Vec<Socket>, SocketAddr) {
    let localhost = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let sockets = Sockets::bind(Some(localhost), None).unwrap();
    let address = SocketAddr::new(localhost, sockets.port());
    (sockets.into_sockets(), address)
}

#[test]
fn deadlines_are_met_within_a_fraction_of_a_millisecond() {
    let mut readiness = Readiness::new().unwrap();
    let ahead = Duration::from_micros(300);

    let mut late: Vec<Duration> = (0..200)
        .map(|_| {
            let deadline = Instant::now() + ahead;
            while Instant::now() < deadline {
                wait(&mut readiness, &mut [], Next::At(deadline));
            }
            deadline.elapsed()
        })
        .collect();

    late.sort();
    let (median, p90, worst) = (late[100], late[180], late[199]);
    println!(
        "200 deadlines {ahead:?} ahead: late by {median:?} median, {p90:?} p90, {worst:?} at most"
    );
    assert!(median < Duration::from_micros(300), "{median:?}");
}

#[test]
fn a_wait_for_a_deadline_wakes_once() {
    let mut readiness = Readiness::new().unwrap();
    let deadline = Instant::now() + Duration::from_millis(50);

    let mut wakes = 0;
    while Instant::now() < deadline {
        wait(&mut readiness, &mut [], Next::At(deadline));
        wakes += 1;
    }

    assert!(wakes <= 3, "{wakes} wakes for one deadline");
}

#[test]
fn a_deadline_that_has_passed_does_not_wait() {
    let mut readiness = Readiness::new().unwrap();
    let start = Instant::now();

    wait(&mut readiness, &mut [], Next::At(start));
    wait(&mut readiness, &mut [], Next::AtOnce);

    assert!(start.elapsed() < LATE);
}

#[test]
fn a_later_deadline_replaces_an_earlier_one() {
    let mut readiness = Readiness::new().unwrap();
    let start = Instant::now();
    let (near, far) = (start + Duration::from_millis(5), start + Duration::from_millis(40));
    wait(&mut readiness, &mut [], Next::At(near));

    wait(&mut readiness, &mut [], Next::At(far));

    assert!(start.elapsed() >= Duration::from_millis(35), "{:?}", start.elapsed());
}

#[test]
fn the_bell_ends_a_wait() {
    let mut readiness = Readiness::new().unwrap();
    let bell = readiness.doorbell();
    let start = Instant::now();
    let ringer = thread::spawn(move || {
        thread::sleep(Duration::from_millis(20));
        bell.ring();
    });

    wait(&mut readiness, &mut [], Next::At(start + LATE));

    assert!(start.elapsed() < LATE / 2, "{:?}", start.elapsed());
    ringer.join().unwrap();
}

#[test]
fn a_datagram_ends_a_wait() {
    let mut readiness = Readiness::new().unwrap();
    let (mut sockets, address) = socket();
    wait(&mut readiness, &mut sockets, Next::AtOnce);
    let start = Instant::now();
    let sender = thread::spawn(move || {
        thread::sleep(Duration::from_millis(20));
        UdpSocket::bind("127.0.0.1:0").unwrap().send_to(b"hello", address).unwrap();
    });

    wait(&mut readiness, &mut sockets, Next::At(start + LATE));

    assert!(start.elapsed() < LATE / 2, "{:?}", start.elapsed());
    assert!(sockets[0].is_readable());
    sender.join().unwrap();
}

#[test]
fn a_loop_with_work_enough_still_hears_datagrams() {
    let mut readiness = Readiness::new().unwrap();
    let (mut sockets, address) = socket();
    sockets[0].on_read_dry();
    readiness.doorbell().ring();
    wait(&mut readiness, &mut sockets, Next::AtOnce);
    UdpSocket::bind("127.0.0.1:0").unwrap().send_to(b"hello", address).unwrap();

    let start = Instant::now();
    while !sockets[0].is_readable() && start.elapsed() < LATE {
        wait(&mut readiness, &mut sockets, Next::AtOnce);
    }

    assert!(sockets[0].is_readable());
}

#[test]
fn a_broken_socket_is_bound_anew_to_its_port() {
    let mut readiness = Readiness::new().unwrap();
    let (mut sockets, address) = socket();
    wait(&mut readiness, &mut sockets, Next::AtOnce);
    sockets[0].on_broken();

    wait(&mut readiness, &mut sockets, Next::AtOnce);

    assert!(!sockets[0].is_broken());
    sockets[0].on_read_dry();
    UdpSocket::bind("127.0.0.1:0").unwrap().send_to(b"hello", address).unwrap();
    let start = Instant::now();
    while !sockets[0].is_readable() && start.elapsed() < LATE {
        wait(&mut readiness, &mut sockets, Next::At(start + LATE));
    }
    assert!(sockets[0].is_readable());
}
