//! Waits for sockets, the timer and the bell, and says what it heard.
use std::future::poll_fn;
use std::io;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::task::AtomicWaker;
use pinhole_runtime::{Doorbell, Next, Socket};

use crate::socket::Registration;
use crate::timer::Timer;
use crate::wake::doorbell;

/// All that the loop waits for.
pub(crate) struct Readiness {
    timer: Timer,
    bell: Doorbell,
    waker: Arc<AtomicWaker>,
    sockets: Vec<Registration>,
}

impl Readiness {
    /// Waits for nothing but the bell yet.
    pub(crate) fn new() -> io::Result<Readiness> {
        let waker = Arc::new(AtomicWaker::new());
        let bell = doorbell(Arc::clone(&waker));
        Ok(Readiness { timer: Timer::new(), bell, waker, sockets: Vec::new() })
    }

    /// The bell that ends a wait.
    pub(crate) fn doorbell(&self) -> Doorbell {
        self.bell.clone()
    }

    /// Waits until a socket is ready, the bell rings, or the moment has come; tells ready sockets.
    pub(crate) async fn wait(&mut self, sockets: &mut [Socket], next: Next) -> io::Result<()> {
        self.update(sockets)?;
        match next {
            Next::AtOnce => {}
            Next::At(deadline) => self.timer.set(Some(deadline)),
            Next::Whenever => self.timer.set(None),
        }
        let (mut looked, mut heard) = (false, next == Next::AtOnce);
        poll_fn(|context| {
            heard |= self.hear(context, sockets)?.is_ready();
            match (looked, heard) {
                (true, true) => Poll::Ready(Ok(())),
                (_, false) => {
                    looked = true;
                    Poll::Pending
                }
                // Lets the reactor look at the system once, or a loop with work enough never would.
                (false, true) => {
                    looked = true;
                    context.waker().wake_by_ref();
                    Poll::Pending
                }
            }
        })
        .await
    }

    /// Registers new sockets, and binds broken ones anew.
    fn update(&mut self, sockets: &mut [Socket]) -> io::Result<()> {
        for (index, socket) in sockets.iter_mut().enumerate() {
            if socket.is_broken() {
                self.sockets.truncate(index);
                socket.rebind()?;
            }
            match self.sockets.get_mut(index) {
                Some(registration) => registration.update(socket),
                None => self.sockets.push(Registration::new(socket)?),
            }
        }
        Ok(())
    }

    /// Tells the sockets what was heard. Ready if anything was.
    fn hear(&mut self, context: &mut Context<'_>, sockets: &mut [Socket]) -> Poll<io::Result<()>> {
        self.waker.register(context.waker());
        let mut heard = self.bell.is_rung();
        heard |= self.timer.hear(context).is_ready();
        for (registration, socket) in self.sockets.iter().zip(sockets) {
            heard |= registration.hear(context, socket)?.is_ready();
        }
        if heard { Poll::Ready(Ok(())) } else { Poll::Pending }
    }
}

#[cfg(test)]
fn wait(readiness: &mut Readiness, sockets: &mut [Socket], next: Next) {
    async_io::block_on(readiness.wait(sockets, next)).unwrap();
}

#[cfg(test)]
#[path = "../../runtime/shells/readiness_tests.rs"]
mod tests;
