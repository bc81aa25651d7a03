//! The encoder follows the path: what a link takes is used, and frames stay young.

#![allow(clippy::unwrap_used)]

mod support;

use std::time::Duration;

use pinhole_core::Event;
use support::{Link, World, config, start};

#[test]
#[ignore = "prints what it sees"]
fn explore() {
    let now = start();
    let mut config = config(now);
    config.estimator = Some(3_000_000);
    let mut world = World::with(now, config);
    let (viewer, _) = world.join("192.0.2.7:6000", true);
    let mut link = Link::new(viewer, 1_500_000, Duration::from_millis(200));
    link.delay = Duration::from_millis(40);
    world.link = Some(link);
    world.run_ms(600);
    let (mut target, mut wanted) = (3_000_000u64, true);
    let mut seen = 0;
    let mut debt = 0u64;
    let mut ages = Vec::new();
    let mut carried = 0;
    let mut sent = Vec::new();
    for n in 0..(30 * 75) {
        let rate = match n / 30 {
            0..=19 => 1_500_000,
            20..=39 => 600_000,
            _ => 20_000_000,
        };
        world.link.as_mut().unwrap().rate = rate;
        let usual = target / 30 / 8;
        let size = if wanted { usual * 2 } else { usual } as usize;
        let noise = [90, 110, 100, 95, 105][n % 5];
        let at = world.now;
        debt = debt.saturating_sub(target / 30);
        if debt <= target / 10 {
            let size = (size * noise / 100).max(50);
            debt += size as u64 * 8;
            let report = world.frame(wanted, size);
            sent.push((at, report.skipped));
            wanted = false;
        }
        for _ in 0..33 {
            world.run_ms(1);
            while seen < world.viewers[viewer].frames.len() {
                let f = &world.viewers[viewer].frames[seen];
                let captured = world.endpoint.rtp_time(at);
                let age = (captured.wrapping_sub(f.rtp_time as u32) as i32) / 90
                    + (world.now - at).as_millis() as i32;
                ages.push(age);
                seen += 1;
            }
        }
        wanted |= world.keyframes_wanted() > 0;
        for event in &world.events {
            if let Event::BitrateTarget { bits_per_second } = event {
                target = *bits_per_second;
            }
        }
        world.events.clear();
        if n % 15 == 14 {
            let link = world.link.as_ref().unwrap();
            let bits = (link.carried - carried) * 8 * 2;
            carried = link.carried;
            let estimate = world.endpoint.sessions()[0].estimate;
            let worst = ages.iter().max().copied();
            println!(
                "{:5.1}s link {rate} used {bits} target {target} estimate {estimate:?} lost {} frames {} age {:?} skipped {} idr {wanted}",
                (n + 1) as f64 / 30.0,
                link.lost,
                ages.len(),
                worst,
                sent.iter().filter(|s| s.1 > 0).count()
            );
            ages.clear();
            sent.clear();
        }
    }
}
