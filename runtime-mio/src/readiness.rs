//! Waits for sockets, the timer and the bell, and says what it heard.
use std::io;
use std::time::Duration;

use mio::{Events, Poll, Token};
use pinhole_runtime::{Doorbell, Next, Socket};

use crate::socket::Registration;
use crate::timer::Timer;
use crate::wake::doorbell;

const BELL: Token = Token(usize::MAX - 1);
const TIMER: Token = Token(usize::MAX - 2);
/// More sources than there are: two sockets, bell and timer.
const EVENTS: usize = 16;

/// All that the loop waits for.
pub(crate) struct Readiness {
    poll: Poll,
    events: Events,
    timer: Timer,
    bell: Doorbell,
    sockets: Vec<Registration>,
}

impl Readiness {
    /// Waits for nothing but the bell yet.
    pub(crate) fn new() -> io::Result<Readiness> {
        let poll = Poll::new()?;
        let timer = Timer::new(poll.registry(), TIMER)?;
        let bell = doorbell(poll.registry(), BELL)?;
        let events = Events::with_capacity(EVENTS);
        Ok(Readiness { poll, events, timer, bell, sockets: Vec::new() })
    }

    /// The bell that ends a wait.
    pub(crate) fn doorbell(&self) -> Doorbell {
        self.bell.clone()
    }

    /// Waits until a socket is ready, the bell rings, or the moment has come; tells ready sockets.
    pub(crate) fn wait(&mut self, sockets: &mut [Socket], next: Next) -> io::Result<()> {
        self.update(sockets)?;
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
}

#[cfg(test)]
fn wait(readiness: &mut Readiness, sockets: &mut [Socket], next: Next) {
    readiness.wait(sockets, next).unwrap();
}

#[cfg(test)]
#[path = "../../runtime/shells/readiness_tests.rs"]
mod tests;
