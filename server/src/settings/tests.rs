use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use pinhole_core::Limits;
use pinhole_encoder::{Content, EncoderChoice, SourceKind};

use super::*;

/// A directory of its own for each test, removed at the end.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Scratch {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let path =
            std::env::temp_dir().join(format!("pinhole-settings-{}-{count}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Scratch(path)
    }

    fn with(text: &str) -> Scratch {
        let scratch = Scratch::new();
        std::fs::write(scratch.0.join("pinhole.toml"), text).unwrap();
        scratch
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn environment(pairs: &[(&str, &str)]) -> Environment {
    pairs.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect()
}

fn parse(line: &str, pairs: &[(&str, &str)], file: &str) -> Result<Settings, String> {
    let scratch = Scratch::with(file);
    let line = std::iter::once("pinhole").chain(line.split_whitespace());
    match Settings::parse(line, &environment(pairs), &scratch.0) {
        Ok(Invocation::Serve(settings)) => Ok(*settings),
        Ok(other) => panic!("{other:?}"),
        Err(error) => Err(error.to_string()),
    }
}

#[test]
fn without_arguments_it_serves_the_test_picture_on_loopback() {
    let settings = Settings::default();

    assert_eq!(settings.listen, "127.0.0.1:8080".parse().unwrap());
    assert_eq!(settings.access, Access::Local);
    assert_eq!(settings.stream.source, SourceKind::Test);
    assert_eq!(settings.stream.encoder, EncoderChoice::Auto);
    assert_eq!(settings.stream.size, (1280, 720));
    assert_eq!(settings.stream.fps, Some(30));
    assert_eq!(settings.stream.bitrate, 3_000_000);
    assert_eq!(settings.runtime, RuntimeKind::Mio);
    assert_eq!(settings.addresses, Addresses::default());
    assert_eq!(settings.max_viewers, 64);
}

#[test]
fn a_screen_is_screen_content_unless_somebody_says_otherwise() {
    let content = |line: &str| parse(line, &[], "").unwrap().stream.content;
    assert_eq!(content("--source x11"), Content::Screen);
    assert_eq!(content("--source x11::7 --content camera"), Content::Camera);
    assert_eq!(content("--source shm:game"), Content::Camera);
    assert_eq!(content("--content screen"), Content::Screen);
}

#[test]
fn a_file_that_is_encoded_keeps_its_bitrate_unless_somebody_says_otherwise() {
    let floor = |line: &str| parse(line, &[], "").unwrap().bitrate_floor;
    assert_eq!(floor(""), BitrateFloor::At(300_000));
    assert_eq!(floor("--source a.y4m"), BitrateFloor::At(300_000));
    assert_eq!(floor("--source a.h264"), BitrateFloor::Off);
    assert_eq!(floor("--source a.h264 --bitrate-floor 500k"), BitrateFloor::At(500_000));
    assert_eq!(floor("--bitrate-floor off"), BitrateFloor::Off);
}

#[test]
fn packets_are_kept_for_a_second_unless_somebody_says_otherwise() {
    let kept = |line: &str| parse(line, &[], "").unwrap().retransmit_for.as_millis();
    assert_eq!(kept(""), Limits::default().retransmit_for.as_millis());
    assert_eq!((kept("--retransmit-ms 0"), kept("--retransmit-ms 2000")), (0, 2_000));
    let refused = parse("--retransmit-ms 2001", &[], "").unwrap_err().to_string();
    assert!(refused.contains("from 0 to 2000"), "{refused}");
}

#[test]
fn only_the_setting_makes_another_library_be_loaded() {
    let library = |line: &str, pairs: &[(&str, &str)]| {
        parse(line, pairs, "").unwrap().stream.openh264_library
    };
    assert_eq!(library("", &[]), None);
    assert_eq!(library("--openh264-library a.so", &[]), Some("a.so".into()));
    let named = [("PINHOLE_OPENH264_LIBRARY", "b.so")];
    assert_eq!(library("", &named), Some("b.so".into()));
}

#[test]
fn the_flag_beats_the_environment_beats_the_file_beats_the_default() {
    let file = "max-viewers = 1";
    let variable = [("PINHOLE_MAX_VIEWERS", "2")];
    let table = [
        ("--max-viewers 3", &variable[..], file, 3),
        ("serve", &variable[..], file, 2),
        ("serve", &[], file, 1),
        ("serve", &[], "", 64),
        ("--max-viewers=3", &[], "", 3),
        ("", &[("PINHOLE_MAX_VIEWERS", "")], file, 1),
    ];
    for (line, variables, file, expected) in table {
        let settings = parse(line, variables, file).unwrap();

        assert_eq!(settings.max_viewers, expected, "{line:?} {variables:?} {file:?}");
    }
}

#[test]
fn a_list_of_a_higher_layer_replaces_the_whole_list_below() {
    let file = "map = [\"1/udp=192.0.2.1:1\", \"2/udp=192.0.2.1:2\"]";
    let in_file = parse("", &[], file).unwrap().addresses.map;
    let in_environment = parse("", &[("PINHOLE_MAP", "3/udp=192.0.2.1:3,4/udp=192.0.2.1:4")], file)
        .unwrap()
        .addresses
        .map;
    let on_line = parse(
        "--map 5/udp=192.0.2.1:5 --map 6/udp=192.0.2.1:6",
        &[("PINHOLE_MAP", "3/udp=192.0.2.1:3")],
        file,
    )
    .unwrap()
    .addresses
    .map;

    assert_eq!(in_file, ["1/udp=192.0.2.1:1", "2/udp=192.0.2.1:2"]);
    assert_eq!(in_environment, ["3/udp=192.0.2.1:3", "4/udp=192.0.2.1:4"]);
    assert_eq!(on_line, ["5/udp=192.0.2.1:5", "6/udp=192.0.2.1:6"]);
}

#[test]
fn names_known_from_other_programs_are_heard_after_our_own() {
    let aliases = [("EPR", "59000-59100"), ("NAT1TO1", "203.0.113.1")];
    let settings = parse("", &aliases, "udp-ports = \"1-2\"").unwrap();
    assert_eq!(settings.addresses.udp_ports, Some(59000..=59100));
    assert_eq!(settings.addresses.public_ip, ["203.0.113.1"]);

    let both = [("EPR", "59000-59100"), ("PINHOLE_UDP_PORTS", "7-8")];
    assert_eq!(parse("", &both, "").unwrap().addresses.udp_ports, Some(7..=8));
}

#[test]
fn token_and_open_are_one_setting_whose_higher_layer_wins() {
    let token = |text: &str| Access::Token(text.to_string());
    let table = [
        ("--token a", &[][..], "open = true", token("a")),
        ("--open", &[("PINHOLE_TOKEN", "a")][..], "", Access::Open),
        ("", &[("PINHOLE_OPEN", "true")][..], "token = \"a\"", Access::Open),
        ("", &[("PINHOLE_TOKEN", "a")][..], "open = true", token("a")),
        ("--open=false", &[("PINHOLE_TOKEN", "a")][..], "", token("a")),
        ("", &[][..], "open = false", Access::Local),
    ];
    for (line, variables, file, expected) in table {
        assert_eq!(parse(line, variables, file).unwrap().access, expected, "{line:?} {file:?}");
    }
}

#[test]
fn what_cannot_work_is_refused_with_a_text_that_says_what_to_write() {
    let table = [
        ("--listen 0.0.0.0:8080", "", "--token SECRET"),
        ("--listen 0.0.0.0:8080", "", "--open"),
        ("--listen 192.0.2.1:8080", "", "who may watch"),
        ("--listen 8080", "", "ADDRESS:PORT"),
        ("--token a --open", "", "exclude each other"),
        ("", "token = \"a\"\nopen = true", "exclude each other"),
        ("--tls-cert a.pem", "", "--tls-key"),
        ("--tls-key a.pem", "", "--tls-cert"),
        ("--source film.mp4", "", ".y4m"),
        ("--size 1281x720", "", "even"),
        ("--bitrate fast", "", "800k"),
        ("--fps 0", "", "from 1 to 240"),
        ("--udp-ports 5-4", "", "lowest port"),
        ("--udp-bind 0.0.0.0", "", "all interfaces"),
        ("--udp-send gro", "", "gso, sendmmsg or plain"),
        ("--advertise wan", "", "public, lan or both"),
        ("--encoder nvenc", "", "openh264"),
        ("--runtime tokio", "", "mio or smol"),
        ("--content film", "", "camera or screen"),
        ("--max-viewers 0", "", "1 to 100000"),
        ("--allow-origin example.com", "", "https://example.com"),
        ("--tcp-port 0", "", "http, a port from 1 to 65535, or off"),
        ("--tcp-port yes", "", "http, a port"),
        ("--ice-policy turn", "", "all, direct or relay"),
        ("--ice-policy relay", "", "needs a TURN server"),
        ("--ice-policy relay --ice-server stun:a", "", "needs a TURN server"),
        ("--ice-policy relay --ice-server turn:a,u,p --ice-for browsers", "", "--ice-for browsers"),
        ("--ice-for all", "", "both, browsers or server"),
        ("--ice-server turn:a", "", "--turn-secret"),
        ("--ice-server http://a", "", "stun:HOST"),
        ("--turn-secret s", "", "TURN server"),
        ("--ice-servers /nonexistent/file.json", "", "/nonexistent/file.json"),
        ("--config /nonexistent/file.toml", "", "/nonexistent/file.toml"),
        ("--lisen 127.0.0.1:1", "", "--listen"),
        ("dance", "", "unrecognized subcommand"),
        ("", "lisen = \"127.0.0.1:1\"", "did you mean listen?"),
        ("", "config = \"other.toml\"", "no setting"),
        ("", "bitrate = [1, 2]", "bitrate takes"),
        ("", "map = [[1]]", "map takes"),
        ("", "listen", "not TOML"),
        ("", "bitrate = \"fast\"", "pinhole.toml"),
    ];
    for (line, file, expected) in table {
        let refusal = parse(line, &[], file).expect_err(&format!("{line:?} {file:?}"));
        assert!(refusal.contains(expected), "{line:?} {file:?}: {refusal}");
    }
}

#[test]
fn a_refused_value_of_the_environment_is_named_with_its_variable() {
    let refusal = parse("", &[("PINHOLE_FPS", "many")], "fps = 5").unwrap_err();
    assert!(refusal.contains("PINHOLE_FPS"), "{refusal}");

    let refusal = parse("--fps none", &[("PINHOLE_FPS", "many")], "").unwrap_err();
    assert!(refusal.contains("none") && !refusal.contains("PINHOLE_FPS"), "{refusal}");
}

#[test]
fn a_variable_of_ours_that_means_nothing_is_warned_about() {
    let settings = parse("", &[("PINHOLE_BITRAT", "3M"), ("BITRATE", "x")], "").unwrap();

    assert_eq!(settings.warnings.len(), 1);
    assert!(
        settings.warnings[0].contains("did you mean PINHOLE_BITRATE?"),
        "{:?}",
        settings.warnings
    );
}

#[test]
fn help_shows_no_secret_of_the_environment_or_the_file() {
    let pairs = [("PINHOLE_TOKEN", "hunter2"), ("PINHOLE_TURN_SECRET", "hunter3")];
    for line in ["--help", "serve --help", "serve -h"] {
        let help = parse(line, &pairs, "token = \"hunter4\"").unwrap_err();
        assert!(!help.contains("hunter"), "{help}");
    }
    let debug =
        format!("{:?}", parse("--token hunter5", &pairs[1..], "ice-server = \"turn:a\"").unwrap());
    assert!(!debug.contains("hunter"), "{debug}");
}

#[test]
fn numbers_and_flags_in_the_file_need_no_quotes() {
    let settings =
        parse("", &[], "fps = 25\nopen = true\nbitrate = 2000000\nmax_viewers = 3").unwrap();

    assert_eq!(settings.stream.fps, Some(25));
    assert_eq!(settings.access, Access::Open);
    assert_eq!(settings.stream.bitrate, 2_000_000);
    assert_eq!(settings.max_viewers, 3);
}

#[test]
fn how_datagrams_leave_is_a_setting_like_the_others() {
    let best = |line: &str, pairs: &[(&str, &str)]| {
        parse(line, pairs, "udp-send = \"plain\"").unwrap().addresses.udp_send
    };
    assert_eq!(parse("", &[], "").unwrap().addresses.udp_send, Batching::Gso);
    assert_eq!(best("", &[]), Batching::Plain);
    assert_eq!(best("", &[("PINHOLE_UDP_SEND", "sendmmsg")]), Batching::Sendmmsg);
    assert_eq!(best("--udp-send gso", &[]), Batching::Gso);
}

#[test]
fn the_settings_page_is_a_command_of_its_own() {
    let scratch = Scratch::new();
    let asked = Settings::parse(["pinhole", "settings-page"], &Environment::new(), &scratch.0);
    assert!(matches!(asked, Ok(Invocation::SettingsPage)));
}

#[test]
fn a_file_that_is_named_is_read_instead_of_the_one_that_lies_around() {
    let scratch = Scratch::with("fps = 1");
    let named = scratch.0.join("other.toml");
    std::fs::write(&named, "fps = 2").unwrap();
    let third = scratch.0.join("third.toml");
    std::fs::write(&third, "fps = 3").unwrap();
    let fps = |words: &[&str], pairs: &[(&str, &str)]| {
        let words = std::iter::once("pinhole").chain(words.iter().copied());
        match Settings::parse(words, &environment(pairs), &scratch.0) {
            Ok(Invocation::Serve(settings)) => settings.stream.fps,
            other => panic!("{other:?}"),
        }
    };
    let (named, third) = (named.to_str().unwrap(), third.to_str().unwrap());

    assert_eq!(fps(&[], &[]), Some(1));
    assert_eq!(fps(&["--config", named], &[("PINHOLE_CONFIG", third)]), Some(2));
    assert_eq!(fps(&[&format!("--config={named}")], &[]), Some(2));
    assert_eq!(fps(&[], &[("PINHOLE_CONFIG", third)]), Some(3));
}

#[test]
fn what_is_gathered_from_follows_the_layers_and_who_it_is_for() {
    let file = "ice-server = [\"stun:file\"]\ntcp-port = 8443\nice-policy = \"direct\"";
    let hosts = |line: &str, pairs: &[(&str, &str)]| -> Vec<String> {
        let servers = parse(line, pairs, file).unwrap().gather_servers().servers;
        servers.into_iter().map(|server| server.host).collect()
    };
    let variable = [("PINHOLE_ICE_SERVER", "stun:one turn:two,u,p")];
    assert_eq!(hosts("", &[]), ["file"]);
    assert_eq!(hosts("", &variable), ["one", "two"]);
    assert_eq!(hosts("--ice-server stun:line", &variable), ["line"]);
    assert!(hosts("--ice-for browsers", &variable).is_empty());
    assert_eq!(hosts("--ice-for server", &variable), ["one", "two"]);

    let settings = parse("", &[], file).unwrap();
    assert_eq!(settings.addresses.tcp_port, TcpPort::Own(8443));
    assert_eq!(settings.addresses.paths, Paths::Direct);
    assert_eq!(parse("--tcp-port off", &[], file).unwrap().addresses.tcp_port, TcpPort::Off);
    let from_environment = parse("", &[("PINHOLE_TCP_PORT", "http")], file).unwrap();
    assert_eq!(from_environment.addresses.tcp_port, TcpPort::Http);
}

#[test]
fn servers_that_we_cannot_use_and_a_ca_for_nobody_are_warned_about() {
    let warnings = |line: &str| parse(line, &[], "").unwrap().warnings.join("\n");
    assert!(warnings("--ice-server stuns:a").contains("add the same server as stun:"));
    assert!(warnings("--ice-server stuns:a --ice-for browsers").is_empty());
    assert!(warnings("--ice-server turn:a,u,p --turn-ca ca.pem").contains("turns:HOST"));
    assert!(warnings("--ice-server turns:a,u,p --turn-ca ca.pem").is_empty());
}
