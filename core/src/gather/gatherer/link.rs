//! The leg to a TURN server, as a kernel: our socket, or a connection that is made again whenever it breaks.
//!
//! ```text
//!            Datagram                  Due              Up
//!  None ─────────▶ Datagram   Waiting ─────▶ Connecting ─────▶ Connected
//!    │ Stream                   ▲ ▲  later each time │             │
//!    └──────────────────────────┘ └── Down, Moved ───┴─────────────┘ at once
//! ```

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::base::StreamId;

/// First wait before a connection that could not be made is tried again; it doubles up to the longest.
const RECONNECT_FIRST: Duration = Duration::from_millis(250);
const RECONNECT_MOST: Duration = Duration::from_secs(30);

/// Where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Link {
    /// Nothing is known that leads there.
    None,
    /// Datagrams from this socket of ours.
    Datagram {
        base: SocketAddr,
    },
    /// The connection broke, or is still to be made.
    Waiting {
        until: Instant,
        backoff: Duration,
    },
    Connecting {
        stream: StreamId,
        backoff: Duration,
    },
    Connected {
        stream: StreamId,
    },
}

/// What happens to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Input {
    /// There is no way to the server.
    NoWay,
    /// The way is a socket of ours, from now on.
    Datagram { base: SocketAddr },
    /// The way is a connection.
    Stream,
    /// A connection may be made now, of this name.
    Due { stream: StreamId },
    /// The connection stands.
    Up { stream: StreamId },
    /// It broke, or could not be made.
    Down,
    /// The server is at another address.
    Moved,
}

/// What the driver does about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    Nothing,
    /// Have the connection made.
    Connect,
    /// It could not be made: try the next way, if there is one.
    NextWay,
}

impl Link {
    pub(super) fn on(self, now: Instant, input: Input) -> (Link, Action) {
        let at_once = Link::Waiting { until: now, backoff: RECONNECT_FIRST };
        match (self, input) {
            (_, Input::NoWay) => (Link::None, Action::Nothing),
            (_, Input::Datagram { base }) => (Link::Datagram { base }, Action::Nothing),
            (_, Input::Stream) => (at_once, Action::Nothing),
            (Link::Waiting { until, backoff }, Input::Due { stream }) if until <= now => {
                (Link::Connecting { stream, backoff }, Action::Connect)
            }
            (Link::Connecting { .. } | Link::Connected { .. }, Input::Up { stream }) => {
                (Link::Connected { stream }, Action::Nothing)
            }
            (Link::Connecting { backoff, .. }, Input::Down) => {
                let backoff = (backoff * 2).min(RECONNECT_MOST);
                (Link::Waiting { until: now + backoff, backoff }, Action::NextWay)
            }
            (Link::Connected { .. }, Input::Down)
            | (Link::Connecting { .. } | Link::Connected { .. }, Input::Moved) => {
                (at_once, Action::Nothing)
            }
            (Link::None | Link::Datagram { .. } | Link::Waiting { .. }, Input::Up { .. })
            | (
                Link::None | Link::Datagram { .. } | Link::Waiting { .. },
                Input::Down | Input::Moved,
            )
            | (
                Link::None
                | Link::Datagram { .. }
                | Link::Waiting { .. }
                | Link::Connecting { .. }
                | Link::Connected { .. },
                Input::Due { .. },
            ) => (self, Action::Nothing),
        }
    }

    /// The connection, made or in the making.
    pub(super) fn stream(self) -> Option<StreamId> {
        match self {
            Link::Connecting { stream, .. } | Link::Connected { stream } => Some(stream),
            Link::None | Link::Datagram { .. } | Link::Waiting { .. } => None,
        }
    }

    /// Whether a request can be sent.
    pub(super) fn stands(self) -> bool {
        matches!(self, Link::Datagram { .. } | Link::Connected { .. })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_input_in_every_state_leads_where_the_table_says() {
        let now = crate::test_clock();
        let base = SocketAddr::from(([192, 0, 2, 1], 5_000));
        let (one, two) = (StreamId(1), StreamId(2));
        let second = Duration::from_secs(1);
        let waiting = |until| Link::Waiting { until, backoff: second };
        let states = [
            ("none", Link::None),
            ("datagram", Link::Datagram { base }),
            ("waits", waiting(now + second)),
            ("has waited", waiting(now)),
            ("connecting", Link::Connecting { stream: one, backoff: second }),
            ("connecting, late", Link::Connecting { stream: one, backoff: RECONNECT_MOST }),
            ("connected", Link::Connected { stream: one }),
        ];
        let inputs = [
            ("no way", Input::NoWay),
            ("datagram", Input::Datagram { base }),
            ("stream", Input::Stream),
            ("due", Input::Due { stream: two }),
            ("up", Input::Up { stream: one }),
            ("down", Input::Down),
            ("moved", Input::Moved),
        ];
        let told = |link| match link {
            Link::Waiting { until, backoff } => {
                format!("waits {:?}, then {backoff:?}", until - now)
            }
            other => format!("{other:?}"),
        };
        let mut table = String::new();
        for (name, state) in states {
            for (input_name, input) in inputs {
                let (next, action) = state.on(now, input);
                if (next, action) != (state, Action::Nothing) {
                    table += &format!("{name} · {input_name} → {}, {action:?}\n", told(next));
                }
            }
        }

        assert_eq!(table, include_str!("link.txt"), "{table}");
    }
}
