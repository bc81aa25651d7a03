//! The core's bans (core/clippy.toml) bite: each banned item, used in a probe crate under the same file, is reported.
//! And the core itself passes.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Each banned path with a line that uses it.
const PROBES: &[(&str, &str)] = &[
    ("std::time::Instant::now", "let _ = std::time::Instant::now();"),
    ("std::time::Instant::elapsed", "let _ = |at: std::time::Instant| at.elapsed();"),
    ("std::time::SystemTime::now", "let _ = std::time::SystemTime::now();"),
    ("std::time::SystemTime::elapsed", "let _ = std::time::UNIX_EPOCH.elapsed();"),
    ("std::thread::spawn", "drop(std::thread::spawn(|| ()));"),
    ("std::thread::scope", "std::thread::scope(|_| ());"),
    ("std::thread::sleep", "std::thread::sleep(std::time::Duration::ZERO);"),
    ("std::thread::park", "std::thread::park();"),
    ("std::thread::park_timeout", "std::thread::park_timeout(std::time::Duration::ZERO);"),
    ("std::thread::yield_now", "std::thread::yield_now();"),
    ("std::thread::current", "let _ = std::thread::current();"),
    ("std::thread::available_parallelism", "let _ = std::thread::available_parallelism();"),
    (
        "std::net::ToSocketAddrs::to_socket_addrs",
        "let _ = std::net::ToSocketAddrs::to_socket_addrs(\"localhost:1\");",
    ),
    ("std::fs::read", "let _ = std::fs::read(\"x\");"),
    ("std::fs::read_to_string", "let _ = std::fs::read_to_string(\"x\");"),
    ("std::fs::read_dir", "let _ = std::fs::read_dir(\"x\");"),
    ("std::fs::write", "let _ = std::fs::write(\"x\", \"\");"),
    ("std::fs::metadata", "let _ = std::fs::metadata(\"x\");"),
    ("std::fs::exists", "let _ = std::fs::exists(\"x\");"),
    ("std::fs::create_dir_all", "let _ = std::fs::create_dir_all(\"x\");"),
    ("std::fs::remove_file", "let _ = std::fs::remove_file(\"x\");"),
    ("std::io::stdin", "let _ = std::io::stdin();"),
    ("std::io::stdout", "let _ = std::io::stdout();"),
    ("std::io::stderr", "let _ = std::io::stderr();"),
    ("std::env::var", "let _ = std::env::var(\"x\");"),
    ("std::env::var_os", "let _ = std::env::var_os(\"x\");"),
    ("std::env::vars", "let _ = std::env::vars();"),
    ("std::env::vars_os", "let _ = std::env::vars_os();"),
    ("std::env::args", "let _ = std::env::args();"),
    ("std::env::args_os", "let _ = std::env::args_os();"),
    ("std::env::current_dir", "let _ = std::env::current_dir();"),
    ("std::env::temp_dir", "let _ = std::env::temp_dir();"),
    ("std::process::exit", "if false { std::process::exit(1) }"),
    ("std::process::abort", "if false { std::process::abort() }"),
    ("std::process::id", "let _ = std::process::id();"),
    ("fastrand::seed", "fastrand::seed(1);"),
    ("fastrand::get_seed", "let _ = fastrand::get_seed();"),
    ("fastrand::bool", "let _ = fastrand::bool();"),
    ("fastrand::u8", "let _ = fastrand::u8(..);"),
    ("fastrand::u16", "let _ = fastrand::u16(..);"),
    ("fastrand::u32", "let _ = fastrand::u32(..);"),
    ("fastrand::u64", "let _ = fastrand::u64(..);"),
    ("fastrand::u128", "let _ = fastrand::u128(..);"),
    ("fastrand::usize", "let _ = fastrand::usize(..);"),
    ("fastrand::f32", "let _ = fastrand::f32();"),
    ("fastrand::f64", "let _ = fastrand::f64();"),
    ("fastrand::fill", "fastrand::fill(&mut [0; 4]);"),
    ("fastrand::choice", "let _ = fastrand::choice([1]);"),
    ("fastrand::shuffle", "fastrand::shuffle(&mut [0; 4]);"),
    ("fastrand::alphanumeric", "let _ = fastrand::alphanumeric();"),
    ("fastrand::Rng::new", "let _ = fastrand::Rng::new();"),
    (
        "stun_types::message::TransactionId::generate",
        "let _ = stun_types::message::TransactionId::generate();",
    ),
    (
        "stun_types::message::Message::builder_request",
        "let _ = stun_types::message::Message::builder_request(M, W::default());",
    ),
    (
        "stun_types::message::Message::builder_indication",
        "let _ = stun_types::message::Message::builder_indication(M, W::default());",
    ),
    ("std::net::UdpSocket", "let _: Option<std::net::UdpSocket> = None;"),
    ("std::net::TcpStream", "let _: Option<std::net::TcpStream> = None;"),
    ("std::net::TcpListener", "let _: Option<std::net::TcpListener> = None;"),
    ("std::os::unix::net::UnixStream", "let _: Option<std::os::unix::net::UnixStream> = None;"),
    ("std::os::unix::net::UnixDatagram", "let _: Option<std::os::unix::net::UnixDatagram> = None;"),
    ("std::os::unix::net::UnixListener", "let _: Option<std::os::unix::net::UnixListener> = None;"),
    ("std::fs::File", "let _: Option<std::fs::File> = None;"),
    ("std::fs::OpenOptions", "let _: Option<std::fs::OpenOptions> = None;"),
    ("std::process::Command", "let _: Option<std::process::Command> = None;"),
    ("std::thread::Builder", "let _: Option<std::thread::Builder> = None;"),
    ("std::thread::JoinHandle", "let _: Option<std::thread::JoinHandle<()>> = None;"),
    ("std::collections::HashMap", "let _: Option<std::collections::HashMap<u8, u8>> = None;"),
    ("std::collections::HashSet", "let _: Option<std::collections::HashSet<u8>> = None;"),
    ("std::hash::RandomState", "let _: Option<std::hash::RandomState> = None;"),
    ("std::print", "print!(\"\");"),
    ("std::println", "println!();"),
    ("std::eprint", "eprint!(\"\");"),
    ("std::eprintln", "eprintln!();"),
];

/// What the core uses and may use: nothing of this is reported.
const ALLOWED: &[&str] = &[
    "let _ = |now: std::time::Instant, then: std::time::Instant| now - then;",
    "let _: Option<std::net::SocketAddr> = \"127.0.0.1:1\".parse().ok();",
    "let _: std::collections::BTreeMap<u8, u8> = std::collections::BTreeMap::new();",
    "let _ = fastrand::Rng::with_seed(1).u32(..);",
];

#[test]
fn every_ban_of_the_core_is_reported_where_it_is_broken() {
    let probe = Probe::write();

    let reported = probe.lint();

    for (index, (path, line)) in PROBES.iter().enumerate() {
        assert!(reported.contains(&probe.line(index)), "{path} is not reported in `{line}`");
    }
    for (index, line) in ALLOWED.iter().enumerate() {
        let number = probe.line(PROBES.len() + index);
        assert!(!reported.contains(&number), "`{line}` is reported, though it is allowed");
    }
}

#[test]
fn every_ban_has_a_probe() {
    let bans = fs::read_to_string(root().join("core/clippy.toml")).unwrap();
    let banned: BTreeSet<&str> = bans
        .lines()
        .filter_map(|line| line.trim().strip_prefix("{ path = \"")?.split('"').next())
        .collect();
    let probed: BTreeSet<&str> = PROBES.iter().map(|(path, _)| *path).collect();

    assert!(banned.len() > 50, "the bans are not read any more: {banned:?}");
    assert_eq!(banned, probed);
}

#[test]
fn the_core_keeps_its_bans() {
    let output = clippy(&root(), None, &["--package", "pinhole-core", "--lib"]);
    assert!(output.0, "{}", output.1);
}

/// A crate of one function with a line for each probe.
struct Probe {
    folder: PathBuf,
}

impl Probe {
    const BEFORE: &str = "\
        use stun_types::message::{BINDING as M, MessageWriteVec as W};\n\
        use stun_types::prelude::*;\n\
        pub fn probe() {\n";

    fn write() -> Probe {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("core-probe");
        fs::create_dir_all(folder.join("src")).unwrap();
        let mut code = Probe::BEFORE.to_owned();
        for line in PROBES.iter().map(|(_, line)| line).chain(ALLOWED) {
            code.push_str(line);
            code.push('\n');
        }
        code.push_str("}\n");
        fs::write(folder.join("src/lib.rs"), code).unwrap();
        let manifest = "[package]\nname = \"core-probe\"\nedition = \"2024\"\n\
            [dependencies]\nfastrand = \"2\"\nstun-types = \"2\"\n[workspace]\n";
        fs::write(folder.join("Cargo.toml"), manifest).unwrap();
        // The versions of the workspace, which are downloaded already.
        fs::copy(root().join("Cargo.lock"), folder.join("Cargo.lock")).unwrap();
        fs::copy(root().join("core/clippy.toml"), folder.join("clippy.toml")).unwrap();
        Probe { folder }
    }

    /// The line, from 1, of a probe.
    fn line(&self, index: usize) -> usize {
        Probe::BEFORE.lines().count() + 1 + index
    }

    /// The lines of the probe that clippy reports.
    fn lint(&self) -> BTreeSet<usize> {
        let (passed, text) = clippy(&self.folder, Some(&self.folder.join("target")), &[]);
        assert!(!passed, "clippy has nothing to say:\n{text}");
        let lines: BTreeSet<usize> = text
            .lines()
            .filter(|line| line.contains("use of a disallowed"))
            .filter_map(|line| line.strip_prefix("src/lib.rs:")?.split(':').next()?.parse().ok())
            .collect();
        assert!(!lines.is_empty(), "no report is understood:\n{text}");
        lines
    }
}

/// Runs clippy with only the bans on: whether it passed, and what it said.
fn clippy(folder: &Path, target: Option<&Path>, arguments: &[&str]) -> (bool, String) {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.current_dir(folder).stdin(Stdio::null());
    cargo.args(["clippy", "--offline", "--quiet", "--message-format", "short"]).args(arguments);
    cargo.args(["--", "--allow", "warnings"]);
    for lint in ["disallowed_methods", "disallowed_types", "disallowed_macros"] {
        cargo.args(["--deny", &format!("clippy::{lint}")]);
    }
    if let Some(target) = target {
        cargo.env("CARGO_TARGET_DIR", target);
    }
    let output = cargo.output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.success(), text)
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}
