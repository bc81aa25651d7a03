//! ICE over TCP (RFC 6544, passive): a viewer without UDP.

#![allow(clippy::unwrap_used)]

mod support;

use std::time::Duration;

use pinhole_core::gather::GatherConfig;
use pinhole_core::{Endpoint, EndpointConfig, Event, PathKind, StreamId, Transport};
use support::{TCP_SERVER, World, address, config, start};

fn world() -> World {
    let now = start();
    let plain = config(now);
    let tcp_bases = vec![address(TCP_SERVER)];
    let gather = GatherConfig { tcp_bases, ..plain.gather.clone() };
    World::with(now, EndpointConfig { gather, ..plain })
}

#[test]
fn a_viewer_without_udp_gets_every_frame_over_its_connection() {
    let mut world = world();
    let (viewer, _) = world.join_tcp("192.0.2.7:50000");
    world.run_ms(500);
    assert!(world.viewers[viewer].connected);

    for index in 0..30 {
        world.frame(index == 0, if index == 0 { 40_000 } else { 8_000 });
        world.run_ms(33);
    }

    assert_eq!(world.viewers[viewer].frames.len(), 30);
    assert!(world.viewers[viewer].frames.iter().all(|frame| frame.contiguous));
    let path = world.endpoint.sessions()[0].path.unwrap();
    assert_eq!(path.kind, PathKind::Tcp);
    assert_eq!((path.local, path.remote), (address(TCP_SERVER), address("192.0.2.7:50000")));
}

#[test]
fn the_answer_tells_the_tcp_address_last() {
    let mut world = world();
    let offer = support::Viewer::new(world.now, "192.0.2.7:1", true).offer;
    let answer = world.endpoint.accept_offer(world.now, &offer).unwrap().answer;

    let candidates: Vec<_> =
        answer.lines().filter(|line| line.starts_with("a=candidate")).collect();
    assert_eq!(candidates.len(), 2);
    assert!(candidates[0].contains(" udp ") && candidates[0].contains("192.0.2.1 5000 typ host"));
    assert!(candidates[1].contains(" tcp "));
    assert!(candidates[1].ends_with("192.0.2.1 8080 typ host tcptype passive"));
}

#[test]
fn a_connection_that_takes_no_more_loses_whole_frames_and_no_other_viewer_any() {
    let mut world = world();
    let (slow, _) = world.join_tcp("192.0.2.7:50000");
    let (other, _) = world.join("192.0.2.8:6000", true);
    world.run_ms(500);
    world.frame(true, 40_000);
    world.run_ms(33);
    let stream = world.viewers[slow].stream.unwrap();

    world.endpoint.set_stream_blocked(world.now, stream, true);
    for _ in 0..30 {
        world.frame(false, 8_000);
        world.run_ms(33);
    }
    assert!(world.viewers[slow].frames.len() <= 2, "only what was under way");
    assert_eq!(world.viewers[other].frames.len(), 31);

    world.endpoint.set_stream_blocked(world.now, stream, false);
    world.run_ms(1);
    world.frame(true, 40_000);
    world.run_ms(100);
    for _ in 0..10 {
        world.frame(false, 8_000);
        world.run_ms(33);
    }
    assert!(world.viewers[slow].frames.len() >= 11, "{}", world.viewers[slow].frames.len());
}

#[test]
fn a_connection_that_proves_nothing_is_closed_and_so_is_one_that_carries_nonsense() {
    let mut world = world();
    let (now, server) = (world.now, address(TCP_SERVER));
    let silent = world.endpoint.accept_stream(now, server, address("192.0.2.9:1")).unwrap();
    let noisy = world.endpoint.accept_stream(now, server, address("192.0.2.9:2")).unwrap();
    let nonsense = [0, 4, 9, 9, 9, 9].repeat(50);
    world.endpoint.handle_stream_data(now, noisy, &nonsense);
    world.run(Duration::from_secs(11));

    assert_eq!(closed(&world), [silent, noisy]);
    assert_eq!(world.endpoint.stats().dropped_total.values().sum::<u64>(), 50);
}

#[test]
fn connections_are_bounded_and_each_address_has_one() {
    let mut world = world();
    let server = address(TCP_SERVER);
    let mut accept = |port: u16| {
        let remote = ([192, 0, 2, 9], port).into();
        world.endpoint.accept_stream(world.now, server, remote)
    };

    assert!(accept(1).is_some());
    assert_eq!(accept(1), None);
    assert_eq!((2..100).filter_map(&mut accept).count(), 31);
}

#[test]
fn a_session_that_ends_takes_its_connection_with_it() {
    let mut world = world();
    let (viewer, session) = world.join_tcp("192.0.2.7:50000");
    world.run_ms(500);
    let stream = world.viewers[viewer].stream.unwrap();

    world.endpoint.close(world.now, session);
    world.run_ms(100);

    assert_eq!(closed(&world), [stream]);
    let last = world.sent.iter().rfind(|(out, _)| out.transport == Transport::Stream(stream));
    assert!(last.is_some());
}

#[test]
fn a_connection_that_breaks_leaves_the_session_to_find_another_way() {
    let mut world = world();
    let (viewer, _) = world.join_tcp("192.0.2.7:50000");
    world.run_ms(500);
    let broken = world.viewers[viewer].stream.take().unwrap();
    world.endpoint.handle_stream_closed(world.now, broken);
    let again = address("192.0.2.7:50001");
    let stream = world.endpoint.accept_stream(world.now, address(TCP_SERVER), again).unwrap();
    world.viewers[viewer].stream = Some(stream);
    world.viewers[viewer].frames.clear();

    let mut buffer = vec![0; Endpoint::TRANSMIT_BYTES_MAX];
    while world.endpoint.poll_transmit(world.now, &mut buffer).is_some() {}
    for _ in 0..300 {
        world.run_ms(33);
        world.frame(true, 4_000);
        if world.viewers[viewer].frames.len() > 10 {
            return;
        }
    }
    panic!("no picture over the new connection");
}

fn closed(world: &World) -> Vec<StreamId> {
    let closed = world.events.iter().filter_map(|event| match event {
        Event::Disconnect { stream } => Some(*stream),
        _ => None,
    });
    let mut closed: Vec<_> = closed.collect();
    closed.sort();
    closed
}

#[test]
fn a_check_by_a_detour_waits_for_the_head_start_of_direct_paths() {
    let mut world = world();
    let (viewer, _) = world.join_tcp("192.0.2.7:50000");

    world.run_ms(245);
    assert_eq!(world.endpoint.stats().dropped_total.len(), 0);
    let answered = |world: &World| {
        world.sent.iter().any(|(out, _)| matches!(out.transport, Transport::Stream(_)))
    };
    assert!(!answered(&world), "the check is let in too early");

    world.run_ms(200);
    assert!(world.viewers[viewer].connected);
}
