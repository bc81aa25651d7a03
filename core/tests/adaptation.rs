//! The encoder follows the path: what a link takes is used, frames stay young, and none is lost.

#![allow(clippy::unwrap_used)]
#![expect(clippy::disallowed_macros, reason = "prints its figures")]

mod support;

use std::time::{Duration, Instant};

use pinhole_core::{Event, Stage};
use support::{Link, World};

const CEILING: u64 = 3_000_000;
const FRAME_MS: u64 = 33;

/// A viewer behind a link with 40 ms each way and 200 ms of queue, and an encoder that does what it is told:
/// a frame's share of the bitrate, an IDR of two, and none while more than a tenth of a second is on its way.
struct Scene {
    world: World,
    viewer: usize,
    target: u64,
    idr_wanted: bool,
    on_its_way: u64,
    seen: usize,
    seen_at: Instant,
    count: usize,
}

/// What was seen of a while.
#[derive(Default)]
struct Seen {
    /// Of the link, with all headers.
    used_bps: u64,
    ages_ms: Vec<u64>,
    /// Longest time without a new frame.
    gap_ms: u64,
    skipped: usize,
    lost: u64,
}

impl Seen {
    fn age_p95_ms(&self) -> u64 {
        let mut ages = self.ages_ms.clone();
        ages.sort_unstable();
        ages[ages.len() * 95 / 100]
    }
}

impl Scene {
    fn new(rate: u64) -> Scene {
        let mut world = World::estimated(Some(CEILING));
        let (viewer, _) = world.join("192.0.2.7:6000", true);
        let mut link = Link::new(viewer, rate, Duration::from_millis(200));
        link.delay = Duration::from_millis(40);
        world.link = Some(link);
        world.run_ms(600);
        let seen_at = world.now;
        let (target, idr_wanted) = (CEILING, true);
        Scene { world, viewer, target, idr_wanted, on_its_way: 0, seen: 0, seen_at, count: 0 }
    }

    fn run(&mut self, seconds: u64) -> Seen {
        let before = self.world.link.as_ref().map(|link| (link.carried, link.lost)).unwrap();
        let mut seen = self.frames(seconds * 1_000 / FRAME_MS);
        let link = self.world.link.as_ref().unwrap();
        seen.used_bps = (link.carried - before.0) * 8 / seconds;
        seen.lost = link.lost - before.1;
        seen
    }

    /// So many frames pass; of the link nothing is told.
    fn frames(&mut self, count: u64) -> Seen {
        let mut seen = Seen::default();
        for _ in 0..count {
            self.encode(&mut seen);
            for _ in 0..FRAME_MS {
                self.world.run_ms(1);
                self.look(&mut seen);
            }
            self.hear();
        }
        seen
    }

    fn encode(&mut self, seen: &mut Seen) {
        let share = self.target * FRAME_MS / 1_000;
        self.on_its_way = self.on_its_way.saturating_sub(share);
        if self.on_its_way > self.target / 10 {
            return;
        }
        self.count += 1;
        let noise = [90, 110, 100, 95, 105][self.count % 5];
        let bits = share * if self.idr_wanted { 2 } else { 1 } * noise / 100;
        self.on_its_way += bits;
        let report = self.world.frame(self.idr_wanted, (bits as usize / 8).max(50));
        seen.skipped += report.skipped;
        self.idr_wanted = false;
    }

    fn look(&mut self, seen: &mut Seen) {
        let now = self.world.endpoint.rtp_time(self.world.now);
        for frame in &self.world.viewers[self.viewer].frames[self.seen..] {
            seen.ages_ms.push(u64::from(now.wrapping_sub(frame.rtp_time as u32)) / 90);
        }
        let frames = self.world.viewers[self.viewer].frames.len();
        let gap = self.world.now - self.seen_at;
        seen.gap_ms = seen.gap_ms.max(gap.as_millis() as u64);
        if frames > self.seen {
            self.seen_at = self.world.now;
        }
        self.seen = frames;
    }

    fn hear(&mut self) {
        self.idr_wanted |= self.world.keyframes_wanted() > 0;
        for event in self.world.events.drain(..) {
            if let Event::BitrateTarget { bits_per_second } = event {
                self.target = bits_per_second;
            }
        }
    }

    fn link(&mut self) -> &mut Link {
        self.world.link.as_mut().unwrap()
    }
}

#[test]
fn a_link_is_used_as_it_becomes_slower_and_open_again() {
    let mut scene = Scene::new(1_500_000);
    scene.run(5);
    let fast = scene.run(15);
    scene.link().rate = 600_000;
    let fall = scene.run(5);
    let slow = scene.run(15);
    scene.link().rate = 20_000_000;
    scene.run(15);
    let open = scene.run(5);

    let share = |seen: &Seen, rate: u64| seen.used_bps * 100 / rate;
    println!(
        "{} % of 1.5 Mbit/s, {} % of 600 kbit/s",
        share(&fast, 1_500_000),
        share(&slow, 600_000)
    );
    println!("at the fall: {} lost, {} skipped", fall.lost, fall.skipped);
    assert!((82..=100).contains(&share(&fast, 1_500_000)), "{} bit/s", fast.used_bps);
    assert!((80..=100).contains(&share(&slow, 600_000)), "{} bit/s", slow.used_bps);
    assert!(open.used_bps > CEILING, "{} bit/s", open.used_bps);
    assert_eq!((fast.skipped, slow.skipped, open.skipped), (0, 0, 0));
    // What is lost there is not sent again, and this viewer waits for it longer than a browser does.
    assert!(fall.lost <= 25, "{} datagrams are lost at the fall", fall.lost);
    assert!(fall.ages_ms.len() > 75, "{} frames in five seconds", fall.ages_ms.len());
    assert_eq!((fast.lost, slow.lost, open.lost), (0, 0, 0));
    for (seen, most) in [(fast, 150), (slow, 200), (open, 80)] {
        assert!(seen.age_p95_ms() < most, "{} ms", seen.age_p95_ms());
    }
}

#[test]
fn a_good_path_is_given_the_ceiling_from_the_start() {
    let mut scene = Scene::new(50_000_000);
    let first = scene.run(2);
    assert!(first.used_bps > CEILING * 9 / 10, "{} bit/s", first.used_bps);
    assert_eq!((first.skipped, first.lost), (0, 0));
}

#[test]
fn what_the_viewer_acknowledges_is_told_with_the_way_there_and_back() {
    let mut scene = Scene::new(50_000_000);
    scene.run(2);

    let acknowledged = scene.world.endpoint.ledger().histogram(Stage::Acknowledged);
    // Feedback is looked at every 50 ms.
    let (count, sum) = (acknowledged.count(), acknowledged.sum());
    assert!((20..=60).contains(&count), "{count} times in 2.6 s");
    let mean = sum / u32::try_from(count).unwrap();
    let expected = Duration::from_millis(80)..Duration::from_millis(120);
    assert!(expected.contains(&mean), "{mean:?}, and the way is 80 ms");
}

#[test]
fn a_path_that_was_cut_is_given_what_it_took_before() {
    for cut_s in [1, 2, 4] {
        let mut scene = Scene::new(50_000_000);
        let before = scene.run(5);
        scene.link().cut = true;
        scene.run(cut_s);
        scene.link().cut = false;
        let back = scene.run(2);
        let after = scene.run(2);

        let frames = |seen: &Seen| seen.ages_ms.len();
        println!(
            "{cut_s} s: {} frames in the first two seconds, {} in the next; {} and {} bit/s",
            frames(&back),
            frames(&after),
            back.used_bps,
            after.used_bps
        );
        assert!(before.used_bps > CEILING * 9 / 10, "{} bit/s", before.used_bps);
        assert!(frames(&back) >= 45, "{} frames in the first two seconds", frames(&back));
        assert!(after.used_bps > CEILING * 9 / 10, "{} bit/s", after.used_bps);
    }
}

#[test]
fn a_stream_that_paused_goes_on_as_it_was_and_sends_little_meanwhile() {
    let mut scene = Scene::new(1_500_000);
    scene.run(10);
    let before = scene.run(5);
    scene.world.run_ms(1_000);
    let carried = scene.link().carried;
    scene.world.run_ms(20_000);
    let paused_bps = (scene.link().carried - carried) * 8 / 20;
    scene.seen_at = scene.world.now;
    let first = scene.run(1);
    let after = scene.run(4);

    println!("{} bit/s, {paused_bps} in the pause, {}", before.used_bps, after.used_bps);
    assert!(paused_bps < 4_000, "{paused_bps} bit/s while there was no frame");
    assert!(after.used_bps > before.used_bps / 100 * 90, "{} bit/s", after.used_bps);
    assert_eq!((first.skipped, first.lost, after.skipped, after.lost), (0, 0, 0, 0));
    assert!(first.gap_ms < 150, "{} ms without a frame", first.gap_ms);
    assert!(after.age_p95_ms() < 150, "{} ms", after.age_p95_ms());
}

#[test]
fn a_full_way_back_takes_nothing_from_the_way_there() {
    let mut scene = Scene::new(50_000_000);
    scene.run(3);
    scene.link().late = Duration::from_millis(300);
    let late = scene.run(3);
    scene.link().late = Duration::ZERO;
    let after = scene.run(3);

    println!("{} bit/s while feedback was late, {}", late.used_bps, after.used_bps);
    assert!(late.used_bps > CEILING * 9 / 10, "{} bit/s", late.used_bps);
    assert!(after.used_bps > CEILING * 9 / 10, "{} bit/s", after.used_bps);
    assert_eq!((late.skipped, late.lost, after.skipped, after.lost), (0, 0, 0, 0));
}

/// One fall says little: what is lost at it depends on the moment, to a frame.
#[test]
fn falls_at_sixty_moments_cost_little_and_the_slower_link_is_used_soon() {
    const FALLS: u64 = 60;
    let mut sums = [0; 5];
    for fall in 0..FALLS {
        let mut scene = Scene::new(1_500_000);
        scene.run(15);
        let fast = scene.run(5);
        scene.frames(fall);
        scene.link().rate = 600_000;
        let at_fall = scene.run(10);
        let slow = scene.run(10);
        let seen = [
            fast.used_bps * 100 / 1_500_000,
            at_fall.lost,
            at_fall.gap_ms,
            slow.used_bps * 100 / 600_000,
            slow.age_p95_ms(),
        ];
        sums.iter_mut().zip(seen).for_each(|(sum, seen)| *sum += seen);
    }

    let [fast, lost, gap, slow, age] = sums.map(|sum| sum / FALLS);
    println!("means of {FALLS} falls: {fast} % before, {lost} lost, {gap} ms without a frame;");
    println!("then {slow} %, 95 of 100 frames no older than {age} ms");
    assert!(fast >= 92, "{fast} % of 1.5 Mbit/s");
    assert!(slow >= 87, "{slow} % of 600 kbit/s");
    assert!(lost <= 12, "{lost} datagrams are lost at a fall");
    // This viewer waits for what was lost, which a browser does not.
    assert!(gap <= 900, "{gap} ms without a frame");
    assert!(age < 150, "{age} ms");
}
