//! Memory of a DMA-BUF, mapped to be read: the binding to the system.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::ptr::{NonNull, null_mut};
use std::sync::Arc;

use rustix::io::Errno;
use rustix::ioctl::{Setter, ioctl, opcode};
use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};

/// `struct dma_buf_sync` of linux/dma-buf.h is its flags.
const SYNC: rustix::ioctl::Opcode = opcode::write::<u64>(b'b', 0);
const SYNC_READ: u64 = 1;
const SYNC_END: u64 = 4;

/// A mapping, for as long as it is read.
pub(super) struct Mapped {
    buffer: Arc<OwnedFd>,
    start: NonNull<u8>,
    /// Of the mapping, which begins at a page.
    length: usize,
    /// Of what is read, in it.
    at: usize,
}

impl Mapped {
    /// Maps so many bytes of a buffer that has them, and waits for what a device still writes there.
    pub(super) fn new(buffer: &Arc<OwnedFd>, offset: u64, bytes: usize) -> io::Result<Mapped> {
        let page = rustix::param::page_size() as u64;
        let from = offset / page * page;
        // Less than a page.
        let at = (offset - from) as usize;
        let length = at + bytes;
        // SAFETY: a new mapping, of nothing that Rust knows of; it is taken away in `drop` only.
        let mapped = unsafe {
            mmap(null_mut(), length, ProtFlags::READ, MapFlags::SHARED, buffer.as_fd(), from)
        }?;
        let start = NonNull::new(mapped.cast::<u8>()).ok_or(Errno::FAULT)?;
        let mapped = Mapped { buffer: Arc::clone(buffer), start, length, at };
        mapped.sync(SYNC_READ)?;
        Ok(mapped)
    }

    /// The samples. Somebody who writes them meanwhile tears the picture, and nothing else: bytes have no
    /// values that are wrong.
    pub(super) fn bytes(&self) -> &[u8] {
        // SAFETY: mapped for reading for as long as `self` lives, `at` is within it.
        let whole = unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.length) };
        &whole[self.at..]
    }

    /// Begins or ends reading: the driver waits for the device, and makes its writes seen. Memory that is
    /// not a device's has no such call, and needs none.
    fn sync(&self, flags: u64) -> io::Result<()> {
        // SAFETY: the call reads the eight bytes that it is given and writes nothing of ours.
        match unsafe { ioctl(self.buffer.as_fd(), Setter::<SYNC, u64>::new(flags)) } {
            Ok(()) | Err(Errno::NOTTY) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

impl Drop for Mapped {
    fn drop(&mut self) {
        let _ = self.sync(SYNC_READ | SYNC_END);
        // SAFETY: mapped in `new` with this length, and nothing borrows from it any more.
        let _ = unsafe { munmap(self.start.as_ptr().cast(), self.length) };
    }
}
