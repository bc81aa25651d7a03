//! Offers as real stacks make them get a correct answer; others are told what is wrong.
//!
//! The files in `offers/` are what Chromium 156, Firefox 153 and aiortc 1.16 wrote, unchanged; `safari-like` is
//! arranged after Safari by hand. Variants are made of them here, so that each difference stands in one line.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use pinhole_core::{Limits, OfferError};
use pinhole_tests::endpoint::endpoint;
use pinhole_tests::jsep;
use pinhole_tests::viewer::{Candidates, ViewerConfig, ViewerPool};

/// Constrained baseline at level 3.1: 720p30.
const STREAM: (&str, u8) = ("42c01f", 31);
/// Constrained baseline at level 4.2: 1080p60, more than any offer names.
const LARGE: (&str, u8) = ("42c02a", 42);

/// Files of which no answer can be made, and what the refusal must say.
const REFUSED: &[(&str, &str)] = &[
    ("no-transceiver", "no m-line"),
    ("audio-only", "no video m-line that receives"),
    ("data-only", "no video m-line that receives"),
    ("video-inactive", "no video m-line that receives"),
    ("vp8-only", "no H.264"),
];

#[test]
fn every_real_offer_gets_a_correct_answer_or_is_told_why_not() {
    let (mut answered, mut refused) = (0, 0);
    for file in offers() {
        let name = file.file_stem().unwrap().to_str().unwrap();
        let offer = fs::read_to_string(&file).unwrap();
        let text = REFUSED.iter().find(|(ending, _)| name.ends_with(ending)).map(|(_, text)| text);
        for stream in [STREAM, LARGE] {
            match (answer(&offer, stream), text) {
                (Ok(answer), None) => {
                    let checked = jsep::check(&offer, &answer, stream.1);
                    checked.unwrap_or_else(|faults| panic!("{name}:\n{faults}\n{answer}"));
                    answered += 1;
                }
                (Err(error), Some(text)) => {
                    assert!(error.to_string().contains(text), "{name}: {error}");
                    refused += 1;
                }
                (Ok(_), Some(text)) => panic!("{name} is answered, not refused with {text:?}"),
                (Err(error), None) => panic!("{name}: {error}"),
            }
        }
    }
    assert!(answered >= 40 && refused >= 14, "{answered} answered, {refused} refused");
}

#[test]
fn unusual_shapes_of_offers_are_answered() {
    let chromium = read("chromium-audio-video-data");
    let firefox = read("firefox-video-recvonly");
    let variants: Vec<(&str, String)> = vec![
        ("LF line ends", chromium.replace("\r\n", "\n")),
        ("no final line end", chromium.trim_end().to_owned()),
        ("spaces in fmtp", chromium.replace(';', "; ")),
        ("profiles in capitals", chromium.replace("42e01f", "42E01F").replace("4d001f", "4D001F")),
        ("active setup", chromium.replace("setup:actpass", "setup:active")),
        ("no candidates", without(&chromium, "a=candidate")),
        ("end of candidates", format!("{chromium}a=end-of-candidates\r\n")),
        ("only the main profile", keep_profiles(&chromium, &["4d001f"])),
        ("only the high profile", keep_profiles(&chromium, &["64001f", "f4001f"])),
        ("no RTX", without_rtx(&chromium)),
        ("no extensions", without(&chromium, "a=extmap")),
        ("no feedback", without(&chromium, "a=rtcp-fb")),
        ("no ice-options", without(&firefox, "a=ice-options")),
        ("bandwidth lines", firefox.replace("a=recvonly\r\n", "b=AS:5000\r\na=recvonly\r\n")),
        ("unknown attributes", firefox.replace("a=recvonly", "a=x-unheard-of:1 2\r\na=recvonly")),
        ("a title", firefox.replace("s=-", "s=Some title")),
        ("a rejected first m-line", reject_first(&chromium)),
        ("trickled by IPv6 name", firefox.replace(".local", ".example")),
    ];
    for (what, offer) in variants {
        let answer = answer(&offer, STREAM).unwrap_or_else(|error| panic!("{what}: {error}"));
        let checked = jsep::check(&offer, &answer, STREAM.1);
        checked.unwrap_or_else(|faults| panic!("{what}:\n{faults}\n{offer}\n{answer}"));
    }
}

#[test]
fn an_offer_without_bundle_is_answered_without_bundle() {
    for name in ["chromium-video-recvonly", "firefox-audio-video-data"] {
        let offer = without(&read(name), "a=group:BUNDLE");

        let answer = answer(&offer, STREAM).unwrap();

        jsep::check(&offer, &answer, STREAM.1)
            .unwrap_or_else(|faults| panic!("{name}:\n{faults}\n{answer}"));
        assert!(!answer.contains("a=group:BUNDLE 0"), "{answer}");
    }
}

#[test]
fn offers_that_cannot_be_answered_are_told_what_they_lack() {
    let offer = read("chromium-video-recvonly");
    let cases: Vec<(&str, String, &str)> = vec![
        ("mode 0 only", without_mode_1(&offer), "packetization-mode=1"),
        ("no ufrag", without(&offer, "a=ice-ufrag"), "ice-ufrag"),
        ("no password", without(&offer, "a=ice-pwd"), "ice-pwd"),
        ("no fingerprint", without(&offer, "a=fingerprint"), "fingerprint"),
        ("nothing", String::new(), "SDP"),
        ("a text", "hello".to_owned(), "SDP"),
        ("HTML", "<html><body>404</body></html>".to_owned(), "SDP"),
        ("sendonly", offer.replace("a=recvonly", "a=sendonly"), "receives"),
        ("too long", format!("{offer}{}", "a=x\r\n".repeat(1 << 17)), "bytes"),
    ];
    for (what, offer, text) in cases {
        let error = answer(&offer, STREAM).expect_err(what).to_string();
        assert!(error.contains(text), "{what}: {error}");
        assert!(error.len() < 300, "{what}: {error}");
    }
}

#[test]
fn the_harness_own_viewer_makes_offers_of_all_its_kinds() {
    let pool = ViewerPool::spawn().unwrap();
    for candidates in [Candidates::InOffer, Candidates::Trickled, Candidates::Mdns] {
        for (audio, data) in [(false, false), (true, false), (false, true), (true, true)] {
            let config = ViewerConfig { candidates, audio, data, ..ViewerConfig::default() };
            let waiting = pool.offer(&config).unwrap();
            let answer = answer(waiting.offer(), STREAM).unwrap();
            jsep::check(waiting.offer(), &answer, STREAM.1)
                .unwrap_or_else(|faults| panic!("{config:?}:\n{faults}\n{answer}"));
            waiting.answer(&answer).unwrap();
        }
    }
}

/// The judge is judged: each fault put into a good answer is found.
#[test]
fn the_checker_finds_faults() {
    let offer = read("chromium-audio-video-data");
    let good = answer(&offer, STREAM).unwrap();
    let found = jsep::check(&offer, &good, STREAM.1).unwrap();
    let payload = found.payload.as_str();
    let faults: Vec<(&str, String)> = vec![
        ("LF", good.replace("\r\n", "\n")),
        ("no end", good.trim_end().to_owned()),
        ("audio accepted", good.replacen("m=audio 0", "m=audio 9", 1)),
        ("video rejected", good.replacen("m=video 9", "m=video 0", 1)),
        ("sendrecv", good.replace("a=sendonly", "a=sendrecv")),
        ("recvonly", good.replace("a=sendonly", "a=recvonly")),
        ("active", good.replace("setup:passive", "setup:active")),
        ("actpass", good.replace("setup:passive", "setup:actpass")),
        ("a foreign mid", good.replace("a=mid:1", "a=mid:7")),
        ("BUNDLE of all", good.replacen("BUNDLE 1", "BUNDLE 0 1 2", 1)),
        ("no BUNDLE", without(&good, "a=group:BUNDLE")),
        ("no ufrag", without(&good, "a=ice-ufrag")),
        ("no fingerprint", without(&good, "a=fingerprint")),
        ("no msid", without(&good, "a=msid:")),
        ("no stream id", good.replacen("a=msid:", "a=msid:- ", 1)),
        ("no candidates", without(&good, "a=candidate")),
        ("a name as candidate", good.replace("192.0.2.1 5000", "x.local 5000")),
        ("no ssrc", without(&good, "a=ssrc:")),
        ("mode 0", good.replace("packetization-mode=1", "packetization-mode=0")),
        ("a low level", good.replace("42e01f", "42e00d").replace("42001f", "42000d")),
        ("another profile", good.replace("=42e0", "=6400").replace("=4200", "=6400")),
        ("an unoffered payload", good.replace(payload, "77")),
        ("an unoffered extension", good.replacen("a=extmap:", "a=extmap:14 urn:x\r\na=extmap:", 1)),
        ("unoffered feedback", good.replacen("a=rtcp-fb:", "a=rtcp-fb:1 x\r\na=rtcp-fb:", 1)),
        ("no RTX", without(&good, "a=fmtp:").replace("rtx/90000", "x/90000")),
        ("no nack", without(&good, &format!("a=rtcp-fb:{payload} nack"))),
        ("one m-line less", good.split("m=application").next().unwrap().to_owned()),
    ];
    for (what, answer) in faults {
        assert_ne!(answer, good, "{what}: the fault was not made");
        assert!(jsep::check(&offer, &answer, STREAM.1).is_err(), "{what} is not found:\n{answer}");
    }
}

fn answer(offer: &str, (profile, _): (&str, u8)) -> Result<String, OfferError> {
    let now = Instant::now();
    let mut endpoint = endpoint(now, profile, Limits::default());
    endpoint.accept_offer(now, offer).map(|accepted| accepted.answer)
}

fn offers() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("offers");
    pinhole_tests::source::files_below(&folder, &[".sdp"])
}

fn read(name: &str) -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("offers/{name}.sdp"));
    fs::read_to_string(file).unwrap()
}

/// The text without the lines that begin so.
fn without(text: &str, beginning: &str) -> String {
    text.split_inclusive('\n').filter(|line| !line.starts_with(beginning)).collect()
}

/// The payload types whose fmtp says `what`.
fn payloads_with(offer: &str, what: &str) -> Vec<String> {
    let lines = offer.lines().filter(|line| line.starts_with("a=fmtp:") && line.contains(what));
    lines.filter_map(|line| line[7..].split(' ').next()).map(str::to_owned).collect()
}

/// The offer without these payload types, their RTX and their names in the m-lines.
fn without_payloads(offer: &str, payloads: &[String]) -> String {
    let mut gone = payloads.to_vec();
    for payload in payloads {
        gone.extend(
            offer
                .lines()
                .filter(|line| line.ends_with(&format!(" apt={payload}")))
                .filter_map(|line| line.strip_prefix("a=fmtp:")?.split(' ').next())
                .map(str::to_owned),
        );
    }
    let mut out = String::new();
    for line in offer.lines() {
        let of_gone = |name: &str| {
            gone.iter().any(|payload| line.starts_with(&format!("a={name}:{payload} ")))
        };
        if ["rtpmap", "fmtp", "rtcp-fb"].into_iter().any(of_gone) {
            continue;
        }
        if line.starts_with("m=video") {
            let kept = line.split(' ').filter(|word| !gone.iter().any(|payload| payload == word));
            out.push_str(&kept.collect::<Vec<_>>().join(" "));
        } else {
            out.push_str(line);
        }
        out.push_str("\r\n");
    }
    out
}

fn keep_profiles(offer: &str, profiles: &[&str]) -> String {
    let mut gone = payloads_with(offer, "profile-level-id=");
    for profile in profiles {
        let kept = payloads_with(offer, profile);
        gone.retain(|payload| !kept.contains(payload));
    }
    without_payloads(offer, &gone)
}

fn without_mode_1(offer: &str) -> String {
    without_payloads(offer, &payloads_with(offer, "packetization-mode=1"))
}

fn without_rtx(offer: &str) -> String {
    without_payloads(offer, &payloads_with(offer, "apt="))
}

/// The first m-line as a browser writes a stopped transceiver: port 0 and out of the group.
fn reject_first(offer: &str) -> String {
    offer.replacen("m=audio 9", "m=audio 0", 1).replacen("BUNDLE 0 ", "BUNDLE ", 1)
}
