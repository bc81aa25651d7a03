//! The thread's generator.

use std::cell::RefCell;

use fastrand::Rng;

thread_local! {
    static GENERATOR: RefCell<Rng> = const { RefCell::new(Rng::with_seed(0)) };
}

/// Seeds the thread's generator: what is drawn from now on is the same for the same number.
pub fn seed(number: u64) {
    GENERATOR.replace(Rng::with_seed(number));
}

/// A generator of its own for one of several that share a thread.
#[derive(Debug, Clone)]
pub struct Source(Rng);

impl Source {
    /// One that draws what a thread with this seed would.
    pub fn new(number: u64) -> Source {
        Source(Rng::with_seed(number))
    }

    /// Puts it in the thread's place for a call.
    pub fn scope<T>(&mut self, call: impl FnOnce() -> T) -> T {
        let thread = GENERATOR.replace(self.0.clone());
        let result = call();
        self.0 = GENERATOR.replace(thread);
        result
    }
}

/// Fills a buffer.
pub(super) fn fill(bytes: &mut [u8]) {
    GENERATOR.with_borrow_mut(|generator| generator.fill(bytes));
}

/// Draws below a bound.
pub(super) fn below(bound: usize) -> usize {
    GENERATOR.with_borrow_mut(|generator| generator.usize(..bound))
}

/// Runs something that draws, and takes back what it drew.
pub(super) fn spared<T>(call: impl FnOnce() -> T) -> T {
    let before = GENERATOR.with_borrow(Clone::clone);
    let result = call();
    GENERATOR.replace(before);
    result
}

/// The generator as `dimpl` wants it.
#[derive(Debug)]
pub(super) struct Seeded;

impl dimpl::crypto::SecureRandom for Seeded {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), dimpl::CryptoError> {
        fill(bytes);
        Ok(())
    }
}
