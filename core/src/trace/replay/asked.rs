//! Which request of the re-run a recorded answer belongs to: ids are drawn anew, so it is found by
//! where it went, what it asked for, and when.

use std::collections::{BTreeMap, VecDeque};

use super::ways::Way;
use crate::trace::packet::{StunAttribute, StunMessage};

/// Requests that may be answered still, of the recording and of the re-run; the oldest goes.
const REQUESTS_MAX: usize = 4_096;

/// A request of the re-run's.
#[derive(Debug, Clone)]
pub(super) struct Sent {
    pub(super) id: [u8; 12],
    pub(super) username: Option<String>,
    pub(super) realm: Option<String>,
    way: Way,
    wish: Wish,
    at_us: u64,
    answered: bool,
}

/// What a request asks for, names and keys aside.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Wish {
    method: String,
    is_signed: bool,
    details: Vec<StunAttribute>,
}

/// Requests of both sides.
#[derive(Debug, Default)]
pub(super) struct Asked {
    recorded: BTreeMap<u64, (Way, Wish, u64)>,
    sent: VecDeque<Sent>,
    /// Answered recorded transactions, for answers that come twice.
    known: BTreeMap<u64, Sent>,
}

impl Asked {
    /// Notes a recorded request of ours.
    pub(super) fn on_recorded(&mut self, at_us: u64, way: Way, message: &StunMessage) {
        if message.class != "request" {
            return;
        }
        if self.recorded.len() >= REQUESTS_MAX {
            self.recorded.pop_first();
        }
        self.recorded.entry(message.transaction).or_insert((way, Wish::of(message), at_us));
    }

    /// Notes a request that the re-run sent; `raw` are its user name and realm as they stand in it.
    pub(super) fn on_sent(
        &mut self,
        at_us: u64,
        way: Way,
        message: &StunMessage,
        id: [u8; 12],
        raw: (Option<String>, Option<String>),
    ) {
        if message.class != "request" || self.sent.iter().any(|sent| sent.id == id) {
            return;
        }
        if self.sent.len() >= REQUESTS_MAX {
            self.sent.pop_front();
        }
        let (username, realm) = raw;
        let wish = Wish::of(message);
        self.sent.push_back(Sent { id, username, realm, way, wish, at_us, answered: false });
    }

    /// The request that a recorded answer is for: among those like the recorded one and not
    /// answered yet, the one sent at the nearest time. Where the recording does not have the
    /// request, the last that went the same way.
    pub(super) fn answered(&mut self, way: Way, answer: &StunMessage) -> Option<Sent> {
        if let Some(sent) = self.known.get(&answer.transaction) {
            return Some(sent.clone());
        }
        let mut open = self.sent.iter_mut().filter(|sent| !sent.answered);
        let found = match self.recorded.get(&answer.transaction) {
            Some((way, wish, at_us)) => open
                .filter(|sent| sent.way == *way && sent.wish == *wish)
                .min_by_key(|sent| sent.at_us.abs_diff(*at_us)),
            None => open.rfind(|sent| sent.way == way && sent.wish.method == answer.method),
        };
        let sent = found?;
        sent.answered = true;
        let sent = sent.clone();
        if self.known.len() >= REQUESTS_MAX {
            self.known.pop_first();
        }
        self.known.insert(answer.transaction, sent.clone());
        Some(sent)
    }
}

impl Wish {
    fn of(message: &StunMessage) -> Wish {
        let details = message.attributes.iter().filter_map(|attribute| match attribute {
            StunAttribute::XorPeerAddress(_)
            | StunAttribute::RequestedAddressFamily(_)
            | StunAttribute::ChangeRequest(_)
            | StunAttribute::UseCandidate => Some(attribute.clone()),
            // Whether it ends something, not for how long it lasts.
            StunAttribute::Lifetime(seconds) => Some(StunAttribute::Lifetime((*seconds).min(1))),
            _ => None,
        });
        Wish {
            method: message.method.clone(),
            is_signed: message.attributes.contains(&StunAttribute::MessageIntegrity),
            details: details.collect(),
        }
    }
}
