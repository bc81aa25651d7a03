//! NAT behaviour discovery against a real STUN server: coturn, on two addresses of loopback. There is no NAT on
//! loopback; firewalls are played by dropping what a socket receives.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::fs;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use pinhole_core::Seed;
use pinhole_core::stun::{
    Discovery, DiscoveryConfig, FilteringBehaviour, LifetimeConfig, LifetimeDiscovery,
    LifetimeReport, MappingBehaviour, NatReport, ProbeTransmit, SocketId, Test, Unanswered,
};
use pinhole_tests::discovery::Discoverer;
use pinhole_tests::stun;

/// From the start of the server to its first answer, and for one discovery.
const LIMIT: Duration = Duration::from_secs(30);

#[test]
fn coturn_tells_every_firewall_for_what_it_is() {
    let server = Coturn::start(&[]);
    let open = |_: SocketAddr, _: &BTreeSet<SocketAddr>| true;
    let by_address = |from: SocketAddr, sent: &BTreeSet<SocketAddr>| {
        sent.iter().any(|known| known.ip() == from.ip())
    };
    let by_port = |from: SocketAddr, sent: &BTreeSet<SocketAddr>| sent.contains(&from);

    // Silence takes its time: side by side.
    let server = &server;
    let reports = std::thread::scope(|scope| {
        let admits: [fn(SocketAddr, &BTreeSet<SocketAddr>) -> bool; 3] =
            [open, by_address, by_port];
        let runs = admits.map(|admits| scope.spawn(move || discover(server, admits)));
        runs.map(|run| run.join().unwrap())
    });

    let expected = [
        FilteringBehaviour::EndpointIndependent,
        FilteringBehaviour::AddressDependent,
        FilteringBehaviour::AddressAndPortDependent,
    ];
    for ((report, local), filtering) in reports.iter().zip(expected) {
        assert_eq!(report.mapping, Some(MappingBehaviour::None), "{report:?}");
        assert_eq!(report.filtering, filtering, "{report:?}");
        assert_eq!((report.hairpin, report.port_preserved), (None, Some(true)));
        assert_eq!(report.port_step, None);
        let destinations: Vec<_> = report.mapped.iter().map(|seen| seen.destination).collect();
        let [first, _, second_ip, other] = server.addresses();
        assert_eq!(destinations, [first, second_ip, other]);
        for seen in &report.mapped {
            assert_eq!((seen.mapped, seen.origin), (*local, Some(seen.destination)));
        }
    }
}

#[test]
fn coturn_without_rfc_5780_is_a_plain_server_and_two_addresses_of_it_tell_the_mapping() {
    let server = Coturn::start(&["--no-rfc5780"]);

    let (report, _) = discover(&server, |_, _| true);

    assert_eq!(report.mapping, Some(MappingBehaviour::None));
    assert_eq!(report.filtering, FilteringBehaviour::Unknown);
    assert!(report.unanswered.contains(&(Test::OtherAddress, Unanswered::NotAsked)), "{report:?}");
    assert_eq!(report.mapped.len(), 2, "{report:?}");
}

#[test]
fn coturn_answers_to_another_port_so_that_a_lifetime_can_be_measured() {
    let server = Coturn::start(&[]);
    let longest = Duration::from_secs(1);
    let config = LifetimeConfig {
        seed: Seed::new([1; 32]),
        server: server.addresses()[0],
        longest,
        budget: LIMIT,
    };
    let mut sockets = Sockets::bind(|_, _| true);
    let report = sockets.drive(&mut LifetimeDiscovery::new(Instant::now(), &config));

    assert_eq!(report, LifetimeReport::Bounds { alive: longest, gone: None });
}

fn discover(
    server: &Coturn,
    admits: fn(SocketAddr, &BTreeSet<SocketAddr>) -> bool,
) -> (NatReport, SocketAddr) {
    let mut sockets = Sockets::bind(admits);
    let local = sockets.sockets[SocketId::MAIN.index()].local_addr().unwrap();
    let [first, _, second_ip, _] = server.addresses();
    let servers = vec![first, second_ip];
    let config = DiscoveryConfig { seed: Seed::new([1; 32]), local, servers };
    (sockets.drive(&mut Discovery::new(Instant::now(), config).unwrap()), local)
}

/// The shell: three sockets on loopback behind a firewall.
struct Sockets {
    sockets: [UdpSocket; 3],
    sent: [BTreeSet<SocketAddr>; 3],
    admits: fn(SocketAddr, &BTreeSet<SocketAddr>) -> bool,
}

impl Sockets {
    fn bind(admits: fn(SocketAddr, &BTreeSet<SocketAddr>) -> bool) -> Sockets {
        let sockets = [(); 3].map(|()| {
            let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
            socket.set_nonblocking(true).unwrap();
            socket
        });
        Sockets { sockets, sent: Default::default(), admits }
    }

    fn drive<M: Discoverer>(&mut self, machine: &mut M) -> M::Report {
        let begin = Instant::now();
        let mut buffer = [0; 1500];
        while begin.elapsed() < LIMIT {
            let now = Instant::now();
            for id in SocketId::ALL {
                let socket = &self.sockets[id.index()];
                // Would block, or an ICMP error of a probe: neither is an answer.
                while let Ok((length, from)) = socket.recv_from(&mut buffer) {
                    if (self.admits)(from, &self.sent[id.index()]) {
                        let taken = machine.handle_datagram(now, id, from, &buffer[..length]);
                        assert!(taken.is_ok(), "an answer of the server is dropped: {taken:?}");
                    }
                }
            }
            if machine.poll_timeout().is_some_and(|due| due <= now) {
                machine.handle_timeout(now);
            }
            while let Some(transmit) = machine.poll_transmit(&mut buffer) {
                let ProbeTransmit { socket, destination, length } = transmit;
                self.sent[socket.index()].insert(destination);
                let socket = &self.sockets[socket.index()];
                socket.send_to(&buffer[..length], destination).unwrap();
            }
            if let Some(report) = machine.poll_event() {
                return report;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        panic!("no report within {LIMIT:?}");
    }
}

/// A coturn of our own, killed when dropped.
struct Coturn {
    child: Child,
    ports: [u16; 2],
    folder: PathBuf,
}

impl Coturn {
    const IPS: [IpAddr; 2] = [
        IpAddr::V4(std::net::Ipv4Addr::new(127, 0, 0, 1)),
        IpAddr::V4(std::net::Ipv4Addr::new(127, 0, 0, 2)),
    ];

    fn start(arguments: &[&str]) -> Coturn {
        // Somebody may take a free port before the server does: once more then.
        for _ in 0..3 {
            let mut server = Coturn::spawn(arguments);
            if server.answers() {
                return server;
            }
        }
        panic!("coturn answers on none of three pairs of ports");
    }

    fn spawn(arguments: &[&str]) -> Coturn {
        let ports = free_ports();
        let name = format!("coturn-{}", ports[0]);
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir_all(&folder).unwrap();
        let mut command = Command::new("turnserver");
        command.args(["-n", "--stun-only", "--no-auth", "--no-cli"]);
        command.args(["--no-tls", "--no-dtls", "--no-tcp", "--log-file=stdout"]);
        command.args(Coturn::IPS.map(|ip| format!("--listening-ip={ip}")));
        command.arg(format!("--listening-port={}", ports[0]));
        command.arg(format!("--alt-listening-port={}", ports[1]));
        command.arg(format!("--pidfile={}", folder.join("pid").display()));
        command.arg(format!("--userdb={}", folder.join("db").display()));
        command.args(arguments).current_dir(&folder);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        match command.spawn() {
            Ok(child) => Coturn { child, ports, folder },
            Err(error) => panic!(
                "coturn (turnserver) does not start: {error}; `cargo xtask test` installs it"
            ),
        }
    }

    /// Both ports of the first address, then both of the second.
    fn addresses(&self) -> [SocketAddr; 4] {
        let [[a, b], [c, d]] =
            Coturn::IPS.map(|ip| self.ports.map(|port| SocketAddr::new(ip, port)));
        [a, b, c, d]
    }

    /// Waits until its second address answers; not if the server has ended.
    fn answers(&mut self) -> bool {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
        let begin = Instant::now();
        while begin.elapsed() < LIMIT && self.child.try_wait().unwrap().is_none() {
            // Without RFC 5780 there are no other ports. Not yet there: an ICMP error, or silence.
            let _ = socket.send_to(&stun::message(0x0001, &[]), self.addresses()[2]);
            if socket.recv_from(&mut [0; 1500]).is_ok() {
                return true;
            }
        }
        false
    }
}

impl Drop for Coturn {
    fn drop(&mut self) {
        // It may have ended by itself, and its files are in a folder of the build.
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Two ports that are free on both addresses.
fn free_ports() -> [u16; 2] {
    let mut found = Vec::new();
    for _ in 0..100 {
        let first = UdpSocket::bind((Coturn::IPS[0], 0)).unwrap();
        let port = first.local_addr().unwrap().port();
        if let Ok(second) = UdpSocket::bind((Coturn::IPS[1], port)) {
            // Held until both are found, so that they differ.
            found.push((port, first, second));
        }
        if let [(one, ..), (two, ..)] = &found[..] {
            return [*one, *two];
        }
    }
    panic!("no free ports on loopback");
}
