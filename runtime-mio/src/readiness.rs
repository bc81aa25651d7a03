//! Waits for sockets, connections, the timer and the bell, and says what it heard.
use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

use mio::{Events, Poll, Token};
use pinhole_core::StreamId;
use pinhole_runtime::{Doorbell, Next, Socket, Streams};

use crate::socket::Registration;
use crate::stream::StreamRegistration;
use crate::timer::Timer;
use crate::wake::doorbell;

const BELL: Token = Token(usize::MAX - 1);
const TIMER: Token = Token(usize::MAX - 2);
/// The first token of a connection; those below are sockets'.
const FIRST_STREAM: usize = 16;
/// Events heard at once; those beyond are heard with the next wait.
const EVENTS: usize = 128;

/// All that the loop waits for.
pub(crate) struct Readiness {
    poll: Poll,
    events: Events,
    timer: Timer,
    bell: Doorbell,
    sockets: Vec<Registration>,
    streams: BTreeMap<StreamId, StreamRegistration>,
}

impl Readiness {
    /// Waits for nothing but the bell yet.
    pub(crate) fn new() -> io::Result<Readiness> {
        let poll = Poll::new()?;
        let timer = Timer::new(poll.registry(), TIMER)?;
        let bell = doorbell(poll.registry(), BELL)?;
        let events = Events::with_capacity(EVENTS);
        let (sockets, streams) = (Vec::new(), BTreeMap::new());
        Ok(Readiness { poll, events, timer, bell, sockets, streams })
    }

    /// The bell that ends a wait.
    pub(crate) fn doorbell(&self) -> Doorbell {
        self.bell.clone()
    }

    /// Waits until a socket or a connection is ready, the bell rings, or the moment has come; tells
    /// those that are ready.
    pub(crate) fn wait(
        &mut self,
        sockets: &mut [Socket],
        streams: &mut Streams,
        next: Next,
    ) -> io::Result<()> {
        self.update(sockets)?;
        self.update_streams(streams);
        match next {
            Next::AtOnce => {}
            Next::At(deadline) => self.timer.set(Some(deadline))?,
            Next::Whenever => self.timer.set(None)?,
        }
        let timeout = (next == Next::AtOnce).then_some(Duration::ZERO);
        match self.poll.poll(&mut self.events, timeout) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(()),
            polled => polled?,
        }
        self.hear(sockets);
        self.hear_streams(streams);
        Ok(())
    }

    /// Registers new sockets, and binds broken ones anew.
    fn update(&mut self, sockets: &mut [Socket]) -> io::Result<()> {
        let registry = self.poll.registry();
        for (index, socket) in sockets.iter_mut().enumerate() {
            if socket.is_broken() {
                self.sockets.truncate(index);
                socket.rebind()?;
            }
            match self.sockets.get_mut(index) {
                Some(registration) => registration.update(registry, socket)?,
                None => self.sockets.push(Registration::new(registry, Token(index), socket)?),
            }
        }
        Ok(())
    }

    /// Tells the timer and the sockets what was heard.
    fn hear(&mut self, sockets: &mut [Socket]) {
        for event in &self.events {
            let index = event.token().0;
            if event.token() == TIMER {
                self.timer.hear();
            } else if let (Some(registration), Some(socket)) =
                (self.sockets.get(index), sockets.get_mut(index))
            {
                registration.hear(event, socket);
            }
        }
    }

    /// Registers new connections, and forgets those that are gone.
    fn update_streams(&mut self, streams: &mut Streams) {
        let registry = self.poll.registry();
        for id in streams.take_changed() {
            let Some(stream) = streams.get(id) else {
                self.streams.remove(&id);
                continue;
            };
            if self.streams.contains_key(&id) {
                // Waits for all that it could want.
                continue;
            }
            match StreamRegistration::new(registry, sign_of(id), stream) {
                Ok(registration) => drop(self.streams.insert(id, registration)),
                Err(error) => streams.on_broken(id, error),
            }
        }
    }

    /// Tells connections what was heard.
    fn hear_streams(&mut self, streams: &mut Streams) {
        for event in &self.events {
            let id = event.token().0.checked_sub(FIRST_STREAM).map(|id| StreamId(id as u64));
            if let Some((id, registration)) = id.and_then(|id| self.streams.get_key_value(&id)) {
                registration.hear(event, *id, streams);
            }
        }
    }
}

/// The token of a connection. Ids count up from 0, so they never reach those at the other end.
fn sign_of(id: StreamId) -> Token {
    Token(FIRST_STREAM + id.0 as usize)
}

#[cfg(test)]
fn wait(readiness: &mut Readiness, sockets: &mut [Socket], streams: &mut Streams, next: Next) {
    readiness.wait(sockets, streams, next).unwrap();
}

#[cfg(test)]
#[path = "../../runtime/shells/readiness_tests.rs"]
mod tests;
