use std::net::{Ipv4Addr, UdpSocket};
use std::sync::atomic::AtomicUsize;

use hickory_resolver::config::{ConnectionConfig, NameServerConfig};

use super::*;

/// Longer than anything takes on a busy machine.
const LATE: Duration = Duration::from_secs(10);
const NAME: &str = "turn.example.org.";
const A: u16 = 1;
const AAAA: u16 = 28;

/// What a server answers.
enum Reply {
    /// These addresses, for so many seconds.
    Addresses(&'static [&'static str], u32),
    /// The name is there, but has no such record.
    NoData,
    /// NXDOMAIN.
    NoName,
    /// SERVFAIL.
    Broken,
    Silence,
}

/// A DNS server on loopback. It is asked for a record type, having been asked for it so many times
/// before. Ends with the test's process at the latest, or when its socket is told to.
struct Dns {
    config: ResolverConfig,
    questions: Arc<AtomicUsize>,
}

impl Dns {
    fn start(mut answer: impl FnMut(u16, usize) -> Reply + Send + 'static) -> Dns {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        socket.set_read_timeout(Some(LATE)).unwrap();
        let mut connection = ConnectionConfig::udp();
        connection.port = socket.local_addr().unwrap().port();
        let mut server = NameServerConfig::udp(Ipv4Addr::LOCALHOST.into());
        server.connections = vec![connection];
        let questions = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&questions);
        thread::spawn(move || {
            let (mut asked, mut bytes) = (BTreeMap::<u16, usize>::new(), [0; 1500]);
            while let Ok((len, from)) = socket.recv_from(&mut bytes) {
                counted.fetch_add(1, Ordering::SeqCst);
                let end = 12 + bytes[12..len].iter().position(|byte| *byte == 0).unwrap() + 5;
                let kind = u16::from_be_bytes([bytes[end - 4], bytes[end - 3]]);
                let times = asked.entry(kind).or_default();
                if let Some(reply) = written(&bytes[..end], kind, &answer(kind, *times)) {
                    socket.send_to(&reply, from).unwrap();
                }
                *times += 1;
            }
        });
        Dns { config: ResolverConfig::from_parts(None, vec![], vec![server]), questions }
    }

    fn questions(&self) -> usize {
        self.questions.load(Ordering::SeqCst)
    }

    fn habits(&self) -> Habits {
        Habits {
            holds: (Duration::from_millis(50), Duration::from_secs(600)),
            retry: (Duration::from_millis(50), Duration::from_millis(400)),
            apart: Duration::from_millis(100),
            dns: Some(self.config.clone()),
        }
    }
}

/// RFC 1035 §4.1: header, the question again, answers whose name points to the question's.
fn written(question: &[u8], kind: u16, reply: &Reply) -> Option<Vec<u8>> {
    let (code, addresses, ttl): (u8, &[&str], u32) = match reply {
        Reply::Addresses(addresses, ttl) => (0, addresses, *ttl),
        Reply::NoData => (0, &[], 0),
        Reply::Broken => (2, &[], 0),
        Reply::NoName => (3, &[], 0),
        Reply::Silence => return None,
    };
    let mut bytes = question[..2].to_vec();
    bytes.extend([0x81, 0x80 | code, 0, 1, 0, u8::try_from(addresses.len()).unwrap(), 0, 0, 0, 0]);
    bytes.extend(&question[12..]);
    for address in addresses {
        let data = match address.parse().unwrap() {
            IpAddr::V4(v4) => v4.octets().to_vec(),
            IpAddr::V6(v6) => v6.octets().to_vec(),
        };
        bytes.extend([0xc0, 12]);
        bytes.extend(kind.to_be_bytes());
        bytes.extend([0, 1]);
        bytes.extend(ttl.to_be_bytes());
        bytes.extend([0, u8::try_from(data.len()).unwrap()]);
        bytes.extend(data);
    }
    Some(bytes)
}

fn named(server: usize, host: &str, port: u16) -> NamedServer {
    NamedServer { server, host: host.to_owned(), port }
}

fn start(servers: Vec<NamedServer>, habits: Habits) -> Names {
    Names::start_with(servers, &Doorbell::new(|| {}), habits).unwrap()
}

fn one(dns: &Dns) -> Names {
    start(vec![named(0, NAME, 3478)], dns.habits())
}

/// What is told of server 0 next.
fn next(names: &Names) -> Vec<String> {
    let begin = Instant::now();
    while begin.elapsed() < LATE {
        if let Some(addresses) = names.take().remove(&0) {
            return addresses.iter().map(ToString::to_string).collect();
        }
        thread::sleep(Duration::from_millis(2));
    }
    panic!("nothing was told; {} lookups failed", names.failures());
}

#[test]
fn both_families_are_told_by_turns_at_the_port_of_each_server_of_that_name() {
    let dns = Dns::start(|kind, _| match kind {
        A => Reply::Addresses(&["192.0.2.1", "192.0.2.2", "192.0.2.3"], 600),
        _ => Reply::Addresses(&["2001:db8::1"], 600),
    });
    let names =
        start(vec![named(0, NAME, 3478), named(2, NAME, 443), named(5, "::1", 9)], dns.habits());

    let mut all = BTreeMap::new();
    let begin = Instant::now();
    while all.get(&0).is_none_or(|found: &Vec<_>| found.len() < 4) && begin.elapsed() < LATE {
        all.extend(names.take());
        thread::sleep(Duration::from_millis(2));
    }

    let parsed = |texts: &[&str]| -> Vec<SocketAddr> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    };
    let expected = ["192.0.2.1:3478", "[2001:db8::1]:3478", "192.0.2.2:3478", "192.0.2.3:3478"];
    assert_eq!(all[&0], parsed(&expected));
    assert_eq!(all[&2].iter().map(SocketAddr::port).collect::<Vec<_>>(), [443; 4]);
    assert_eq!(all[&5], parsed(&["[::1]:9"]));
    assert_eq!(dns.questions(), 2, "one lookup a family serves all servers of a name");
}

#[test]
fn an_address_is_told_at_once_and_nobody_is_asked() {
    let dns = Dns::start(|_, _| Reply::Broken);
    for host in ["192.0.2.9", "2001:db8::9", "[2001:db8::9]"] {
        let names = start(vec![named(0, host, 3478)], dns.habits());
        assert_eq!(names.take()[&0].len(), 1, "{host}");
        assert!(names._stop.is_none(), "{host} needs no thread");
        names.want(0);
    }
    assert_eq!(dns.questions(), 0);
}

#[test]
fn a_family_that_is_never_answered_holds_up_nothing() {
    let dns = Dns::start(|kind, _| match kind {
        A => Reply::Silence,
        _ => Reply::Addresses(&["2001:db8::1"], 600),
    });
    let begin = Instant::now();

    assert_eq!(next(&one(&dns)), ["[2001:db8::1]:3478"]);

    assert!(begin.elapsed() < Duration::from_secs(2), "{:?}", begin.elapsed());
}

#[test]
fn an_answer_whose_time_ends_is_asked_for_anew_and_a_change_is_told() {
    let dns = Dns::start(|kind, times| match (kind, times) {
        (AAAA, _) => Reply::NoData,
        (_, 0) => Reply::Addresses(&["192.0.2.1", "192.0.2.2"], 1),
        // The same, turned around: no change.
        (_, 1) => Reply::Addresses(&["192.0.2.2", "192.0.2.1"], 1),
        _ => Reply::Addresses(&["192.0.2.3"], 600),
    });
    let names = one(&dns);
    let begin = Instant::now();

    assert_eq!(next(&names), ["192.0.2.1:3478", "192.0.2.2:3478"]);
    assert_eq!(next(&names), ["192.0.2.3:3478"]);

    assert!(begin.elapsed() > Duration::from_millis(1_900), "two answers held a second each");
    assert_eq!(names.failures(), 0);
}

#[test]
fn an_answer_holds_no_shorter_and_no_longer_than_we_want() {
    let answer = |kind, ttl| match kind {
        A => Reply::Addresses(&["192.0.2.1"], ttl),
        _ => Reply::NoData,
    };
    let dns = Dns::start(move |kind, _| answer(kind, 0));
    let mut habits = dns.habits();
    habits.holds.0 = Duration::from_millis(500);
    let names = start(vec![named(0, NAME, 3478)], habits);
    next(&names);
    thread::sleep(Duration::from_millis(250));
    assert_eq!(dns.questions(), 2, "an answer that holds no time at all holds half a second");

    let dns = Dns::start(move |kind, _| answer(kind, 1_000_000));
    let mut habits = dns.habits();
    habits.holds.1 = Duration::from_millis(100);
    let _names = start(vec![named(0, NAME, 3478)], habits);
    let begin = Instant::now();
    while dns.questions() < 4 {
        assert!(begin.elapsed() < LATE, "{} questions", dns.questions());
        thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_name_that_fails_is_tried_again_less_and_less_often_until_it_is_there() {
    let dns = Dns::start(|kind, times| match (kind, times) {
        (AAAA, _) => Reply::NoData,
        (_, 0) => Reply::Broken,
        (_, 1 | 2) => Reply::NoName,
        _ => Reply::Addresses(&["192.0.2.1"], 600),
    });
    let mut habits = dns.habits();
    habits.retry = (Duration::from_millis(50), Duration::from_millis(100));
    let names = start(vec![named(0, NAME, 3478)], habits);

    assert_eq!(next(&names), ["192.0.2.1:3478"]);

    let failures = names.failures();
    assert!((2..=3).contains(&failures), "{failures} failures");
}

#[test]
fn what_was_known_stays_while_dns_fails_and_goes_where_it_says_so() {
    let dns = Dns::start(|kind, times| match (kind, times) {
        (A, 0) => Reply::Addresses(&["192.0.2.1"], 1),
        (A, 1) => Reply::NoName,
        (A, _) => Reply::NoData,
        (_, 0 | 1) => Reply::Addresses(&["2001:db8::1"], 1),
        _ => Reply::Addresses(&["2001:db8::2"], 600),
    });
    let names = one(&dns);
    let begin = Instant::now();
    let mut told = next(&names);
    if told.len() == 1 {
        told = next(&names);
    }
    assert_eq!(told, ["192.0.2.1:3478", "[2001:db8::1]:3478"]);

    assert_eq!(next(&names), ["[2001:db8::2]:3478"], "the IPv4 address is gone, and said to be");

    assert!(begin.elapsed() > Duration::from_millis(1_900), "an error took nothing away");
}

#[test]
fn a_server_that_does_not_answer_has_its_name_looked_up_soon_but_not_at_each_wish() {
    let dns = Dns::start(|kind, _| match kind {
        A => Reply::Addresses(&["192.0.2.1"], 600),
        _ => Reply::NoData,
    });
    let mut habits = dns.habits();
    habits.apart = Duration::from_millis(300);
    let names = start(vec![named(0, NAME, 3478)], habits);
    next(&names);
    let before = dns.questions();

    let begin = Instant::now();
    while begin.elapsed() < Duration::from_millis(200) {
        names.want(0);
        names.want(77);
        thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(dns.questions(), before, "the last lookup is not 300 ms old");
    assert_eq!(next(&names), ["192.0.2.1:3478"], "what is wanted is told, though it is the same");

    assert!(begin.elapsed() < Duration::from_secs(2), "{:?}", begin.elapsed());
    assert_eq!(dns.questions(), before + 2);
}

#[test]
fn the_files_of_this_machine_are_read() {
    // Every machine's hosts file, or the resolver's own rule (RFC 6761 §6.3), has this one.
    let names = start(vec![named(0, "localhost", 3478)], HABITS);

    assert!(next(&names).iter().any(|told| told == "127.0.0.1:3478" || told == "[::1]:3478"));
}
