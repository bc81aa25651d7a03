//! Sending a picture allocates nothing of a picture's size, once the first have gone through.
#![allow(clippy::unwrap_used)]

mod common;

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use common::Watched;
use pinhole_encoder::frame::{Picture, Rows};
use pinhole_encoder::source::AppSource;
use pinhole_encoder::{EncoderConfig, FrameRate, Size, Stream};

/// Bytes of the smallest plane below.
const LARGE: usize = 320 * 180;

/// Allocations of that size or more, of all threads.
static ALLOCATIONS: AtomicUsize = AtomicUsize::new(0);

struct Counting;

// SAFETY: everything is the system's allocator, with the same arguments.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(usize::from(layout.size() >= LARGE), Ordering::Relaxed);
        // SAFETY: the caller's promise on `layout` is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise on both is passed on; `pointer` is the system's.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

#[test]
fn two_hundred_pictures_need_the_memory_of_a_few() {
    let size = Size::new(640, 360).unwrap();
    let (sender, source) = AppSource::new(size, FrameRate::per_second(60).unwrap());
    let stream = Stream::of_source(Box::new(source), &EncoderConfig::default()).unwrap();
    let mut watched = Watched::new(stream);
    let pixels = vec![120; 640 * 4 * 360];
    let picture = Picture::bgra(size, Rows::new(&pixels, 640 * 4)).unwrap();
    let before = ALLOCATIONS.load(Ordering::Relaxed);
    for _ in 0..220 {
        sender.send(&picture, Instant::now()).unwrap();
        watched.unit();
    }
    let allocations = ALLOCATIONS.load(Ordering::Relaxed) - before;
    // Three planes for each buffer. How many are under way at once is up to the scheduler, and when:
    // a thread that is held up for once needs one more, whichever picture that is.
    assert!((3..=3 * 8).contains(&allocations), "{allocations} for 220 pictures");
}
