//! The program as a shell starts it: what it prints, when it ends, with which code.
#![cfg(unix)]
#![allow(clippy::unwrap_used)]

use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// A child that does not outlive its test.
struct Program {
    child: Child,
    lines: BufReader<Box<dyn Read>>,
    input: Option<ChildStdin>,
}

impl Program {
    fn start(line: &str) -> Program {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pinhole"));
        // Settings of the machine that runs the tests must not decide about them.
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("PINHOLE_") {
                command.env_remove(name);
            }
        }
        command.env_remove("EPR").env_remove("NAT1TO1").env_remove("RUST_LOG");
        command.current_dir(std::env::temp_dir()).args(line.split_whitespace());
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(Box::new(child.stdout.take().unwrap()) as Box<dyn Read>);
        let input = child.stdin.take();
        Program { child, lines, input }
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.lines.read_line(&mut line).unwrap();
        line
    }

    /// The page's address, from the first line.
    fn url(&mut self) -> String {
        let line = self.line();
        let url = line.split_whitespace().find(|word| word.starts_with("http://"));
        url.unwrap_or_else(|| panic!("no address in {line:?}, {}", self.rest().1)).to_string()
    }

    /// Reads no more of what it prints, as `| head` does not.
    fn turn_away(&mut self) {
        self.lines = BufReader::new(Box::new(std::io::empty()));
    }

    fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &pid]).status().unwrap().success());
    }

    /// Waits for the end, for a bounded time.
    fn end(&mut self) -> ExitStatus {
        let began = Instant::now();
        while began.elapsed() < Duration::from_secs(20) {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("it does not end");
    }

    /// What is left on standard output and standard error, after the end.
    fn rest(&mut self) -> (String, String) {
        let (mut out, mut err) = (String::new(), String::new());
        let _ = self.child.kill();
        self.lines.read_to_string(&mut out).unwrap();
        self.child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
        (out, err)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

const SMALL: &str = "--listen 127.0.0.1:0 --size 320x180";

#[test]
fn ctrl_c_and_sigterm_end_it_cleanly_within_two_seconds() {
    for (signal, runtime) in [("INT", "mio"), ("TERM", "smol")] {
        let mut program = Program::start(&format!("serve {SMALL} --runtime {runtime}"));
        let url = program.url();
        assert!(!url.contains(":0/"), "{url} has the real port");

        let began = Instant::now();
        program.signal(signal);
        let status = program.end();

        assert_eq!(status.code(), Some(0), "{signal}: {}", program.rest().1);
        assert!(began.elapsed() < Duration::from_secs(2), "{signal}: {:?}", began.elapsed());
    }
}

#[test]
fn without_a_command_it_serves_and_says_what_it_does() {
    let mut program = Program::start(SMALL);
    program.url();
    program.signal("INT");
    assert!(program.end().success());

    let (out, err) = program.rest();

    for part in ["encoder", "OpenH264", "test picture", "socket", "viewers are told", "Stopping"] {
        assert!(out.contains(part), "{part} in {out}");
    }
    assert!(!err.contains("ERROR"), "{err}");
    assert!(!err.contains("127.0.0.1") && !err.contains('\u{1b}'), "{err}");
}

#[test]
fn who_reads_no_further_does_not_break_it() {
    let mut program = Program::start(SMALL);
    program.url();
    program.turn_away();
    program.signal("INT");
    assert_eq!(program.end().code(), Some(0), "{}", program.rest().1);

    let mut program = Program::start("--help");
    program.turn_away();
    let status = program.end();
    let (_, err) = program.rest();
    assert_eq!((status.code(), err.as_str()), (Some(0), ""));
}

#[test]
fn the_end_of_standard_input_ends_it_with_success() {
    let mut program = Program::start("--listen 127.0.0.1:0 --source -");
    let mut input = program.input.take().unwrap();
    input.write_all(b"YUV4MPEG2 W64 H64 F30:1 Ip A1:1 C420jpeg\n").unwrap();
    for _ in 0..3 {
        input.write_all(b"FRAME\n").unwrap();
        input.write_all(&[128; 64 * 64 * 3 / 2]).unwrap();
    }
    input.flush().unwrap();
    program.url();

    drop(input);
    let status = program.end();

    let (out, err) = program.rest();
    assert_eq!(status.code(), Some(0), "{out}{err}");
    assert!(out.contains("source has ended"), "{out}");
}

#[test]
fn a_source_that_breaks_ends_it_with_failure_however_early() {
    for pause in [Duration::ZERO, Duration::from_millis(500)] {
        let mut program = Program::start("--listen 127.0.0.1:0 --source -");
        let mut input = program.input.take().unwrap();
        input.write_all(b"YUV4MPEG2 W64 H64 F30:1 Ip A1:1 C420jpeg\n").unwrap();
        std::thread::sleep(pause);
        input.write_all(b"this is no picture\n").unwrap();

        let status = program.end();

        let (_, err) = program.rest();
        assert_eq!(status.code(), Some(1), "{err}");
        assert!(err.contains("standard input"), "{err}");
    }
}

#[test]
fn a_source_that_is_over_at_once_ends_it_too() {
    let mut program = Program::start("--listen 127.0.0.1:0 --source -");
    let mut input = program.input.take().unwrap();
    input.write_all(b"YUV4MPEG2 W16 H16 F30:1 Ip A1:1 C420jpeg\nFRAME\n").unwrap();
    input.write_all(&[128; 16 * 16 * 3 / 2]).unwrap();
    drop(input);
    assert_eq!(program.end().code(), Some(0), "{}", program.rest().1);
}

#[test]
fn ctrl_c_while_it_waits_for_standard_input_ends_it() {
    let mut program = Program::start("--listen 127.0.0.1:0 --source -");
    std::thread::sleep(Duration::from_millis(500));
    program.signal("INT");
    assert_eq!(program.end().code(), Some(0), "{}", program.rest().1);
}

#[test]
fn what_cannot_start_says_why_on_standard_error() {
    for (line, code, part) in [
        ("--listen 0.0.0.0:0", 2, "--token"),
        ("--frobnicate", 2, "--frobnicate"),
        ("--log pinhole=loud", 2, "--log"),
        ("--listen 127.0.0.1:0 --source /nonexistent/a.y4m", 1, "/nonexistent/a.y4m"),
        ("--listen 127.0.0.1:0 --advertise public", 1, "--map"),
    ] {
        let mut program = Program::start(line);
        let status = program.end();
        let (out, err) = program.rest();
        assert_eq!(status.code(), Some(code), "{line}: {err}");
        assert!(err.contains(part), "{line}: {err}");
        assert!(out.is_empty(), "{line}: {out}");
    }
}

#[test]
fn help_and_version_are_answers_and_no_errors() {
    for (line, part) in
        [("--help", "serve"), ("serve --help", "--udp-ports"), ("--version", "pinhole ")]
    {
        let mut program = Program::start(line);
        let status = program.end();
        let (out, err) = program.rest();
        assert!(status.success() && err.is_empty(), "{line}: {err}");
        assert!(out.contains(part), "{line}: {out}");
    }
}

#[test]
fn tokens_and_credentials_are_in_no_log() {
    let mut program = Program::start(&format!(
        "{SMALL} --token hunter2hunter2 --log trace --ice-server turn:t \
         --turn-secret hunter3hunter3"
    ));
    let url = program.url();
    let address = url.trim_start_matches("http://").trim_end_matches('/').to_string();
    for path in ["/api/ice-servers?token=hunter2hunter2", "/metrics", "/whep?token=hunter2hunter2"]
    {
        let mut stream = std::net::TcpStream::connect(&address).unwrap();
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer hunter2hunter2\r\n\
             Connection: close\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 "), "{answer}");
    }
    program.signal("INT");
    // Trace output is more than a pipe holds.
    let mut err = String::new();
    program.child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
    let mut out = String::new();
    program.lines.read_to_string(&mut out).unwrap();
    assert!(program.end().success());
    assert!(!out.contains("hunter"), "{out}");
    assert!(err.contains("TRACE"), "the log is on");
    let line = err.lines().find(|line| line.contains("hunter"));
    assert!(line.is_none(), "{line:?}");
}

#[test]
fn encoders_says_what_is_used_and_why_nothing_else_is() {
    let mut program = Program::start("encoders");
    assert!(program.end().success());
    let (lines, err) = program.rest();
    assert_eq!(err, "");
    for (line, start) in [(0, "vulkan-video    no: "), (2, "openh264        used: on the CPU, ")] {
        let back_ends: Vec<&str> = lines.lines().filter(|line| !line.starts_with(' ')).collect();
        assert!(back_ends[line].starts_with(start), "{lines}");
    }

    let mut program = Program::start("encoders --json --encoder vulkan-compute");
    assert_eq!(program.end().code(), Some(1), "what was asked for cannot be used");
    let json: serde_json::Value = serde_json::from_str(&program.rest().0).unwrap();
    assert_eq!(json["chosen"], serde_json::Value::Null);
    assert!(json["refused"].as_str().unwrap().contains("use --encoder auto or openh264"));
    assert_eq!(json["encoders"].as_array().unwrap().len(), 3);
    assert!(json["gpus"].is_array());
}
