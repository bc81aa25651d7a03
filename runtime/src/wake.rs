//! Wakes the loop from other threads, once per turn however often it is asked.
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Wake as Wakes, Waker};

use pinhole_encoder::Wake;

/// A doorbell: any thread rings, the loop answers once a turn. Rings between two answers cost one
/// system call together, so that a busy encoder and a busy program do not pay one each time.
#[derive(Clone)]
pub struct Doorbell(Arc<Bell>);

struct Bell {
    rung: AtomicBool,
    ring: Box<dyn Fn() + Send + Sync>,
}

impl Doorbell {
    /// Makes a doorbell. `ring` must make the loop's wait return, now or the next time it waits.
    pub fn new(ring: impl Fn() + Send + Sync + 'static) -> Doorbell {
        Doorbell(Arc::new(Bell { rung: AtomicBool::new(false), ring: Box::new(ring) }))
    }

    /// Rings. Call it after the work was put where the loop looks.
    pub fn ring(&self) {
        if !self.0.rung.swap(true, Ordering::AcqRel) {
            (self.0.ring)();
        }
    }

    /// A waker that does `first`, saying what it stands for, and rings.
    pub fn waker(&self, first: impl Fn() + Send + Sync + 'static) -> Waker {
        Waker::from(Arc::new(Ringer { first, bell: self.clone() }))
    }

    /// Whether it was rung since the last answer.
    pub fn is_rung(&self) -> bool {
        self.0.rung.load(Ordering::Acquire)
    }

    /// Answers: the loop looks for work after this, and whoever comes later rings again.
    pub fn answer(&self) {
        self.0.rung.swap(false, Ordering::AcqRel);
    }

    /// Gives the bell to a [`pinhole_encoder::Media`].
    pub(crate) fn wake(&self) -> Wake {
        let bell = self.clone();
        Arc::new(move || bell.ring())
    }
}

struct Ringer<F> {
    first: F,
    bell: Doorbell,
}

impl<F: Fn() + Send + Sync> Wakes for Ringer<F> {
    fn wake(self: Arc<Self>) {
        (self.first)();
        self.bell.ring();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use super::*;

    #[test]
    fn rings_between_two_answers_wake_once() {
        let wakes = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&wakes);
        let bell = Doorbell::new(move || {
            count.fetch_add(1, Ordering::SeqCst);
        });

        bell.ring();
        bell.ring();
        bell.answer();
        bell.ring();

        assert_eq!(wakes.load(Ordering::SeqCst), 2);
        assert!(bell.is_rung());
    }
}
