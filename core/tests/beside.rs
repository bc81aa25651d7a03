//! Endpoints side by side: what must agree between them, and what must not.

#![allow(clippy::unwrap_used)]

mod support;

use std::cell::RefCell;
use std::num::NonZeroU32;
use std::rc::Rc;
use std::time::Duration;

use pinhole_core::{Endpoint, EndpointConfig, EndpointStats, Place, Seed, SessionState};
use support::{Viewer, World, config, start};

/// As many worlds, each with an endpoint beside the others'.
fn worlds(count: u32) -> Vec<World> {
    let now = start();
    let config = config(now);
    let count = NonZeroU32::new(count).unwrap();
    let places = Place::row(now, &Seed::new([1; 32]), count);
    let seeds = config.seed.children(count.get() as usize);
    let of = |(place, seed)| {
        let config = EndpointConfig { seed, ..config.clone() };
        let mut world = World::with(now, config.clone());
        world.endpoint = Endpoint::new_beside(now, config, place).unwrap();
        world
    };
    places.into_iter().zip(seeds).map(of).collect()
}

#[test]
fn an_id_tells_its_endpoint_and_no_two_sessions_have_the_same() {
    let mut worlds = worlds(3);
    let mut ids = Vec::new();
    for round in 0..4 {
        for (index, world) in worlds.iter_mut().enumerate() {
            let (_, id) = world.join(&format!("192.0.2.7:{}", 6_000 + round), true);
            assert_eq!(id.index_among(NonZeroU32::new(3).unwrap()), index);
            ids.push(id);
        }
    }
    let before = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), before);
}

#[test]
fn a_frame_has_the_same_rtp_time_everywhere() {
    let worlds = worlds(2);
    for ms in [0, 1, 3_600_000] {
        let at = worlds[0].now + Duration::from_millis(ms);
        assert_eq!(worlds[0].endpoint.rtp_time(at), worlds[1].endpoint.rtp_time(at));
    }
}

#[test]
fn passwords_are_drawn_apart() {
    let mut worlds = worlds(2);
    let of = |world: &mut World| {
        let offer = Viewer::new(world.now, "192.0.2.7:6000", true).offer;
        let answer = world.endpoint.accept_offer(world.now, &offer).unwrap().answer;
        let line = answer.lines().find(|line| line.starts_with("a=ice-pwd:"));
        line.unwrap().to_owned()
    };
    let first = of(&mut worlds[0]);
    assert_ne!(first, of(&mut worlds[1]));
    assert_ne!(first, of(&mut worlds[0]));
}

#[test]
fn a_check_on_a_connection_is_known_where_its_session_is() {
    let mut worlds = worlds(2);
    let heard = Rc::new(RefCell::new(Vec::new()));
    let ear = Rc::clone(&heard);
    worlds[0].lost_upward = Some(Box::new(move |bytes| {
        ear.borrow_mut().push(bytes.to_vec());
        false
    }));
    worlds[0].join("192.0.2.7:6000", true);
    worlds[0].run_ms(100);
    let check = heard.borrow().iter().find(|bytes| bytes[..2] == [0, 1]).cloned();
    let check = check.expect("the viewer checks");
    let mut frame = u16::try_from(check.len()).unwrap().to_be_bytes().to_vec();
    frame.extend(check);

    assert!(worlds[0].endpoint.knows_check(&frame));
    assert!(!worlds[1].endpoint.knows_check(&frame));
    assert!(!worlds[0].endpoint.knows_check(&frame[..frame.len() - 1]), "only the beginning");
    assert!(!worlds[0].endpoint.knows_check(&[0]));
}

#[test]
fn counters_are_summed_and_what_is_one_for_all_is_not() {
    let mut worlds = worlds(2);
    for (viewers, world) in worlds.iter_mut().enumerate() {
        for viewer in 0..=viewers {
            world.join(&format!("192.0.2.7:{}", 6_000 + viewer), true);
        }
        world.run_ms(300);
        assert_eq!(world.states(), vec![SessionState::Connected; viewers + 1]);
        world.frame(true, 3_000);
        world.run_ms(100);
    }
    let of: Vec<EndpointStats> = worlds.iter().map(|world| world.endpoint.stats()).collect();

    let mut sum = of[0].clone();
    sum.add(&of[1]);

    assert_eq!((sum.connected, sum.sessions_total, sum.frames_total), (3, 3, 1));
    assert_eq!(sum.keyframes_total, 1);
    let sent = of.iter().map(|stats| stats.bytes_sent_total).sum::<u64>();
    assert!(sum.bytes_sent_total == sent && sent > 0);
}
