//! One UDP socket's mapping as one server sees it, asked for, kept alive and asked for again, for
//! ever: RFC 8489 §6 and §7 as a client, without authentication (§9), which servers for the public
//! do not ask for in Binding.
//!
//! A server that is silent or refuses costs a request now and then, and nobody waits for it. An
//! answer counts only if its transaction is open and it came from the server, which the owner
//! checks; everything else is dropped and changes nothing.

mod kernel;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use kernel::{Action, Kernel};

use super::message::{self, BindingMessage, Outcome};
use crate::base::SeedRng;
use crate::wire::DropReason;

/// What became of the question where we are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BindingEvent {
    /// The mapping is known for the first time, has changed, or is back.
    Mapped(SocketAddr),
    /// Nobody answered: no mapping is known. Told once; the server is asked again later.
    Silent,
    /// The server answered with this error: no mapping is known. Told once per code; asked again
    /// later, and a redirection (300) is not followed: the operator named this server.
    Refused(u16),
}

/// The driver: bytes, randomness, and what is to go out.
pub(crate) struct Binding {
    kernel: Kernel,
    rng: SeedRng,
    /// Whether the open transaction's request is to leave.
    is_due: bool,
    /// The latest news: what nobody took is replaced, as only the state now is of use.
    event: Option<BindingEvent>,
    other_address: Option<SocketAddr>,
}

impl Binding {
    /// The first request is due at `now`.
    pub(crate) fn new(now: Instant, rng: SeedRng) -> Binding {
        let kernel = Kernel::new(now);
        Binding { kernel, rng, is_due: false, event: None, other_address: None }
    }

    /// Takes a STUN message that came from the server's address.
    ///
    /// # Errors
    /// Why it was dropped; nothing has changed then. `NoTransaction` says that it may be somebody
    /// else's, such as an allocation's with the same server.
    pub(crate) fn handle_message(
        &mut self,
        now: Instant,
        payload: &[u8],
    ) -> Result<(), DropReason> {
        let BindingMessage::Response(id, outcome) = message::parse(payload)? else {
            return Err(DropReason::NoTransaction);
        };
        let action = self.kernel.on_response(now, id, outcome, &mut self.rng)?;
        if let Outcome::Mapped(mapped) = outcome {
            self.other_address = mapped.other;
        }
        self.is_due = false;
        self.act(action);
        Ok(())
    }

    /// Time has passed.
    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        let action = self.kernel.on_timeout(now, &mut self.rng);
        self.act(action);
    }

    /// Asks again at once, as after a change of the network. What was known stays known until the
    /// answer, or its absence, says otherwise.
    pub(crate) fn probe(&mut self, now: Instant) {
        self.is_due = false;
        self.kernel.on_probe(now);
    }

    /// Writes one datagram to the server and returns its length; `buffer` must have room for
    /// [`message::REQUEST_BYTES_MAX`].
    pub(crate) fn poll_transmit(&mut self, now: Instant, buffer: &mut [u8]) -> Option<usize> {
        if !std::mem::take(&mut self.is_due) {
            return None;
        }
        let length = message::write_request(buffer, self.kernel.transaction()?, None)?;
        self.kernel.on_sent(now);
        Some(length)
    }

    /// The latest news, once.
    pub(crate) fn poll_event(&mut self) -> Option<BindingEvent> {
        self.event.take()
    }

    /// When to call [`Self::handle_timeout`]; there is always such a time.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        Some(self.kernel.deadline())
    }

    /// The socket as the server sees it, as far as is known.
    pub(crate) fn mapped(&self) -> Option<SocketAddr> {
        self.kernel.mapped()
    }

    /// The last round trip that is certain.
    pub(crate) fn rtt(&self) -> Option<Duration> {
        self.kernel.rtt()
    }

    /// The server's other address, for behaviour discovery.
    pub(crate) fn other_address(&self) -> Option<SocketAddr> {
        self.other_address
    }

    fn act(&mut self, action: Action) {
        match action {
            Action::Nothing => {}
            Action::Send => self.is_due = true,
            Action::Tell(event) => {
                tracing::debug!(?event, "stun binding");
                self.event = Some(event);
            }
        }
    }
}

#[cfg(test)]
mod tests;
