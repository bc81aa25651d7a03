//! `pinhole rewrite-sdp` as a shell starts it.
#![cfg(unix)]
#![allow(clippy::unwrap_used)]

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Command, Stdio};

/// An answer of another program in a private network.
const ANSWER: &str = "v=0\r\no=- 1 1 IN IP4 10.0.0.5\r\ns=-\r\nt=0 0\r\n\
    m=video 10111 UDP/TLS/RTP/SAVPF 96\r\nc=IN IP4 10.0.0.5\r\na=x-unknown:  as it is\r\n\
    a=candidate:1 1 udp 2130706431 10.0.0.5 10111 typ host\r\na=end-of-candidates\r\n";
const MAP: &str = "--map 10111/udp=203.0.113.10:30111";

fn command(line: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pinhole"));
    // Settings of the machine that runs the tests must not decide about them.
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("PINHOLE_") {
            command.env_remove(name);
        }
    }
    command.env_remove("EPR").env_remove("NAT1TO1").current_dir(std::env::temp_dir());
    command.arg("rewrite-sdp").args(line.split_whitespace());
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Exit code, standard output, standard error.
fn run(command: &mut Command, input: &str) -> (i32, String, String) {
    let mut child = command.spawn().unwrap();
    // What is refused before it is read closes the pipe.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let output = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

#[test]
fn an_answer_goes_in_and_its_public_form_comes_out() {
    let (code, out, err) = run(&mut command(MAP), ANSWER);

    assert_eq!((code, err.as_str()), (0, ""));
    assert_eq!(
        out,
        "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n\
         m=video 30111 UDP/TLS/RTP/SAVPF 96\r\nc=IN IP4 203.0.113.10\r\na=x-unknown:  as it is\r\n\
         a=candidate:813896d1 1 udp 1694498815 203.0.113.10 30111 typ srflx raddr 0.0.0.0 rport 9\r\n\
         a=end-of-candidates\r\n"
    );
    let (code, again, _) = run(&mut command(MAP), &out);
    assert_eq!((code, again), (0, out));
}

#[test]
fn the_map_comes_from_flags_environment_and_file_as_for_serve() {
    let outside = |command: &mut Command| {
        let (code, out, err) = run(command, ANSWER);
        assert_eq!(code, 0, "{err}");
        let line = out.lines().find(|line| line.starts_with("c=")).unwrap().to_owned();
        (line, out.contains(" 10.0.0.5 "))
    };
    let to = |address: &str| (format!("c=IN IP4 {address}"), false);
    assert_eq!(outside(&mut command("--public-ip 203.0.113.1")), to("203.0.113.1"));
    assert_eq!(outside(command("").env("PINHOLE_PUBLIC_IP", "203.0.113.2")), to("203.0.113.2"));
    assert_eq!(outside(command("").env("NAT1TO1", "203.0.113.3")), to("203.0.113.3"));
    let in_environment = "10111/udp=203.0.113.4:1";
    assert_eq!(outside(command("").env("PINHOLE_MAP", in_environment)), to("203.0.113.4"));
    assert_eq!(outside(command(MAP).env("PINHOLE_MAP", in_environment)), to("203.0.113.10"));

    let file = std::env::temp_dir().join(format!("pinhole-rewrite-{}.toml", std::process::id()));
    // A key of `serve` that means nothing here is no mistake.
    std::fs::write(&file, "public-ip = [\"203.0.113.5\"]\nfps = 25\n").unwrap();
    let in_file = outside(&mut command(&format!("--config {}", file.display())));
    let both = outside(&mut command(&format!("--advertise both --config {}", file.display())));
    let lan = run(&mut command(&format!("{MAP} --advertise lan")), ANSWER);
    std::fs::remove_file(&file).unwrap();

    assert_eq!(in_file, to("203.0.113.5"));
    assert_eq!(both, ("c=IN IP4 10.0.0.5".to_owned(), true));
    assert_eq!((lan.0, lan.1.as_str()), (0, ANSWER));
}

#[test]
fn what_is_refused_leaves_nothing_on_standard_output_and_says_why() {
    let other = ANSWER.replace("10111", "10112");
    let mdns = ANSWER.replace("10.0.0.5 10111", "ab.local 10111");
    let long = "a=x:y\r\n".repeat(200_000);
    let broken = ANSWER.replace("2130706431", "much");
    for (line, input, code, part) in [
        (MAP, "", 1, "it is empty"),
        (MAP, "hello", 1, "this is no SDP"),
        (MAP, "{\"sdp\":\"v=0\"}", 1, "--messages"),
        (MAP, &other, 1, "it has 10.0.0.5:10112/udp; the map covers the local ports 10111/udp"),
        (MAP, &mdns, 1, "ends in .local"),
        (MAP, &long, 1, "longer than 1048576 bytes"),
        (MAP, &broken, 1, "line 8, `a=candidate:1 1 udp much"),
        ("", ANSWER, 1, "--map LOCAL/udp=HOST:PORT"),
        ("--advertise both", ANSWER, 1, "there is no port map"),
        ("--map 1-2/udp=203.0.113.10:1", ANSWER, 1, "make both ranges equally long"),
        ("--map", ANSWER, 2, "--map"),
        ("--source test", ANSWER, 2, "--source"),
        ("--advertise everybody", ANSWER, 2, "public, lan or both"),
    ] {
        let (exit, out, err) = run(&mut command(line), input);
        assert_eq!((exit, out.as_str()), (code, ""), "{line}: {err}");
        assert!(err.contains(part), "{line}: {err}");
    }
    let (code, out, _) = run(&mut command(&format!("{MAP} --keep-mdns")), &mdns);
    assert!(code == 0 && out.contains("ab.local 10111 typ host"), "{out}");
}

#[test]
fn messages_are_answered_one_by_one() {
    let mut child = command(&format!("{MAP} --messages")).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mapped =
        "candidate:813896d1 1 udp 1694498815 203.0.113.10 30111 typ srflx raddr 0.0.0.0 rport 9";
    let candidate = "candidate:1 1 udp 2130706431 10.0.0.5 10111 typ host";
    let unmapped = candidate.replace("10111", "10112");
    let in_json =
        |text: &str| format!(r#"{{"candidate":{{"candidate":"{text}","sdpMid":"0"}},"type":"x"}}"#);
    for (message, expected) in [
        (candidate.to_owned(), Some(mapped.to_owned())),
        (in_json(candidate), Some(in_json(mapped))),
        (
            format!(r#"{{"candidate":"{candidate}"}}"#),
            Some(format!(r#"{{"candidate":"{mapped}"}}"#)),
        ),
        // Nothing comes in place of these two; the next answer shows it.
        (unmapped.clone(), None),
        (in_json(&unmapped), None),
        (r#"{"candidate":""}"#.to_owned(), Some(r#"{"candidate":""}"#.to_owned())),
        (r#"{"b":1, "a":  2}"#.to_owned(), Some(r#"{"b":1, "a":  2}"#.to_owned())),
        (
            r#"{"sdp":"v=0\no=- 1 1 IN IP4 10.0.0.5\n"}"#.to_owned(),
            Some(r#"{"sdp":"v=0\no=- 1 1 IN IP4 0.0.0.0\n"}"#.to_owned()),
        ),
        (String::new(), Some(String::new())),
    ] {
        // The pipe stays open: whoever waits for an answer gets it at once.
        writeln!(input, "{message}").unwrap();
        if let Some(expected) = expected {
            assert_eq!(lines.next().unwrap().unwrap(), expected, "{message}");
        }
    }
    drop(input);
    assert!(lines.next().is_none());
    assert_eq!(child.wait().unwrap().code(), Some(0));

    for (message, part) in [
        ("hello", "message 2: it is neither `candidate:…` nor JSON"),
        ("{\"sdp\":", "message 2: its JSON is broken"),
        ("candidate:1 1 udp", "message 2: line 1, `candidate:1 1 udp`, is no candidate"),
    ] {
        let input = format!("{candidate}\n{message}\n{candidate}\n");
        let (code, out, err) = run(&mut command(&format!("{MAP} --messages")), &input);
        assert_eq!((code, out), (1, format!("{mapped}\n")), "{err}");
        assert!(err.contains(part), "{err}");
    }
}

#[test]
fn the_example_of_the_readme_is_what_the_program_does() {
    let readme = include_str!("../../README.md");
    let (_, example) = readme.split_once("$ printf '").unwrap();
    let (input, rest) = example.split_once("' |\n    pinhole rewrite-sdp ").unwrap();
    let (line, rest) = rest.split_once('\n').unwrap();
    let (expected, _) = rest.split_once("```").unwrap();

    let (code, out, err) = run(&mut command(line), &input.replace("\\n", "\n"));

    assert_eq!((code, out.as_str(), err.as_str()), (0, expected, ""));
}
