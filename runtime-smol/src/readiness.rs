//! Waits for sockets, connections, the timer and the bell, and says what it heard.
use std::collections::BTreeMap;
use std::future::poll_fn;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

use futures_util::task::AtomicWaker;
use pinhole_core::StreamId;
use pinhole_runtime::{Doorbell, Next, Socket, Streams};

use crate::socket::Registration;
use crate::stream::StreamRegistration;
use crate::timer::Timer;
use crate::wake::doorbell;

/// All that the loop waits for.
pub(crate) struct Readiness {
    timer: Timer,
    bell: Doorbell,
    waker: Arc<AtomicWaker>,
    sockets: Vec<Registration>,
    streams: BTreeMap<StreamId, StreamRegistration>,
    /// Connections that the reactor woke since the last turn.
    woken: Arc<Mutex<Vec<StreamId>>>,
}

impl Readiness {
    /// Waits for nothing but the bell yet.
    pub(crate) fn new() -> io::Result<Readiness> {
        let waker = Arc::new(AtomicWaker::new());
        let bell = doorbell(Arc::clone(&waker));
        let (timer, woken) = (Timer::new(), Arc::default());
        let (sockets, streams) = (Vec::new(), BTreeMap::new());
        Ok(Readiness { timer, bell, waker, sockets, streams, woken })
    }

    /// The bell that ends a wait.
    pub(crate) fn doorbell(&self) -> Doorbell {
        self.bell.clone()
    }

    /// Waits until a socket or a connection is ready, the bell rings, or the moment has come; tells
    /// those that are ready.
    pub(crate) async fn wait(
        &mut self,
        sockets: &mut [Socket],
        streams: &mut Streams,
        next: Next,
    ) -> io::Result<()> {
        self.update(sockets)?;
        self.update_streams(streams);
        match next {
            Next::AtOnce => {}
            Next::At(deadline) => self.timer.set(Some(deadline)),
            Next::Whenever => self.timer.set(None),
        }
        let (mut looked, mut heard) = (false, next == Next::AtOnce);
        poll_fn(|context| {
            heard |= self.hear(context, sockets)?.is_ready();
            match (looked, heard) {
                (true, true) => Poll::Ready(io::Result::Ok(())),
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
        .await?;
        self.hear_streams(streams);
        Ok(())
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
        // One that was woken after the last look, and before the bell was answered, rang for nothing.
        heard |= !self.woken.lock().unwrap_or_else(PoisonError::into_inner).is_empty();
        heard |= self.timer.hear(context).is_ready();
        for (registration, socket) in self.sockets.iter().zip(sockets) {
            heard |= registration.hear(context, socket)?.is_ready();
        }
        if heard { Poll::Ready(Ok(())) } else { Poll::Pending }
    }

    /// Registers new connections, has those looked at that want something else than before, and
    /// forgets those that are gone.
    fn update_streams(&mut self, streams: &mut Streams) {
        for id in streams.take_changed() {
            let Some(stream) = streams.get(id) else {
                self.streams.remove(&id);
                continue;
            };
            if let Some(registration) = self.streams.get(&id) {
                // Looking begins to wait.
                registration.hear(id, streams);
                continue;
            }
            match StreamRegistration::new(self.sign_of(id), stream) {
                Ok(registration) => {
                    registration.hear(id, streams);
                    self.streams.insert(id, registration);
                }
                Err(error) => streams.on_broken(id, error),
            }
        }
    }

    /// Tells connections what was heard.
    fn hear_streams(&mut self, streams: &mut Streams) {
        let woken = std::mem::take(&mut *self.woken.lock().unwrap_or_else(PoisonError::into_inner));
        for id in woken {
            if let Some(registration) = self.streams.get(&id) {
                registration.hear(id, streams);
            }
        }
    }

    /// What wakes for a connection: it is noted, and the wait ends.
    fn sign_of(&self, id: StreamId) -> Waker {
        let woken = Arc::clone(&self.woken);
        self.bell.waker(move || woken.lock().unwrap_or_else(PoisonError::into_inner).push(id))
    }
}

#[cfg(test)]
fn wait(readiness: &mut Readiness, sockets: &mut [Socket], streams: &mut Streams, next: Next) {
    async_io::block_on(readiness.wait(sockets, streams, next)).unwrap();
}

#[cfg(test)]
#[path = "../../runtime/shells/readiness_tests.rs"]
mod tests;
