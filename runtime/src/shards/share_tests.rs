//! One stream, shared out.
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use pinhole_encoder::Wake;

use super::*;

/// What a stream was asked, and what it has ready.
#[derive(Default)]
struct Asked {
    ready: VecDeque<AccessUnit>,
    events: VecDeque<MediaEvent>,
    keyframes: usize,
    active: Vec<bool>,
    bitrates: Vec<u32>,
    wake: Option<Wake>,
}

#[derive(Clone, Default)]
struct Script(Arc<Mutex<Asked>>);

impl Script {
    fn look(&self) -> MutexGuard<'_, Asked> {
        self.0.lock().unwrap()
    }

    /// Makes access units ready; `true`: an IDR.
    fn make(&self, keyframes: &[bool]) {
        for keyframe in keyframes {
            let mut asked = self.look();
            let (now, sequence) = (Instant::now(), asked.ready.len() as u64);
            let unit = AccessUnit {
                data: vec![1],
                keyframe: *keyframe,
                captured: now,
                encoded: now,
                sequence,
            };
            asked.ready.push_back(unit);
        }
        let wake = self.look().wake.clone().unwrap();
        wake();
    }
}

impl Media for Script {
    fn set_wake(&mut self, wake: Wake) {
        self.look().wake = Some(wake);
    }
    fn poll_access_unit(&mut self) -> Option<AccessUnit> {
        self.look().ready.pop_front()
    }
    fn poll_event(&mut self) -> Option<MediaEvent> {
        self.look().events.pop_front()
    }
    fn request_keyframe(&mut self) {
        self.look().keyframes += 1;
    }
    fn set_active(&mut self, active: bool) {
        self.look().active.push(active);
    }
    fn set_bitrate(&mut self, bits_per_second: u32) {
        self.look().bitrates.push(bits_per_second);
    }
}

/// Three loops, and how often the bell of each was rung.
fn three() -> (Script, Vec<Share>, Vec<Arc<AtomicUsize>>) {
    let script = Script::default();
    let shares: Vec<_> = SharedMedia::split(Box::new(script.clone()), 3, Some(3_000_000)).collect();
    let attach = |share: &Share| {
        let rings = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&rings);
        share.attach(&Doorbell::new(move || {
            count.fetch_add(1, Ordering::SeqCst);
        }));
        rings
    };
    let rings = shares.iter().map(attach).collect();
    (script, shares, rings)
}

fn rings(rings: &[Arc<AtomicUsize>]) -> Vec<usize> {
    rings.iter().map(|count| count.load(Ordering::SeqCst)).collect()
}

#[test]
fn whoever_looks_first_takes_for_all_and_nothing_is_copied() {
    let (script, shares, bells) = three();
    shares[1].set_active(true);
    shares[2].set_active(true);

    script.make(&[true, false]);

    assert_eq!(rings(&bells), [0, 1, 1], "a loop without viewers sleeps on");
    let (first, second) = (shares[2].next().unwrap(), shares[2].next().unwrap());
    assert!(script.look().ready.is_empty());
    assert!(shares[2].next().is_none() && shares[0].next().is_none());
    assert!(Arc::ptr_eq(&first, &shares[1].next().unwrap()));
    assert!(Arc::ptr_eq(&second, &shares[1].next().unwrap()));
    assert_eq!((shares[0].stats().frames, shares[0].stats().keyframes), (2, 1));
}

#[test]
fn events_wake_somebody_also_where_nobody_watches() {
    let (script, shares, bells) = three();
    script.look().events.push_back(MediaEvent::Recovered);

    script.make(&[]);

    assert_eq!(rings(&bells), [1, 0, 0]);
    assert_eq!(shares[0].poll_event(), Some(MediaEvent::Recovered));
    assert_eq!(shares[1].poll_event(), None, "each is told once");
}

#[test]
fn a_loop_that_stands_still_loses_and_goes_on_with_an_idr_and_the_others_lose_nothing() {
    let (script, shares, _) = three();
    shares[0].set_active(true);
    shares[1].set_active(true);
    for round in 0..WAITING_MAX + 2 {
        script.make(&[round == 0]);
        assert!(shares[1].next().is_some());
    }
    assert_eq!(script.look().keyframes, 2, "asked for with each that is lost");
    assert!(shares[0].next().is_none(), "what waited is old");

    script.make(&[false]);
    assert!(shares[0].next().is_none());
    script.make(&[true, false]);

    let (next, after) = (shares[0].next().unwrap(), shares[0].next().unwrap());
    assert!(next.keyframe && !after.keyframe);
    assert_eq!(script.look().keyframes, 3);
}

#[test]
fn a_keyframe_that_waits_is_not_asked_for_again() {
    let (script, shares, _) = three();
    shares[0].set_active(true);
    shares[1].set_active(true);
    script.make(&[true]);
    assert!(shares[0].next().is_some());

    shares[1].request_keyframe();
    assert_eq!(script.look().keyframes, 0);

    assert!(shares[1].next().is_some());
    shares[1].request_keyframe();
    assert_eq!(script.look().keyframes, 1);
}

#[test]
fn the_stream_runs_while_anybody_watches_on_any_loop() {
    let (script, shares, _) = three();
    for (share, active) in [(0, true), (1, true), (0, false), (2, true), (1, false), (2, false)] {
        shares[share].set_active(active);
    }
    assert_eq!(script.look().active, [true, false]);
}

#[test]
fn the_slowest_viewer_above_the_floor_decides_over_all_loops() {
    let (script, shares, _) = three();
    let told = || script.look().bitrates.last().copied();
    shares.iter().for_each(|share| share.set_active(true));
    shares.iter().for_each(|share| share.set_wish(Some((3_000_000, Voice::Nobody))));
    assert_eq!(told(), None, "an encoder starts there");

    shares[0].set_wish(Some((300_000, Voice::Floor)));
    assert_eq!(told(), Some(300_000), "all whose path is known are below the floor");
    shares[1].set_wish(Some((2_000_000, Voice::Viewer)));
    assert_eq!(told(), Some(2_000_000), "one below it has no say");
    shares[2].set_wish(Some((1_000_000, Voice::Viewer)));
    assert_eq!(told(), Some(1_000_000));
    assert_eq!(shares[0].stats().bitrate, Some(1_000_000));
    shares[2].set_active(false);
    assert_eq!(told(), Some(2_000_000), "nor has one who is gone");
    shares[1].set_wish(Some((2_000_000, Voice::Viewer)));
    assert_eq!(script.look().bitrates.len(), 4, "what is the same is not told again");
}
