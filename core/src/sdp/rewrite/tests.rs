use super::*;

mod details;

const HOST: &str = "a=candidate:1 1 udp 2130706431 10.0.0.5 5000 typ host";

fn map(text: &str) -> PortMap {
    PortMap::parse([text]).unwrap()
}

fn public(map_text: &str, sdp: &str) -> Result<String, RewriteError> {
    Rewriter::new(&map(map_text), Audience::Public).rewrite(sdp)
}

/// A description with one section, of `c=` and these lines, and the same part of the outcome.
fn section(map_text: &str, media: &str, lines: &[&str]) -> Vec<String> {
    let head = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n";
    let sdp = format!("{head}{media}\r\n{}\r\n", lines.join("\r\n"));
    let out = public(map_text, &sdp).unwrap();
    out.strip_prefix(head).unwrap().lines().map(str::to_owned).collect()
}

/// Type and address of each candidate that one becomes.
fn becomes(map_text: &str, audience: Audience, candidate: &str) -> Vec<String> {
    let map = map(map_text);
    let lines = Rewriter::new(&map, audience).rewrite_candidate(candidate).unwrap();
    let shown = |line: &String| {
        let words: Vec<&str> = line.split(' ').collect();
        format!("{} {}", words[4..6].join(" "), words[7..].join(" "))
    };
    lines.iter().map(shown).collect()
}

#[test]
fn each_kind_of_candidate_has_its_fate_for_a_public_audience() {
    let map = "5000/udp=203.0.113.10:30000,5000/tcp=203.0.113.10:443,5000/udp=[2001:db8::10]:6000";
    let mapped = "203.0.113.10 30000 srflx raddr 0.0.0.0 rport 9";
    let table: [(&str, &[&str]); 23] = [
        ("1 udp 5 10.0.0.5 5000 typ host raddr 192.0.2.1 rport 5", &[mapped]),
        ("1 udp 5 10.0.0.5 5000 typ host", &[mapped]),
        ("2 UDP 5 192.168.1.5 5000 typ host", &[mapped]),
        ("1 udp 5 ::ffff:10.0.0.5 5000 typ host", &[mapped]),
        ("1 udp 5 198.51.100.5 5000 typ host", &[mapped]),
        ("1 udp 5 10.0.0.5 5001 typ host", &[]),
        ("1 udp 5 198.51.100.5 5001 typ host", &["198.51.100.5 5001 host"]),
        ("1 udp 5 fd00::5 5000 typ host", &["2001:db8::10 6000 srflx raddr :: rport 9"]),
        ("1 udp 5 fe80::1%eth0 5000 typ host", &["2001:db8::10 6000 srflx raddr :: rport 9"]),
        ("1 udp 5 fe80::1%eth0 5001 typ host", &[]),
        ("1 udp 5 203.0.113.10 30000 typ host", &["203.0.113.10 30000 host"]),
        ("1 udp 5 203.0.113.10 5000 typ host", &[mapped]),
        ("1 udp 5 0.0.0.0 5000 typ host", &[]),
        ("1 udp 5 gpu.example 5000 typ host", &["gpu.example 5000 host"]),
        ("1 udp 5 ab-cd.LOCAL 5000 typ host", &[]),
        (
            "1 tcp 5 10.0.0.5 5000 typ host tcptype passive generation 0",
            &["203.0.113.10 443 srflx raddr 0.0.0.0 rport 9 tcptype passive generation 0"],
        ),
        ("1 tcp 5 10.0.0.5 5000 typ host tcptype active", &[]),
        ("1 sctp 5 10.0.0.5 5000 typ host", &[]),
        (
            "1 udp 5 198.51.100.9 41000 typ srflx raddr 10.0.0.5 rport 5000 generation 0",
            &["198.51.100.9 41000 srflx raddr 0.0.0.0 rport 9 generation 0"],
        ),
        (
            "1 udp 5 192.0.2.9 49152 typ relay raddr 198.51.100.9 rport 41000",
            &["192.0.2.9 49152 relay raddr 198.51.100.9 rport 41000"],
        ),
        (
            "1 udp 5 2001:db8::9 1 typ srflx raddr x.local rport 7 ufrag raddr",
            &["2001:db8::9 1 srflx raddr :: rport 9 ufrag raddr"],
        ),
        ("1 udp 5 100.64.7.7 5000 typ srflx raddr 10.0.0.5 rport 5000", &[]),
        ("1 udp 5 203.0.113.77 1 typ prflx x-at 10.0.0.5", &["203.0.113.77 1 prflx x-at 0.0.0.0"]),
    ];
    for (candidate, expected) in table {
        for prefix in ["candidate:", "a=candidate:"] {
            let candidate = format!("{prefix}abc {candidate}");
            assert_eq!(becomes(map, Audience::Public, &candidate), expected, "{candidate}");
        }
    }
}

#[test]
fn both_audiences_keep_the_host_and_add_what_is_outside_below_it() {
    let map = map("5000/udp=203.0.113.10:30000,10.0.0.5:5000/udp=198.51.100.7:30001");
    let lines = Rewriter::new(&map, Audience::Both).rewrite_candidate(HOST).unwrap();
    assert_eq!(lines[0], HOST);
    assert_eq!(lines.len(), 3);
    let priorities: Vec<u32> =
        lines.iter().map(|line| line.split(' ').nth(3).unwrap().parse().unwrap()).collect();
    assert_eq!(priorities, [2_130_706_431, 1_694_498_815, 1_694_498_559]);
    assert!(lines[1].contains("203.0.113.10 30000") && lines[2].contains("198.51.100.7 30001"));
    let foundations: Vec<&str> = lines.iter().map(|line| line.split(' ').next().unwrap()).collect();
    assert!(foundations[0] != foundations[1] && foundations[1] != foundations[2]);
    let lan = Rewriter::new(&map, Audience::Lan).rewrite_candidate(HOST);
    assert_eq!(lan, Ok(vec![HOST.to_owned()]));
}

#[test]
fn mdns_names_go_or_stay_as_the_policy_says() {
    let line = "candidate:1 1 udp 5 ab.local 5000 typ host";
    let map = map("5000/udp=203.0.113.10:30000");
    let rewriter = Rewriter::new(&map, Audience::Public);
    assert!(rewriter.rewrite_candidate(line).unwrap().is_empty());
    assert_eq!(rewriter.with_mdns(Mdns::Keep).rewrite_candidate(line).unwrap(), [line]);
    let both = Rewriter::new(&map, Audience::Both).with_mdns(Mdns::Drop);
    assert_eq!(both.rewrite_candidate(line).unwrap(), [line], "the LAN can resolve it");
    let origin = "v=0\r\no=- 1 1 IN IP4 ab.local\r\ns=-\r\n";
    assert!(rewriter.rewrite(origin).unwrap().contains("o=- 1 1 IN IP4 0.0.0.0\r\n"));
    assert_eq!(rewriter.with_mdns(Mdns::Keep).rewrite(origin).unwrap(), origin);
}

#[test]
fn a_host_that_holds_a_private_address_goes_and_others_stay() {
    let at = |host: &str| format!("candidate:1 1 udp 1 {host} 5000 typ host");
    for gone in
        ["10.0.0.5.nip.io", "::fffd:10.0.0.5", ";:ffff:10.0.0.5", "host-192.168.1.5.example.org"]
    {
        assert!(
            becomes("5000/udp=203.0.113.10:30000", Audience::Public, &at(gone)).is_empty(),
            "{gone}"
        );
    }
    let other = becomes("5000/udp=203.0.113.10:30000", Audience::Public, &at("media.example.org"));
    assert_eq!(other, ["media.example.org 5000 host"]);
}

#[test]
fn the_default_destination_is_a_candidate_that_stays() {
    let map = "5000-5001/udp=203.0.113.10:30000-30001";
    let relay = "a=candidate:9 1 udp 5 192.0.2.9 49152 typ relay raddr 10.0.0.5 rport 5000";
    let v6 = "a=candidate:8 1 udp 9 2001:db8::7 5009 typ host";
    let host = "a=candidate:7 1 udp 9 198.51.100.9 5009 typ host";
    let tcp = "a=candidate:6 1 tcp 9 192.0.2.8 443 typ srflx raddr :: rport 9 tcptype passive";
    // What c= and m= say, the candidates, and what they come to say.
    let table: [(&str, u16, &[&str], &str, u16); 14] = [
        ("IP4 10.0.0.5", 5000, &[HOST], "IP4 203.0.113.10", 30000),
        ("IP4 10.0.0.5", 5000, &[HOST, relay], "IP4 203.0.113.10", 30000),
        ("IP4 192.0.2.9", 49152, &[HOST, relay], "IP4 192.0.2.9", 49152),
        ("IP4 10.0.0.6", 5009, &[v6, HOST], "IP4 203.0.113.10", 30000),
        ("IP4 10.0.0.6", 5009, &[v6, HOST, relay], "IP4 192.0.2.9", 49152),
        ("IP4 10.0.0.6", 5009, &[v6], "IP6 2001:db8::7", 5009),
        // Somebody replaced the address before, and left the port.
        ("IP4 203.0.113.10", 5000, &[HOST], "IP4 203.0.113.10", 30000),
        ("IP4 198.51.100.9", 5009, &[host, relay], "IP4 198.51.100.9", 5009),
        ("IP6 ::ffff:198.51.100.9", 5009, &[host], "IP6 ::ffff:198.51.100.9", 5009),
        ("IP4 10.0.0.6", 5009, &[tcp, v6], "IP6 2001:db8::7", 5009),
        ("IP4 10.0.0.6", 5009, &[tcp], "IP4 192.0.2.8", 443),
        ("IP4 10.0.0.5", 9, &[HOST], "IP4 203.0.113.10", 30000),
        ("IP4 0.0.0.0", 9, &[HOST], "IP4 0.0.0.0", 9),
        ("IP4 10.0.0.5", 0, &[HOST], "IP4 0.0.0.0", 0),
    ];
    for (connection, port, candidates, expected, expected_port) in table {
        let connection = format!("c=IN {connection}");
        let lines = [&[connection.as_str()], candidates].concat();
        let out = section(map, &format!("m=video {port} RTP/SAVPF 96"), &lines);
        let expected =
            [format!("m=video {expected_port} RTP/SAVPF 96"), format!("c=IN {expected}")];
        assert_eq!(out[..2], expected, "{connection} {port} {candidates:?}");
    }
}

#[test]
fn rtcp_follows_the_candidates_of_component_2() {
    let map = "5000-5001/udp=203.0.113.10:30000-30001,5000/udp=203.0.113.10:40000";
    let of_rtcp = "a=candidate:1 2 udp 2130706430 10.0.0.5 5001 typ host";
    let table: [(&str, &[&str], &str); 7] = [
        ("5001 IN IP4 10.0.0.5", &[HOST, of_rtcp], "30001 IN IP4 203.0.113.10"),
        ("5001", &[HOST, of_rtcp], "30001"),
        ("5000 IN IP4 10.0.0.5", &[HOST], "30000 IN IP4 203.0.113.10"),
        ("5001 IN IP4 10.0.0.5", &[HOST], "9 IN IP4 0.0.0.0"),
        ("9 IN IP4 0.0.0.0", &[HOST, of_rtcp], "9 IN IP4 0.0.0.0"),
        ("5001", &[], "30001"),
        ("7000 IN IP4 10.0.0.6", &[], "9 IN IP4 0.0.0.0"),
    ];
    for (rtcp, candidates, expected) in table {
        let rtcp = format!("a=rtcp:{rtcp}");
        let lines = [&["c=IN IP4 10.0.0.5", rtcp.as_str()], candidates].concat();
        let out = section(map, "m=audio 5000 RTP/SAVPF 0", &lines);
        assert_eq!(out[2], format!("a=rtcp:{expected}"), "{rtcp} {candidates:?}");
    }
}

#[test]
fn rtcp_names_its_address_where_it_is_another_than_that_of_c() {
    let map = "5000/udp=203.0.113.10:30000,5001/udp=198.51.100.7:30001";
    let of_rtcp = "a=candidate:1 2 udp 2130706430 10.0.0.5 5001 typ host";
    let lines = ["c=IN IP4 10.0.0.5", "a=rtcp:5001", HOST, of_rtcp];
    let out = section(map, "m=audio 5000 RTP/SAVPF 0", &lines);
    assert_eq!(out[1..3], ["c=IN IP4 203.0.113.10", "a=rtcp:30001 IN IP4 198.51.100.7"]);
}

#[test]
fn a_session_connection_becomes_one_or_one_for_each_section() {
    let sdp = "v=0\r\ns=-\r\nc=IN IP4 10.0.0.5\r\nt=0 0\r\nm=audio 5000 RTP/AVP 0\r\ni=title\r\n\
               m=video 5001/2 RTP/AVP 96\r\ni=two\r\nm=text 0 RTP/AVP 98\r\n";
    let one = public("5000-5001/udp=203.0.113.10:30000-30001", sdp).unwrap();
    assert_eq!(
        one,
        "v=0\r\ns=-\r\nc=IN IP4 203.0.113.10\r\nt=0 0\r\nm=audio 30000 RTP/AVP 0\r\ni=title\r\n\
         m=video 30001/2 RTP/AVP 96\r\ni=two\r\nm=text 0 RTP/AVP 98\r\n"
    );
    let sdp = sdp
        .replace("m=audio 5000 RTP/AVP 0\r\n", "m=text 0 RTP/AVP 98\r\nm=audio 5000 RTP/AVP 0\r\n");
    let two = public("5000/udp=203.0.113.10:1,5001/udp=[::ffff:198.51.100.7]:2", &sdp).unwrap();
    assert_eq!(
        two,
        "v=0\r\ns=-\r\nc=IN IP4 203.0.113.10\r\nt=0 0\r\nm=text 0 RTP/AVP 98\r\n\
         m=audio 1 RTP/AVP 0\r\ni=title\r\nm=video 2/2 RTP/AVP 96\r\ni=two\r\n\
         c=IN IP4 198.51.100.7\r\nm=text 0 RTP/AVP 98\r\n"
    );
}

#[test]
fn sections_without_candidates_follow_the_one_whose_transport_they_share() {
    let sdp = format!(
        "v=0\r\ns=-\r\nt=0 0\r\na=ice-ufrag:abcd\r\na=group:BUNDLE 0 1\r\n\
         m=video 7777 RTP/SAVPF 96\r\nc=IN IP4 10.0.0.5\r\na=mid:0\r\n{HOST}\r\n\
         m=audio 7777 RTP/SAVPF 0\r\nc=IN IP4 10.0.0.5\r\na=mid:1\r\n\
         m=audio 6000 RTP/SAVPF 0\r\nc=IN IP4 10.0.0.5\r\na=mid:2\r\n"
    );
    let out = public("5000/udp=203.0.113.10:30000", &sdp).unwrap();
    let of_audio = "m=audio 30000 RTP/SAVPF 0\r\nc=IN IP4 203.0.113.10\r\na=mid:1\r\n";
    assert!(out.contains(of_audio), "{out}");
    // ICE, and no candidate yet: they may still be trickled.
    assert!(out.contains("m=audio 9 RTP/SAVPF 0\r\nc=IN IP4 0.0.0.0\r\na=mid:2\r\n"), "{out}");
}

#[test]
fn a_section_without_a_covered_candidate_needs_a_bundle_with_one_that_has() {
    let sdp = |group: &str| {
        format!(
            "v=0\r\ns=-\r\nt=0 0\r\na=group:{group}\r\n\
             m=video 5000 X 96\r\nc=IN IP4 10.0.0.5\r\na=mid:0\r\n{HOST}\r\n\
             m=audio 6000 X 0\r\nc=IN IP4 10.0.0.5\r\na=mid:1\r\n{}\r\n",
            HOST.replace("5000", "6000")
        )
    };
    let map = "5000/udp=203.0.113.10:30000";
    let out = public(map, &sdp("BUNDLE 0 1")).unwrap();
    assert!(out.ends_with("m=audio 9 X 0\r\nc=IN IP4 0.0.0.0\r\na=mid:1\r\n"), "{out}");
    for group in ["BUNDLE 0", "BUNDLE 1", "LS 0 1"] {
        let error = public(map, &sdp(group)).unwrap_err().to_string();
        assert!(error.starts_with("no address of m-line 2 (audio)"), "{group}: {error}");
    }
}

#[test]
fn candidates_found_by_stun_are_not_said_twice_and_ranks_stay_single() {
    let map = "5000/udp=203.0.113.10:30000";
    let stun = "a=candidate:2 1 udp 1694498815 203.0.113.10 30000 typ srflx raddr 10.0.0.5 rport 5";
    let other = stun.replace("203.0.113.10 30000", "198.51.100.9 41000");
    let out = section(map, "m=video 5000 X 96", &["c=IN IP4 10.0.0.5", HOST, stun, stun]);
    assert_eq!(out.len(), 3, "{out:?}");
    assert_eq!(out[2], stun.replace("10.0.0.5 rport 5", "0.0.0.0 rport 9"));
    let out = section(map, "m=video 5000 X 96", &["c=IN IP4 10.0.0.5", HOST, &other]);
    assert!(out[2].contains(" 1694498559 203.0.113.10 30000 "), "one step below: {out:?}");
}

#[test]
fn a_foundation_that_another_stack_uses_is_not_used_again() {
    let map = "5000/udp=203.0.113.10:30000";
    let free = section(map, "m=video 5000 X 96", &["c=IN IP4 10.0.0.5", HOST]);
    let taken = free[2].split([':', ' ']).nth(1).unwrap();
    let same = format!("a=candidate:{taken} 1 udp 77 192.0.2.9 49152 typ relay");
    let out = section(map, "m=video 5000 X 96", &["c=IN IP4 10.0.0.5", HOST, &same]);
    assert_eq!(out[3], same);
    assert!(!out[2].starts_with(&format!("a=candidate:{taken} ")), "{out:?}");
}

#[test]
fn addresses_of_the_other_side_are_left_out_where_they_are_private() {
    let lines = |value: &str| {
        let line = format!("a=remote-candidates:{value}");
        section("5000/udp=203.0.113.10:30000", "m=video 9 X 96", &["c=IN IP4 0.0.0.0", &line])
    };
    assert_eq!(lines("1 192.0.2.3 45664")[2], "a=remote-candidates:1 192.0.2.3 45664");
    let one = lines("1 10.1.1.1 45664 2 192.0.2.3 45665");
    assert_eq!(one[2], "a=remote-candidates:2 192.0.2.3 45665");
    assert_eq!(lines("1 10.1.1.1 45664").len(), 2);
}

#[test]
fn line_ends_and_unknown_lines_stay_byte_for_byte() {
    let map = "5000/udp=203.0.113.10:30000,5000/udp=198.51.100.7:30000";
    let unknown = "a=X-thing:  \t odd ;; ünïcode  \nz=0 0\r\nq=?\n\n\na=end-of-candidates";
    for (sdp, expected) in [
        (format!("v=0\n{unknown}"), format!("v=0\n{unknown}")),
        (format!("v=0\r\n{unknown}\r\n"), format!("v=0\r\n{unknown}\r\n")),
        (format!("m=x 9 y 1\n{HOST}"), "m=x 9 y 1\n<\n<".to_owned()),
        (format!("m=x 9 y 1\r\n{HOST}\n{unknown}"), format!("m=x 9 y 1\r\n<\n<\n{unknown}")),
        (HOST.to_owned(), "<\r\n<".to_owned()),
    ] {
        let out = public(map, &sdp).unwrap();
        let candidate = |line: &str| {
            if line.starts_with("a=candidate:") { "<".to_owned() } else { line.to_owned() }
        };
        let out: Vec<String> = out
            .split('\n')
            .map(|line| {
                let bare = line.trim_end_matches('\r');
                candidate(bare) + &line[bare.len()..]
            })
            .collect();
        assert_eq!(out.join("\n"), expected, "{sdp:?}");
    }
}

#[test]
#[cfg_attr(miri, ignore = "a thousand candidates take long")]
fn what_cannot_be_rewritten_is_refused_with_what_to_do() {
    let sdp = |lines: &str| format!("v=0\r\ns=-\r\nt=0 0\r\nm=video 5000 X 96\r\n{lines}");
    let private = sdp("c=IN IP4 10.0.0.5\r\n");
    let bare = format!("{}a=mid:1\r\nm=audio 5000 X 0\r\n{HOST}\r\na=mid:2\r\n", sdp(""));
    let two = bare
        .replace("m=video 5000", "m=video 9")
        .replace("m=audio", "a=group:BUNDLE 1 2\r\nm=audio");
    let table = [
        (String::new(), "this is no SDP: it is empty; hand in an offer, an answer or a fragment"),
        ("hello".to_owned(), "this is no SDP: "),
        ("v=0\r\nhello\r\n".to_owned(), "line 2"),
        ("v=0\ra=x\r\n".to_owned(), "this is no SDP: "),
        (
            " {\"sdp\":\"v=0\"}".to_owned(),
            "this is JSON, not SDP; hand in the value of its \"sdp\"",
        ),
        (
            sdp("a=candidate:1 1 udp 5 10.0.0.5 typ host\r\n"),
            "line 5, `a=candidate:1 1 udp 5 10.0.0.5 typ host`, is no candidate: it has fewer than",
        ),
        (sdp("a=candidate:1 0 udp 5 10.0.0.5 5 typ host"), "component is no number from 1 to 256"),
        (sdp("a=candidate:1 1 udp -5 10.0.0.5 5 typ host"), "priority is no number of 32 bits"),
        (sdp("a=candidate:1 1 udp 5 10.0.0.5 70000 typ host"), "port is no number up to 65535"),
        (sdp("a=candidate:1 1 udp 5 10.0.0.5 5 type host"), "seventh field is not `typ`"),
        (sdp("a=candidate: 1 1 udp 5 10.0.0.5 5 typ host"), "it has no foundation"),
        (
            sdp(&format!("{HOST}\r\n")),
            "no address of this SDP is covered by the map: it has 10.0.0.5:5000/udp; the map covers \
             the local ports 6000-6001/udp, 7000/tcp of 10.0.0.5; map one of these ports, or bind",
        ),
        (private, "no address of m-line 1 (video) is covered by the map: it has 10.0.0.5:5000; "),
        (bare, "no address of m-line 2 (audio) is covered by the map: it has 10.0.0.5:5000/udp; "),
        (two, "no address of m-line 2 (audio)"),
        (
            sdp("a=candidate:1 1 udp 5 ab.local 6000 typ host\r\n"),
            "a name that ends in .local hides its address: let the program that made this SDP give",
        ),
        (sdp(&format!("{HOST}\r\n").repeat(1025)), "more than 1024 candidates"),
    ];
    let map = "6000-6001/udp=203.0.113.10:1-2,10.0.0.5:7000/tcp=203.0.113.10:3";
    for (text, expected) in table {
        let error = public(map, &text).expect_err(&text).to_string();
        assert!(error.contains(expected), "{text:?}: {error}");
    }
    let empty = public("", &sdp(HOST)).unwrap_err().to_string();
    assert!(empty.contains("the map is empty"), "{empty}");
}

#[test]
fn a_fragment_may_be_left_without_candidates() {
    let fragment =
        format!("a=ice-ufrag:abcd\r\nm=video 9 X 0\r\n{HOST}\r\na=end-of-candidates\r\n");
    let out = public("6000/udp=203.0.113.10:1", &fragment).unwrap();
    assert_eq!(out, fragment.replace(&format!("{HOST}\r\n"), ""));
    let rewritten = |text| Rewriter::new(&map(""), Audience::Public).rewrite_candidate(text);
    for end in ["", "end-of-candidates", "a=end-of-candidates"] {
        assert_eq!(rewritten(end), Ok(vec![end.to_owned()]));
    }
    assert!(rewritten("candidate:1 1 udp 5 10.0.0.5 5 typ host\r\na=x").is_err());
}

#[test]
fn a_map_that_leads_into_a_private_network_on_purpose_is_believed() {
    let out = becomes("5000/udp=10.9.0.1:30000", Audience::Public, HOST);
    assert_eq!(out, ["10.9.0.1 30000 srflx raddr 0.0.0.0 rport 9"]);
}
