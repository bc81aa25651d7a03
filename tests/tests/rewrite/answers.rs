//! Real offers rewritten, and the answers of our own endpoint: neither shows a public audience a private address.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use pinhole_core::gather::{Audience, GatherConfig};
use pinhole_core::portmap::PortMap;
use pinhole_core::sdp::rewrite::{Mdns, RewriteError, Rewriter};
use pinhole_core::{Certificate, Endpoint, EndpointConfig, Limits, Seed, VideoFormat, WallClock};
use pinhole_tests::leaks::private_addresses;
use pinhole_tests::rewriting::rewritten;

use super::offers;

/// Sockets of a server with two interfaces, in both families.
const BASES: [&str; 4] = ["10.0.0.5:5000", "192.168.1.5:5000", "[fd00::5]:5000", "127.0.0.1:5000"];
const MAP: &str =
    "5000/udp=203.0.113.10:30000,5000/udp=198.51.100.7:30000,5000/udp=[2001:db8::10]:6000";

/// An offer as another stack would have made it in a private network: its mDNS names and public addresses replaced.
fn in_private_network(offer: &str) -> String {
    let name =
        |word: &str| if word.ends_with(".local") { "10.0.0.5".to_owned() } else { word.to_owned() };
    let lines = offer.split_inclusive('\n').map(|line| {
        let words: Vec<String> = line.trim_end().split(' ').map(name).collect();
        words.join(" ") + &line[line.trim_end().len()..]
    });
    lines.collect::<String>().replace("192.0.2.", "192.168.7.")
}

#[test]
fn real_offers_keep_every_promise_for_every_audience() {
    let map = PortMap::parse(["1-65535/udp=203.0.113.10:1-65535,1-65535/tcp=203.0.113.10:1-65535"])
        .unwrap();
    let every_v6 = PortMap::same_ports("2001:db8::10".parse().unwrap());
    let map = map.merge(every_v6).unwrap();
    let mut mapped = 0;
    // The longest repeats the same section thirty times, which costs the scanner minutes.
    for (name, offer) in offers().into_iter().filter(|(name, _)| !name.contains("thirty")) {
        let private = in_private_network(&offer);
        for audience in [Audience::Lan, Audience::Both, Audience::Public] {
            let out = rewritten(&private, &map, audience)
                .unwrap_or_else(|error| panic!("{name}: {error}"));
            mapped += usize::from(audience == Audience::Public && out.contains(" 203.0.113.10 "));
        }
        assert_eq!(rewritten(&offer, &PortMap::default(), Audience::Lan), Ok(offer), "{name}");
    }
    assert!(mapped >= 20, "only {mapped} offers are mapped");
}

#[test]
fn real_offers_with_mdns_names_alone_are_refused_or_kept_as_the_policy_says() {
    let map = PortMap::same_ports("203.0.113.10".parse().unwrap());
    let (mut refused, mut kept) = (0, 0);
    for (name, offer) in offers().into_iter().filter(|(_, offer)| offer.contains(".local ")) {
        let rewriter = Rewriter::new(&map, Audience::Public);
        let error = rewriter.rewrite(&offer).expect_err(&name);
        refused += usize::from(matches!(error, RewriteError::Uncovered { .. }));
        let out = rewriter.with_mdns(Mdns::Keep).rewrite(&offer).unwrap();
        let candidates = |text: &str| text.matches("a=candidate:").count();
        assert_eq!(candidates(&out), candidates(&offer), "{name}");
        kept += 1;
    }
    assert!(refused == kept && kept >= 15, "{refused} refused, {kept} kept");
}

#[test]
fn our_answers_show_a_public_audience_nothing_private_and_need_no_rewriting() {
    let map = PortMap::parse([MAP]).unwrap();
    let now = Instant::now();
    let mut endpoint = endpoint(now, &map, Audience::Public);
    let mut answered = 0;
    for (name, offer) in offers() {
        let Ok(accepted) = endpoint.accept_offer(now, &offer) else { continue };
        answered += 1;
        assert_eq!(private_addresses(&accepted.answer, &[]), Vec::<String>::new(), "{name}");
        assert!(
            accepted.answer.contains(" 203.0.113.10 30000 typ srflx"),
            "{name}: {}",
            accepted.answer
        );
        assert_eq!(
            rewritten(&accepted.answer, &map, Audience::Public),
            Ok(accepted.answer),
            "{name}"
        );
        assert!(endpoint.close(now, accepted.session));
    }
    assert!(answered >= 20, "only {answered} offers are answered");
}

#[test]
fn our_answer_for_the_lan_rewritten_is_what_we_tell_the_public() {
    let map = PortMap::parse([MAP]).unwrap();
    let now = Instant::now();
    let (_, offer) =
        offers().into_iter().find(|(name, _)| name == "chromium-video-recvonly").unwrap();
    let answer = |audience| endpoint(now, &map, audience).accept_offer(now, &offer).unwrap().answer;
    let (lan, public) = (answer(Audience::Lan), answer(Audience::Public));
    assert!(!private_addresses(&lan, &[]).is_empty(), "the scanner sees something: {lan}");

    let out = rewritten(&lan, &map, Audience::Public).unwrap();

    let told = |text: &str| -> Vec<(IpAddr, String)> {
        let candidates = text.lines().filter(|line| line.starts_with("a=candidate:"));
        let fields = candidates.map(|line| line.split(' ').collect::<Vec<_>>());
        let mut told: Vec<_> =
            fields.map(|fields| (fields[4].parse().unwrap(), fields[5..].join(" "))).collect();
        told.sort();
        told
    };
    assert_eq!(told(&out), told(&public));
}

fn endpoint(now: Instant, map: &PortMap, audience: Audience) -> Endpoint {
    let bases: Vec<SocketAddr> = BASES.iter().map(|base| base.parse().unwrap()).collect();
    let config = EndpointConfig {
        seed: Seed::new([9; 32]),
        wall_clock: WallClock { unix: Duration::from_secs(1_800_000_000), at: now },
        certificate: Certificate::generate().unwrap(),
        gather: GatherConfig { map: map.clone(), audience, ..GatherConfig::lan(bases) },
        video: VideoFormat { profile_level_id: "42c01f".parse().unwrap() },
        limits: Limits::default(),
        estimator: None,
    };
    Endpoint::new(now, config).unwrap()
}
