//! Cases that no other test would miss, found by changing the code (`docs/mutants.md`).

use super::super::edits::SEEN_MAX;
use super::*;
use crate::portmap::Protocol;

const MAP: &str = "5000/udp=203.0.113.10:30000";

fn candidate(candidate: &str) -> String {
    let map = map(MAP);
    let lines = Rewriter::new(&map, Audience::Public).rewrite_candidate(candidate).unwrap();
    lines.join("\n")
}

/// What `m=` and `c=` come to say, and nothing else.
fn destination(port: u16, lines: &[&str]) -> Vec<String> {
    let mut out = section(MAP, &format!("m=video {port} X 96"), lines);
    out.truncate(2);
    out
}

#[test]
fn a_base_is_taken_back_wherever_among_the_extensions_it_stands() {
    let line =
        "candidate:1 1 udp 5 198.51.100.9 41000 typ srflx generation 0 raddr 10.0.0.5 rport 5000";
    assert_eq!(candidate(line), line.replace("10.0.0.5 rport 5000", "0.0.0.0 rport 9"));
}

#[test]
fn a_priority_that_is_too_low_for_a_kind_below_is_halved() {
    let low = candidate("candidate:1 1 udp 100 10.0.0.5 5000 typ host");
    assert!(low.contains(" udp 50 203.0.113.10 "), "{low}");
}

#[test]
fn foundations_are_the_fnv_1a_of_the_outside_address_and_the_transport() {
    let foundation =
        |at: &str, protocol| candidate::foundation(at.parse().unwrap(), protocol, |_| false);
    // Each byte of the address as an IPv6 one, then 1 for TCP, by a program of another language.
    assert_eq!(foundation("203.0.113.10", Protocol::Udp), "813896d1");
    assert_eq!(foundation("203.0.113.10", Protocol::Tcp), "8038953e");
    assert_eq!(foundation("2001:db8::10", Protocol::Udp), "73239ff5");
}

#[test]
fn the_refusal_writes_ipv6_in_brackets() {
    let sdp =
        "v=0\r\ns=-\r\nt=0 0\r\nm=video 9 X 96\r\na=candidate:1 1 udp 5 fd00::5 5000 typ host\r\n";
    let error = public(MAP, sdp).unwrap_err().to_string();
    assert!(error.contains("it has [fd00::5]:5000/udp; "), "{error}");
}

#[test]
fn a_destination_without_candidates_stays_where_it_may_be_seen() {
    assert_eq!(destination(5001, &["c=IN IP4 198.51.100.5"])[1], "c=IN IP4 198.51.100.5");
    assert_eq!(destination(9, &["c=IN IP4 198.51.100.5"])[1], "c=IN IP4 198.51.100.5");
    // Rejected sections as well.
    assert_eq!(destination(0, &["c=IN IP4 198.51.100.5"])[1], "c=IN IP4 198.51.100.5");
    assert_eq!(destination(0, &["c=IN IP4 ab.local"])[1], "c=IN IP4 0.0.0.0");
    assert_eq!(destination(0, &["c=IN IP4 gpu.example"])[1], "c=IN IP4 gpu.example");
}

#[test]
fn a_section_with_ice_of_its_own_may_still_be_told_candidates() {
    let out = destination(6000, &["c=IN IP4 10.0.0.5", "a=ice-ufrag:abcd"]);
    assert_eq!(out, ["m=video 9 X 96", "c=IN IP4 0.0.0.0"]);
}

#[test]
#[cfg_attr(miri, ignore = "a thousand candidates take long")]
fn as_many_candidates_as_are_allowed_are_taken() {
    let lines = [&["c=IN IP4 10.0.0.5"][..], &[HOST; CANDIDATES_MAX]].concat();
    assert_eq!(section(MAP, "m=video 5000 X 96", &lines).len(), 3);
}

#[test]
#[cfg_attr(miri, ignore = "long, and no other code than those before")]
fn a_refusal_names_some_of_what_it_saw_and_counts_the_rest() {
    let lost = |count: usize| {
        let lines =
            (0..count).map(|at| format!("a=candidate:1 1 udp 5 10.0.0.{at} 6000 typ host\r\n"));
        let sdp =
            "v=0\r\ns=-\r\nt=0 0\r\nm=video 9 X 96\r\n".to_owned() + &lines.collect::<String>();
        public(MAP, &sdp).unwrap_err().to_string()
    };
    let last = format!("10.0.0.{}:6000/udp; ", SEEN_MAX - 1);
    assert!(lost(SEEN_MAX).contains(&last), "{}", lost(SEEN_MAX));
    let more = lost(SEEN_MAX + 2);
    assert!(more.contains("2 more; ") && !more.contains(&format!("10.0.0.{SEEN_MAX}:")), "{more}");
}

#[test]
fn the_title_of_the_section_before_is_none_of_this_one() {
    let sdp = "v=0\r\ns=-\r\nc=IN IP4 10.0.0.5\r\nt=0 0\r\nm=audio 5000 RTP/AVP 0\r\ni=title\r\n\
               m=video 5001 RTP/AVP 96\r\na=x\r\n";
    let out = public("5000/udp=203.0.113.10:1,5001/udp=198.51.100.7:2", sdp).unwrap();
    let of_video = "m=video 2 RTP/AVP 96\r\nc=IN IP4 198.51.100.7\r\na=x\r\n";
    assert!(out.ends_with(of_video), "{out}");
}

#[test]
fn names_of_the_local_network_are_left_out_of_what_the_other_side_has() {
    let line = "a=remote-candidates:1 ab.local 45664 2 192.0.2.3 45665";
    let lines = ["c=IN IP4 0.0.0.0", line];
    let out = section(MAP, "m=video 9 X 96", &lines);
    assert_eq!(out[2], "a=remote-candidates:2 192.0.2.3 45665");
    let sdp = format!("v=0\r\ns=-\r\nt=0 0\r\nm=video 9 X 96\r\nc=IN IP4 0.0.0.0\r\n{line}\r\n");
    let map = map(MAP);
    let kept = Rewriter::new(&map, Audience::Public).with_mdns(Mdns::Keep).rewrite(&sdp).unwrap();
    assert!(kept.contains(line), "{kept}");
}

#[test]
fn an_attribute_whose_name_reads_like_a_group_hides_no_address() {
    let lines = ["c=IN IP4 0.0.0.0", "a=cafe:fd00::5", "a=2001:fd00::5", "a=e:fd00::5"];
    let out = section(MAP, "m=video 9 X 96", &lines);
    assert_eq!(out[2..], ["a=cafe:::", "a=2001:::", "a=e:::"]);
}

#[test]
fn an_address_is_masked_up_to_where_its_last_group_begins_too_many_digits() {
    let lines = ["c=IN IP4 0.0.0.0", "a=x:fd00::12345", "a=x:99910.0.0.5", "a=x:10.0.0.5"];
    let out = section(MAP, "m=video 9 X 96", &lines);
    assert_eq!(out[2..], ["a=x:::12345", "a=x:99910.0.0.5", "a=x:0.0.0.0"]);
}

#[test]
fn the_first_of_equals_is_the_default_and_none_that_only_connects() {
    let host = |at: &str| format!("a=candidate:7 1 udp 9 198.51.100.{at} 5009 typ host");
    let (one, two) = (host("8"), host("9"));
    assert_eq!(destination(5009, &["c=IN IP4 10.0.0.6", &one, &two])[1], "c=IN IP4 198.51.100.8");
    let v6 = "a=candidate:8 1 udp 9 2001:db8::7 5009 typ host";
    assert_eq!(destination(5009, &["c=IN IP4 10.0.0.6", v6, &one])[1], "c=IN IP4 198.51.100.8");
    let active = "a=candidate:5 1 tcp 9 192.0.2.8 9 typ host tcptype active";
    let passive = "a=candidate:6 1 tcp 9 192.0.2.7 443 typ host tcptype passive";
    let mut out = section(MAP, "m=video 5009 TCP/X 96", &["c=IN IP4 10.0.0.6", active, passive]);
    out.truncate(2);
    assert_eq!(out, ["m=video 443 TCP/X 96", "c=IN IP4 192.0.2.7"]);
}

#[test]
fn what_is_no_address_of_a_host_is_not_mapped() {
    let multicast = candidate("candidate:1 1 udp 5 224.0.0.5 5000 typ host");
    assert!(!multicast.contains("203.0.113.10"), "{multicast}");
    assert_eq!(candidate("candidate:1 1 udp 5 10.0.0.5 0 typ host"), "");
}

#[test]
fn an_outside_address_is_not_mapped_again_to_another() {
    let crossed = map("5000/udp=203.0.113.10:5001,5001/udp=203.0.113.10:5000");
    let line = "candidate:1 1 udp 5 203.0.113.10 5000 typ host";
    let lines = Rewriter::new(&crossed, Audience::Public).rewrite_candidate(line).unwrap();
    assert_eq!(lines, [line]);
}
