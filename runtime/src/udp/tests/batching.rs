//! Runs on paths and systems that refuse a way of sending them.
use std::io::ErrorKind;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsFd;
use std::process::Command;
use std::time::{Duration, Instant};

use super::super::many;
use super::{Batching, Bench, Progress, SOON, Sockets, peer, read, seccomp};

/// Set in the process that runs inside of a namespace.
const INSIDE: &str = "PINHOLE_TEST_INSIDE_NAMESPACE";

/// Reads that many numbered datagrams, which must come in order, from `local`, each of `size` bytes.
fn read_numbered(socket: &UdpSocket, local: SocketAddr, size: usize, count: u8) {
    for number in 0..count {
        assert_eq!(read(socket), (vec![number; size], local), "datagram {number}");
    }
}

fn is_silent(socket: &UdpSocket) -> bool {
    socket.set_nonblocking(true).unwrap();
    let silent = socket.recv_from(&mut [0; 2000]).map_err(|error| error.kind());
    socket.set_nonblocking(false).unwrap();
    silent == Err(ErrorKind::WouldBlock)
}

#[test]
fn what_a_socket_has_is_told_and_limited() {
    let mut sockets = Sockets::bind(None, None).unwrap();
    for (best, words) in [
        (Batching::Gso, ", GSO up to 64 segments, "),
        (Batching::Sendmmsg, ", no GSO, sendmmsg, "),
        (Batching::Plain, ", no GSO, one datagram a call, "),
        // What was ruled out stays so.
        (Batching::Gso, ", no GSO, one datagram a call, "),
    ] {
        sockets.limit_batching(best);
        assert!(sockets.describe().contains(words), "{best:?}: {}", sockets.describe());
    }
}

#[test]
fn each_way_sends_a_run_in_order_from_the_address_that_was_asked_for() {
    for (best, calls) in [(Batching::Gso, 1), (Batching::Sendmmsg, 1), (Batching::Plain, 21)] {
        let mut bench = Bench::with(best);
        let (socket, address) = peer("127.0.0.1");
        let local = SocketAddr::new("127.0.0.2".parse().unwrap(), bench.port);

        assert_eq!(bench.send_from(local, address, 1200, 1200 * 20 + 7), Progress::Done);

        read_numbered(&socket, local, 1200, 20);
        assert_eq!(read(&socket), (vec![20; 7], local));
        assert_eq!((bench.stats.sends, bench.stats.runs_split), (calls, 0), "{best:?}");
    }
}

#[test]
fn each_way_sends_from_the_ipv6_address_that_was_asked_for() {
    let second = "ip link set lo up && ip -6 address add fd00::2/128 dev lo nodad";
    in_namespace("each_way_sends_from_the_ipv6_address_that_was_asked_for", second, || {
        for best in [Batching::Gso, Batching::Sendmmsg, Batching::Plain] {
            let mut bench = Bench::with(best);
            let (socket, address) = peer("::1");
            let local = SocketAddr::new("fd00::2".parse().unwrap(), bench.port);

            assert_eq!(bench.send_from(local, address, 1200, 1200 * 20), Progress::Done);

            read_numbered(&socket, local, 1200, 20);
        }
    });
}

#[test]
fn a_socket_of_one_address_sends_by_sendmmsg_too() {
    for ip in ["127.0.0.2", "::1"] {
        let mut sockets = match Sockets::bind(Some(ip.parse().unwrap()), None) {
            Ok(sockets) => sockets,
            Err(error) => {
                println!("skipped {ip}: {error}");
                continue;
            }
        };
        sockets.limit_batching(Batching::Sendmmsg);
        let mut bench = Bench::new();
        (bench.port, bench.sockets) = (sockets.port(), sockets.into_sockets());
        let (socket, address) = peer(if ip == "::1" { "::1" } else { "127.0.0.1" });
        let local = SocketAddr::new(ip.parse().unwrap(), bench.port);

        assert_eq!(bench.send_from(local, address, 1200, 1200 * 20), Progress::Done);

        read_numbered(&socket, local, 1200, 20);
        assert_eq!(bench.stats.sends, 1);
    }
}

#[test]
fn a_run_that_gso_is_refused_for_leaves_by_sendmmsg_and_so_do_those_after_it() {
    let mut bench = Bench::new();
    let (socket, address) = peer("127.0.0.1");
    // More datagrams than any system takes at once.
    bench.sockets.iter_mut().for_each(|socket| socket.set_segments_max(1000));

    assert_eq!(bench.send(address, 20, 20 * 200), Progress::Done);
    read_numbered(&socket, bench.local(), 20, 200);
    assert_eq!((bench.stats.runs_split, bench.stats.sends), (1, 4), "200 are four times 64");

    assert_eq!(bench.send(address, 20, 20 * 200), Progress::Done);
    read_numbered(&socket, bench.local(), 20, 200);
    assert_eq!((bench.stats.runs_split, bench.stats.sends), (1, 8), "it is remembered");

    let (other, address) = peer("127.0.0.3");
    assert_eq!(bench.send(address, 20, 20 * 200), Progress::Done);
    read_numbered(&other, bench.local(), 20, 200);
    assert_eq!((bench.stats.runs_split, bench.stats.sends), (2, 12), "of that path alone");
}

#[test]
fn a_run_that_gso_is_refused_for_is_sent_plainly_where_there_is_nothing_else() {
    let mut bench = Bench::new();
    let (socket, address) = peer("127.0.0.1");
    bench.sockets.iter_mut().for_each(|socket| {
        socket.set_segments_max(1000);
        socket.on_sendmmsg_refused();
    });

    assert_eq!(bench.send(address, 20, 20 * 200), Progress::Done);

    read_numbered(&socket, bench.local(), 20, 200);
    assert_eq!((bench.stats.runs_split, bench.stats.sends), (1, 200));
}

#[test]
fn a_datagram_in_the_middle_that_is_too_large_is_refused_alone() {
    let bench = Bench::with(Batching::Sendmmsg);
    let (socket, address) = peer("127.0.0.1");
    let from = bench.sockets.iter().find(|socket| socket.sends_from(bench.local())).unwrap();
    let descriptor = from.descriptor();
    // No IPv4 packet takes the second.
    let all = [vec![0; 100], vec![1; 65_508], vec![2; 100]];
    let send = |first: usize| {
        many::send(descriptor.as_fd(), None, address, all[first..].iter().map(Vec::as_slice))
    };

    assert_eq!(send(0).unwrap(), 1);
    assert_eq!(send(1).unwrap_err().raw_os_error(), Some(libc::EMSGSIZE));
    assert_eq!(send(2).unwrap(), 1);

    assert_eq!((read(&socket).0, read(&socket).0), (vec![0; 100], vec![2; 100]));
}

#[test]
fn datagrams_that_are_too_large_for_a_path_are_dropped_and_counted_and_no_others() {
    let narrow = "ip link set lo mtu 1280 up";
    let name = "datagrams_that_are_too_large_for_a_path_are_dropped_and_counted_and_no_others";
    in_namespace(name, narrow, || {
        for (best, split) in [(Batching::Gso, 1), (Batching::Sendmmsg, 0), (Batching::Plain, 0)] {
            let mut bench = Bench::with(best);
            let (socket, address) = peer("127.0.0.1");

            assert_eq!(bench.send(address, 1300, 1300 * 3 + 200), Progress::Done);
            assert_eq!(bench.send(address, 1000, 1000 * 2), Progress::Done);

            assert_eq!(read(&socket).0, [3; 200], "{best:?}");
            read_numbered(&socket, bench.local(), 1000, 2);
            let stats = bench.stats;
            assert_eq!((stats.send_errors, stats.runs_split), (3, split), "{best:?}");
        }
    });
}

#[test]
fn what_a_full_socket_does_not_take_is_kept_and_leaves_in_order() {
    // A queue that nothing here fills, so that only the socket's own buffer is in the way.
    let slow = "ip link set lo up && tc qdisc add dev lo root tbf rate 8mbit burst 4kb limit 64mb";
    in_namespace("what_a_full_socket_does_not_take_is_kept_and_leaves_in_order", slow, || {
        for best in [Batching::Sendmmsg, Batching::Plain] {
            let mut bench = Bench::with(best);
            let (socket, address) = peer("127.0.0.1");
            for socket in &bench.sockets {
                // Room for a dozen.
                let descriptor = socket.descriptor();
                let socket = socket2::SockRef::from(&descriptor);
                socket.set_send_buffer_size(16_384).unwrap();
            }

            assert_eq!(bench.send(address, 1000, 1000 * 60), Progress::Blocked);

            let stats = bench.stats;
            assert!(stats.sends >= 1, "the first ones fit: {stats:?}");
            assert_eq!(stats.sends_blocked, 1, "{best:?}");
            let begin = Instant::now();
            while resume(&mut bench) == Progress::Blocked {
                assert!(begin.elapsed() < SOON, "{:?}", bench.stats);
                std::thread::sleep(Duration::from_millis(2));
            }
            read_numbered(&socket, bench.local(), 1000, 60);
            assert!(is_silent(&socket), "nothing leaves twice");
            assert_eq!(bench.stats.send_errors, 0);
        }
    });
}

#[test]
fn a_system_without_sendmmsg_is_noticed_when_a_socket_is_bound() {
    for errno in [libc::ENOSYS, libc::EPERM] {
        seccomp::without_sendmmsg(errno, |refuse| {
            if !refuse() {
                return;
            }
            let mut sockets = Sockets::bind(None, None).unwrap();
            sockets.limit_batching(Batching::Sendmmsg);
            let words = sockets.describe();
            assert!(words.contains(", no GSO, one datagram a call, "), "{words}");

            let mut bench = Bench::with(Batching::Sendmmsg);
            let (socket, address) = peer("127.0.0.1");
            assert_eq!(bench.send(address, 1000, 1000 * 30), Progress::Done);
            read_numbered(&socket, bench.local(), 1000, 30);
            assert_eq!((bench.stats.sends, bench.stats.send_errors), (30, 0));
        });
    }
}

#[test]
fn a_system_that_loses_sendmmsg_later_loses_no_datagram() {
    seccomp::without_sendmmsg(libc::ENOSYS, |refuse| {
        let mut bench = Bench::with(Batching::Sendmmsg);
        let (socket, address) = peer("127.0.0.1");
        if !refuse() {
            return;
        }

        for _ in 0..2 {
            assert_eq!(bench.send(address, 1000, 1000 * 30), Progress::Done);
            read_numbered(&socket, bench.local(), 1000, 30);
        }

        let stats = bench.stats;
        assert_eq!((stats.sends, stats.send_errors, stats.runs_split), (60, 0, 0));
    });
}

/// Goes on as a loop that was told that the sockets can be written.
fn resume(bench: &mut Bench) -> Progress {
    bench.sockets.iter_mut().for_each(super::Socket::on_writable);
    bench.outbox.resume(&mut bench.sockets, &mut bench.stats).unwrap()
}

/// Runs the test of this name again in a network namespace of its own, where `setup` was run before;
/// `test`, once inside.
fn in_namespace(name: &str, setup: &str, test: impl FnOnce()) {
    if std::env::var_os(INSIDE).is_some() {
        return test();
    }
    let allowed = Command::new("unshare").args(["-rn", "sh", "-c", setup]).output();
    if !allowed.as_ref().is_ok_and(|output| output.status.success()) {
        println!("skipped: such a network namespace cannot be made here: {allowed:?}");
        return;
    }
    let inside = Command::new("unshare")
        .args(["-rn", "sh", "-c", &format!("{setup} && exec \"$0\" {name} --nocapture")])
        .arg(std::env::current_exe().unwrap())
        .env(INSIDE, "1")
        .output()
        .unwrap();
    let (out, err) =
        (String::from_utf8_lossy(&inside.stdout), String::from_utf8_lossy(&inside.stderr));
    assert!(inside.status.success(), "{out}\n{err}");
    assert!(out.contains("1 passed"), "the test did not run inside:\n{out}");
}
