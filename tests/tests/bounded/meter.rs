//! Counts what is allocated while the victim works, and not what its enemy allocates.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

thread_local! {

    static COUNTS: Cell<bool> = const { Cell::new(false) };
    static METER: Cell<Meter> = const { Cell::new(Meter { live: 0, allocations: 0, bytes: 0 }) };
}

/// What this thread has allocated while it was counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Meter {
    /// Bytes taken and not given back.
    pub(crate) live: isize,
    /// Allocations.
    pub(crate) allocations: u64,
    /// Bytes of all of them.
    pub(crate) bytes: u64,
}

/// Counts from now on, or no longer.
pub(crate) fn watch(works: bool) {
    COUNTS.set(works);
}

/// The counts so far.
pub(crate) fn reading() -> Meter {
    METER.get()
}

fn count(taken: usize, given: usize) {
    // `false` once the thread is being taken down.
    if COUNTS.try_with(Cell::get).unwrap_or(false) {
        let mut meter = METER.get();
        meter.live += taken as isize - given as isize;
        meter.allocations += u64::from(taken > 0);
        meter.bytes += taken as u64;
        METER.set(meter);
    }
}

struct Counting;

// SAFETY: everything is the system's allocator, with the same arguments.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size(), 0);
        // SAFETY: the caller's promise on `layout` is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size(), 0);
        // SAFETY: the caller's promise on `layout` is passed on.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(0, layout.size());
        // SAFETY: the caller's promise on both is passed on; `pointer` is the system's.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size, layout.size());
        // SAFETY: the caller's promise on all three is passed on; `pointer` is the system's.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;
