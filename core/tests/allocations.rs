//! What a frame allocates on its way to the viewers: a payload per packet, shared by all of them, and
//! str0m's datagram per packet and viewer. Nothing of ours per viewer.

#![allow(clippy::unwrap_used)]

mod support;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::ops::Range;

use pinhole_core::{Endpoint, Frame, Limits, Transmit};
use support::{World, config, frame_bytes, start};

thread_local! {
    /// Allocations of this thread.
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

struct Counting;

fn count() {
    // Fails only while the thread is taken down.
    let _ = ALLOCATIONS.try_with(|it| it.set(it.get() + 1));
}

// SAFETY: everything is the system's allocator, with the same arguments.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller's promise on `layout` is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller's promise on `layout` is passed on.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise on both is passed on; `pointer` is the system's.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        // SAFETY: the caller's promise on all three is passed on; `pointer` is the system's.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// Sizes of pictures: one or two packets, a usual one, a keyframe's.
const SIZES: [usize; 3] = [2_000, 17_000, 100_000];
const VIEWERS: [usize; 3] = [1, 10, 50];
/// Of each size.
const FRAMES: usize = 8;

/// A world whose viewers watch, and what stands ready so that the test itself allocates nothing.
struct Counted {
    world: World,
    buffer: Vec<u8>,
    sent: Vec<(Transmit, Range<usize>)>,
}

/// What one frame was and what it allocated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Cost {
    packets: usize,
    datagrams: usize,
    allocations: usize,
}

impl Counted {
    fn new(viewers: usize) -> Counted {
        let now = start();
        let mut config = config(now);
        config.limits = Limits { sessions: viewers, ..config.limits };
        let mut world = World::with(now, config);
        for index in 0..viewers {
            world.join(&format!("192.0.2.{}:6000", index + 10), true);
        }
        world.run_ms(400);
        assert_eq!(world.endpoint.stats().connected, viewers);
        let room = Endpoint::TRANSMIT_BYTES_MAX + viewers * (130_000 + 1_200);
        Counted { world, buffer: vec![0; room], sent: Vec::with_capacity(10_000) }
    }

    /// Sends frames for longer than packets are kept to be sent again.
    fn warm_up(&mut self, bytes: usize) {
        for index in 0..40 {
            self.world.frame(index == 0, bytes);
            self.world.sent.clear();
            self.world.run_ms(33);
        }
    }

    /// Counts what the endpoint allocates for one frame until it has left, and delivers it.
    fn frame(&mut self, bytes: usize) -> Cost {
        let Counted { world, buffer, sent } = self;
        let data = frame_bytes(false, bytes);
        let frame = Frame { data: &data, captured: world.now };
        let (mut at, mut datagrams) = (0, 0);
        let before = ALLOCATIONS.get();
        let report = world.endpoint.send_frame(world.now, frame);
        while let Some(transmit) = world.endpoint.poll_transmit(world.now, &mut buffer[at..]) {
            sent.push((transmit, at..at + transmit.len));
            at += transmit.len;
            datagrams += transmit.len.div_ceil(transmit.segment_size);
        }
        assert_eq!(world.endpoint.poll_event(), None);
        let allocations = ALLOCATIONS.get() - before;
        for (transmit, range) in sent.drain(..) {
            world.deliver(transmit, &buffer[range]);
        }
        world.settle();
        world.run_ms(33);
        world.sent.clear();
        Cost { packets: report.packets, datagrams, allocations }
    }
}

#[test]
fn a_frame_allocates_its_payloads_once_and_str0m_one_datagram_per_packet_and_viewer() {
    for viewers in VIEWERS {
        let mut counted = Counted::new(viewers);
        for bytes in SIZES {
            counted.warm_up(bytes);
            let costs = [(); FRAMES].map(|()| counted.frame(bytes));
            // What a timer had waiting, a check or a report, left with a frame or two.
            let alone = costs.iter().filter(|cost| cost.datagrams == cost.packets * viewers);
            let ours: Vec<usize> = alone
                .map(|cost| {
                    let least = cost.packets + cost.datagrams;
                    assert!(cost.allocations >= least, "{cost:?} is counted wrongly");
                    cost.allocations - least
                })
                .collect();
            assert!(ours.len() >= FRAMES / 2, "{costs:?}");
            // Nothing else; but where viewers' timers move, a table may need a node now and then.
            let most = viewers / 5;
            let nodes = ours.iter().filter(|more| **more > 0).count();
            assert!(ours.iter().all(|more| *more <= most), "{viewers} × {bytes} bytes: {ours:?}");
            assert!(nodes <= ours.len() / 2, "{viewers} × {bytes} bytes: {ours:?}");
        }
    }
}
