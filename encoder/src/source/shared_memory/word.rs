//! The binding: sleeping on a word of a file, and waking those who do.
//!
//! The word is mapped so that it has an address, and that address is given to the kernel only. Nothing
//! here ever reads through it: another process may cut the file short at any time, and what is then read
//! through a mapping ends the process with SIGBUS, whereas the kernel answers EFAULT.

use std::fs::File;
use std::io;
use std::ptr::{NonNull, null_mut};
use std::sync::atomic::AtomicU32;
use std::time::Duration;

use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};
use rustix::thread::futex;
use rustix::time::Timespec;

use super::layout::{HEADER_BYTES, PICTURES_AT};

/// The count of pictures in the header of a ring, to sleep on.
pub(super) struct Word {
    header: NonNull<u8>,
}

// SAFETY: the mapping belongs to the process, not to a thread, and is unmapped once, in `drop`.
unsafe impl Send for Word {}

impl Word {
    /// Maps the header of a file, for reading.
    pub(super) fn map(file: &File) -> io::Result<Word> {
        let flags = MapFlags::SHARED;
        // SAFETY: the kernel chooses the place, so nothing of ours is mapped over.
        let start = unsafe { mmap(null_mut(), HEADER_BYTES, ProtFlags::READ, flags, file, 0)? };
        let header = NonNull::new(start.cast()).ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(Word { header })
    }

    /// Sleeps until somebody wakes it, `patience` is over, or, at once, while the word is not `value`.
    /// Returns false where it cannot be slept on, because the file has become shorter.
    pub(super) fn wait(&self, value: u32, patience: Duration) -> bool {
        let patience = Timespec::try_from(patience).ok();
        let slept = futex::wait(self.address(), futex::Flags::empty(), value, patience.as_ref());
        slept != Err(rustix::io::Errno::FAULT)
    }

    /// Wakes everybody who sleeps on it, in whichever process.
    pub(super) fn wake(&self) {
        // It fails only where the file was cut short, which is found when the next picture is written.
        let _ = futex::wake(self.address(), futex::Flags::empty(), i32::MAX as u32);
    }

    fn address(&self) -> &AtomicU32 {
        // SAFETY: the mapping is as long as HEADER_BYTES, which the word lies within, aligned to 4, and
        // lives as long as `self`. Other processes change the word, as an atomic allows. The reference
        // goes to the futex calls only, which pass it to the kernel unread.
        unsafe { self.header.add(PICTURES_AT).cast::<AtomicU32>().as_ref() }
    }
}

impl Drop for Word {
    fn drop(&mut self) {
        // SAFETY: mapped in `map` with this length, and nothing refers to it any more.
        let _ = unsafe { munmap(self.header.as_ptr().cast(), HEADER_BYTES) };
    }
}
