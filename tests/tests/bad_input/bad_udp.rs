//! Bad datagrams: each is dropped and counted under its reason, and none is answered.

use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use pinhole_tests::server::Server;
use pinhole_tests::stun::{message, request_with_bad_integrity};
use pinhole_tests::viewer::{Viewer, ViewerConfig, ViewerPool};

const COUNTED_WITHIN: Duration = Duration::from_secs(5);
/// Datagrams of each case: few enough for the server's buffer, many enough to tell a count from chance.
const EACH: usize = 40;

/// All cases; their number.
pub(crate) fn datagrams(server: &Server, pool: &ViewerPool, watcher: &Viewer) -> usize {
    let to = watcher.stats().unwrap().remote.unwrap();
    let stranger = UdpSocket::bind("127.0.0.1:0").unwrap();
    stranger.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    let (ufrag, session) = waiting_session(server, pool);
    let seed = fastrand::u64(..);
    println!("seed of the random datagrams: {seed}");
    let mut random = fastrand::Rng::with_seed(seed);

    let cases: Vec<(&str, &str, Vec<Vec<u8>>)> = vec![
        ("noise of no protocol", "unknown", noise(&mut random, 64..=127)),
        ("ZRTP", "unknown", noise(&mut random, 16..=19)),
        ("high first bytes", "unknown", noise(&mut random, 192..=255)),
        ("noise like STUN", "bad_stun", noise(&mut random, 0..=0)),
        ("STUN cut short", "bad_stun", cut_short(&request_with_bad_integrity("abcd:efgh"))),
        ("attributes longer than the message", "bad_stun", same(&long_attribute())),
        ("a check for nobody", "no_session", same(&request_with_bad_integrity("none:such"))),
        (
            "a check with bad integrity",
            "bad_integrity",
            same(&request_with_bad_integrity(&format!("{ufrag}:abcd"))),
        ),
        ("a response that nobody asked for", "no_route", same(&message(0x0101, &[]))),
        ("DTLS of a stranger", "no_route", noise(&mut random, 20..=63)),
        ("RTP of a stranger", "no_route", noise(&mut random, 128..=191)),
    ];
    for (name, reason, datagrams) in &cases {
        let count = || {
            let key = format!("pinhole_datagrams_dropped_total{{reason=\"{reason}\"}}");
            server.metrics().unwrap()[&key]
        };
        let before = count();
        for datagram in datagrams {
            stranger.send_to(datagram, to).unwrap();
        }
        let begin = Instant::now();
        while count() < before + datagrams.len() as f64 {
            let counted = count() - before;
            let expected = datagrams.len();
            assert!(
                begin.elapsed() < COUNTED_WITHIN,
                "{name}: {counted} of {expected} are counted as {reason}"
            );
            std::thread::sleep(Duration::from_millis(20));
        }
        assert_eq!(count(), before + datagrams.len() as f64, "{name}");
    }
    server.delete(&session).unwrap();
    let answered = stranger.recv_from(&mut [0; 2048]);
    assert!(answered.is_err(), "a stranger was answered: {answered:?}");
    bad_datagrams_of_a_viewer(watcher, to, &mut random);
    cases.len() + 1
}

/// Noise from the address of a session that plays: it goes on playing.
fn bad_datagrams_of_a_viewer(watcher: &Viewer, to: SocketAddr, random: &mut fastrand::Rng) {
    for first in [0..=3, 20..=63, 128..=191] {
        for datagram in noise(random, first) {
            watcher.send_raw(to, &datagram).unwrap();
        }
    }
    watcher.wait_for_picture(Duration::from_secs(20)).unwrap();
}

/// A session that never connects: the server's ufrag of it, and its path.
fn waiting_session(server: &Server, pool: &ViewerPool) -> (String, String) {
    let waiting = pool.offer(&ViewerConfig::default()).unwrap();
    let session = server.whep(waiting.offer()).unwrap();
    let line = session.answer.lines().find_map(|line| line.strip_prefix("a=ice-ufrag:"));
    (line.unwrap().to_owned(), session.location)
}

/// Datagrams of 20 to 1500 random bytes with such a first byte.
fn noise(random: &mut fastrand::Rng, first: std::ops::RangeInclusive<u8>) -> Vec<Vec<u8>> {
    let one = |random: &mut fastrand::Rng| {
        let mut bytes: Vec<u8> = (0..random.usize(20..1500)).map(|_| random.u8(..)).collect();
        bytes[0] = random.u8(first.clone());
        // Neither a cookie nor a magic length by chance.
        bytes[4] = 0;
        bytes
    };
    (0..EACH).map(|_| one(random)).collect()
}

fn same(datagram: &[u8]) -> Vec<Vec<u8>> {
    vec![datagram.to_vec(); EACH]
}

/// Every length from 1 to one byte short.
fn cut_short(datagram: &[u8]) -> Vec<Vec<u8>> {
    (1..datagram.len()).map(|length| datagram[..length].to_vec()).collect()
}

/// A USERNAME of 400 bytes in a message of 8.
fn long_attribute() -> Vec<u8> {
    message(0x0001, &[0, 6, 1, 0x90, b'a', b'b', b':', b'c'])
}
