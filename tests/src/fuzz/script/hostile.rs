//! Datagrams and texts of people who mean harm, or whose programs are broken.

use std::net::SocketAddr;

use stun_types::message::{
    BINDING, MessageClass, MessageType, ShortTermCredentials, TransactionId,
};

use super::Script;
use super::signed::signed;
use crate::fuzz::stage::{LOCALS, MUTE, SOURCES, VIEWER, fresh_offer};

/// Datagrams that one datagram may make us send: an answer, a check back, a flight of DTLS, and
/// packets that a report says are lost.
const ANSWERS_MAX: usize = 200;

impl Script<'_> {
    /// Any bytes from anybody to any of our addresses.
    pub(super) fn datagram(&mut self) {
        let (local, remote, payload) = (self.local(), self.source(), self.long_bytes());
        self.hand_in(local, remote, payload);
    }

    /// The same bytes behind each of the first bytes that there are: every kind of RFC 7983.
    pub(super) fn first_bytes(&mut self) {
        let (remote, bytes) = (self.source(), self.bytes());
        for first in 0..=255 {
            let payload = [&[first], bytes].concat();
            self.hand_in(LOCALS[0], remote, &payload);
        }
    }

    /// Something that the viewer once sent: again, from elsewhere, or with bytes changed.
    pub(super) fn overheard(&mut self) {
        let (local, source, index) = (self.local(), self.source(), self.byte());
        let (changes, cut) = (self.bytes(), self.byte());
        let count = self.stage.overheard.len();
        let Some(at) = count.checked_sub(1 + usize::from(index) % count.max(1)) else { return };
        let mut payload = self.stage.overheard[at].clone();
        for change in changes.chunks_exact(2) {
            let place = usize::from(change[0]) % payload.len().max(1);
            payload[place] ^= change[1];
        }
        payload.truncate(payload.len().saturating_sub(usize::from(cut)));
        // Who has overheard a check can have it answered.
        let remote = if source == MUTE { VIEWER } else { source };
        self.is_harmless = false;
        self.hand_in(local, remote, &payload);
    }

    /// A check with the right password and any attributes, from anywhere.
    pub(super) fn check(&mut self) {
        let (local, source, index) = (self.local(), self.source(), self.byte());
        let (class, attributes) = (self.byte(), self.bytes());
        let Some(known) = self.stage.known.get(usize::from(index) % self.stage.known.len().max(1))
        else {
            return;
        };
        let password = ShortTermCredentials::new(known.password.clone()).into();
        let theirs = String::from_utf8_lossy(&attributes[..attributes.len().min(4)]);
        let name = format!("{}:{theirs}", known.ufrag);
        let class = match class % 4 {
            0 | 1 => MessageClass::Request,
            2 => MessageClass::Indication,
            _ => MessageClass::Success,
        };
        let kind = MessageType::from_class_method(class, BINDING);
        let id = TransactionId::from(u128::from(index));
        let payload = signed(kind, id, Some(&name), attributes, &password);
        self.is_harmless = false;
        let remote = if source == MUTE { VIEWER } else { source };
        self.hand_in(local, remote, &payload);
    }

    /// A candidate of the viewer's at any address.
    pub(super) fn candidate_of(&mut self) {
        let (source, kind, priority) = (self.source(), self.choice(4), self.byte());
        let kind = ["host", "srflx", "prflx", "relay"][kind];
        let remote = if source == MUTE { VIEWER } else { source };
        let (ip, port) = (remote.ip(), remote.port());
        self.add(&format!("candidate:1 1 udp {priority} {ip} {port} typ {kind}"));
    }

    pub(super) fn candidate_line(&mut self) {
        let text = self.text();
        self.add(&text);
    }

    fn add(&mut self, candidate: &str) {
        let Some(id) = self.session() else { return };
        self.is_harmless = false;
        // Taken or refused: what follows is checked by all that comes after.
        let _ = self.stage.endpoint.add_candidate(self.stage.now, id, candidate);
        self.stage.settle("candidate");
    }

    pub(super) fn fragment(&mut self) {
        let text = self.text();
        self.take_fragment(&text);
    }

    /// A fragment with other credentials: ICE restarts, with a viewer that knows nothing of it.
    pub(super) fn restart_by_fragment(&mut self) {
        let (name, lines) = (self.byte(), self.text());
        let text = format!("a=ice-ufrag:evil{name}\r\na=ice-pwd:{}\r\n{lines}", "x".repeat(22));
        self.take_fragment(&text);
    }

    fn take_fragment(&mut self, text: &str) {
        let Some(id) = self.session() else { return };
        self.is_harmless = false;
        let answer = self.stage.endpoint.handle_fragment(self.stage.now, id, text);
        if let Ok(Some(answer)) = answer {
            self.stage.learn(id, &answer);
        }
        self.stage.settle("fragment");
    }

    /// An offer: of a real stack, with a piece replaced by any text.
    pub(super) fn offer(&mut self) {
        let offer = self.bent(&fresh_offer(self.stage.now));
        if let Ok(accepted) = self.stage.endpoint.accept_offer(self.stage.now, &offer) {
            self.is_harmless = false;
            self.stage.learn(accepted.session, &accepted.answer);
        }
        self.stage.settle("offer");
    }

    /// A further offer for a session: the viewer's own, which restarts ICE, or a bent one.
    pub(super) fn renegotiate(&mut self) {
        let Some(id) = self.session() else { return };
        let own = self.byte() & 1 == 0;
        self.is_harmless = false;
        let now = self.stage.now;
        let first = self.stage.known.first().map(|known| known.id);
        let offered = match &mut self.stage.viewer {
            Some(viewer) if own && first == Some(id) => viewer.offer_again(),
            _ => None,
        };
        if let Some((offer, pending)) = offered {
            if let Ok(answer) = self.stage.endpoint.renegotiate(now, id, &offer) {
                self.stage.learn(id, &answer);
                if let Some(viewer) = &mut self.stage.viewer {
                    viewer.take_answer(pending, &answer);
                }
            }
        } else {
            let offer = self.bent(&fresh_offer(now));
            if let Ok(answer) = self.stage.endpoint.renegotiate(now, id, &offer) {
                self.stage.learn(id, &answer);
            }
        }
        self.stage.settle("renegotiation");
    }

    fn bent(&mut self, offer: &str) -> String {
        let at = usize::from(self.byte()) << 8 | usize::from(self.byte());
        let (length, piece) = (usize::from(self.byte()), self.text());
        let bytes = offer.as_bytes();
        let at = at % bytes.len().max(1);
        let end = (at + length).min(bytes.len());
        let bent = [&bytes[..at], piece.as_bytes(), &bytes[end..]].concat();
        String::from_utf8_lossy(&bent).into_owned()
    }

    fn hand_in(&mut self, local: SocketAddr, remote: SocketAddr, payload: &[u8]) {
        self.stage.hand_in(local, remote, payload);
        let sent = self.stage.settle("datagram");
        assert!(sent <= ANSWERS_MAX, "{sent} datagrams after one");
    }

    fn local(&mut self) -> SocketAddr {
        LOCALS[self.choice(LOCALS.len())]
    }

    pub(super) fn source(&mut self) -> SocketAddr {
        SOURCES[self.choice(SOURCES.len())]
    }
}
