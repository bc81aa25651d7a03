//! The life of an allocation, as a kernel: states, inputs, actions; no bytes, no clocks.
//!
//! ```text
//!             Due                 Granted
//!  Waiting ─────────▶ Allocating ─────────▶ Held ──Close──▶ Closing ──▶ Closed
//!     ▲                │  │  ▲ ▲             │  │
//!     └─Refused,Silent─┘  │  │ └────Lost─────┘  │ Renew
//!                 Mismatch│  │Deleted           ▼
//!                         └─▶└───────────── Deleting
//! ```

use super::event::LossCause;

/// Proofs of life without an answer, in a row, that mean that there is nobody.
const SILENT_MAX: u8 = 3;
/// Times that an allocation in the way is ended before the server is left alone for a while.
const DELETES_MAX: u8 = 2;

/// Where an allocation stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Life {
    /// For the time to try again.
    Waiting,
    /// Allocate is in the air.
    Allocating { deletes: u8 },
    /// A Refresh that ends what is in the way is in the air.
    Deleting { deletes: u8 },
    /// For the owner to open a leg to the server that we were sent to.
    Moving,
    /// The server relays for us.
    Held { silent: u8 },
    /// A Refresh that ends it is in the air.
    Closing,
    /// For good.
    Closed,
}

/// What happens to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Input {
    /// The time to try again has come.
    Due,
    /// Allocate was granted.
    Granted,
    /// Allocate was answered with 437.
    Mismatch,
    /// Allocate can be asked in another way at once, or at another server on the same leg.
    AskOtherwise,
    /// Another server is to be asked, and the leg leads to one only.
    MovedAway,
    /// Allocate was refused.
    Refused,
    /// Nobody answered Allocate.
    Unanswered,
    /// A proof of life was answered.
    Alive,
    /// A proof of life was not.
    NoSign,
    /// It is known to be gone, soon after it was granted or after a while.
    Lost { cause: LossCause, is_young: bool },
    /// Its credentials are about to end.
    Renew,
    /// The Refresh that ends it was answered, or never will be.
    Deleted,
    /// The owner has a new leg to the server.
    Reconnected,
    /// The owner wants no more of it.
    Close,
}

/// What the driver does about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    Nothing,
    Allocate,
    Delete,
    Probe,
    /// Tell the relayed addresses, bring the peers over.
    Announce,
    /// Tell the refusal and wait.
    Refuse,
    /// Tell the silence and wait.
    FallSilent,
    /// Tell the loss, and allocate at once.
    Rebuild(LossCause),
    /// Tell the loss, and wait: it is lost as soon as it is made.
    RebuildLater(LossCause),
    /// Tell the loss, and end what is still there.
    Replace(LossCause),
    /// Tell where to connect to.
    Move,
    /// Forget everything.
    Stop,
}

impl Life {
    /// The one place that knows what follows what.
    pub(super) fn on(self, input: Input) -> (Life, Action) {
        let fresh = Life::Allocating { deletes: 0 };
        match (self, input) {
            (Life::Closed, _) => (self, Action::Nothing),
            (Life::Closing, Input::Deleted) => (Life::Closed, Action::Stop),
            (Life::Closing, _) => (self, Action::Nothing),

            (Life::Held { .. }, Input::Close) => (Life::Closing, Action::Delete),
            (Life::Deleting { .. }, Input::Close) => (Life::Closing, Action::Nothing),
            (Life::Waiting | Life::Allocating { .. } | Life::Moving, Input::Close) => {
                (Life::Closed, Action::Stop)
            }

            (Life::Held { .. }, Input::Reconnected) => {
                (fresh, Action::Rebuild(LossCause::Reconnected))
            }
            (_, Input::Reconnected) => (fresh, Action::Allocate),

            (Life::Waiting, Input::Due) => (fresh, Action::Allocate),
            (Life::Waiting, Input::MovedAway) => (Life::Moving, Action::Move),

            (Life::Allocating { .. }, Input::Granted) => {
                (Life::Held { silent: 0 }, Action::Announce)
            }
            (Life::Allocating { deletes }, Input::Mismatch) if deletes < DELETES_MAX => {
                (Life::Deleting { deletes: deletes + 1 }, Action::Delete)
            }
            (Life::Allocating { .. }, Input::Mismatch | Input::Refused) => {
                (Life::Waiting, Action::Refuse)
            }
            (Life::Allocating { .. }, Input::AskOtherwise) => (self, Action::Allocate),
            (Life::Allocating { .. }, Input::MovedAway) => (Life::Moving, Action::Move),
            (Life::Allocating { .. }, Input::Unanswered) => (Life::Waiting, Action::FallSilent),

            (Life::Deleting { deletes }, Input::Deleted) => {
                (Life::Allocating { deletes }, Action::Allocate)
            }

            (Life::Held { .. }, Input::Alive) => (Life::Held { silent: 0 }, Action::Nothing),
            (Life::Held { silent }, Input::NoSign) if silent + 1 < SILENT_MAX => {
                (Life::Held { silent: silent + 1 }, Action::Probe)
            }
            (Life::Held { .. }, Input::NoSign) => (fresh, Action::Rebuild(LossCause::Silent)),
            (Life::Held { .. }, Input::Lost { cause, is_young: true }) => {
                (Life::Waiting, Action::RebuildLater(cause))
            }
            (Life::Held { .. }, Input::Lost { cause, is_young: false }) => {
                (fresh, Action::Rebuild(cause))
            }
            (Life::Held { .. }, Input::Renew) => {
                (Life::Deleting { deletes: 0 }, Action::Replace(LossCause::Renewed))
            }

            (
                Life::Waiting
                | Life::Allocating { .. }
                | Life::Deleting { .. }
                | Life::Moving
                | Life::Held { .. },
                Input::Due
                | Input::Granted
                | Input::Mismatch
                | Input::AskOtherwise
                | Input::MovedAway
                | Input::Refused
                | Input::Unanswered
                | Input::Alive
                | Input::NoSign
                | Input::Lost { .. }
                | Input::Renew
                | Input::Deleted,
            ) => (self, Action::Nothing),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATES: [(&str, Life); 10] = [
        ("Waiting", Life::Waiting),
        ("Allocating 0", Life::Allocating { deletes: 0 }),
        ("Allocating 2", Life::Allocating { deletes: 2 }),
        ("Deleting 1", Life::Deleting { deletes: 1 }),
        ("Moving", Life::Moving),
        ("Held 0", Life::Held { silent: 0 }),
        ("Held 1", Life::Held { silent: 1 }),
        ("Held 2", Life::Held { silent: 2 }),
        ("Closing", Life::Closing),
        ("Closed", Life::Closed),
    ];
    const INPUTS: [Input; 15] = [
        Input::Due,
        Input::Granted,
        Input::Mismatch,
        Input::AskOtherwise,
        Input::MovedAway,
        Input::Refused,
        Input::Unanswered,
        Input::Alive,
        Input::NoSign,
        Input::Lost { cause: LossCause::Mismatch, is_young: false },
        Input::Lost { cause: LossCause::Mismatch, is_young: true },
        Input::Renew,
        Input::Deleted,
        Input::Reconnected,
        Input::Close,
    ];

    #[test]
    fn every_state_and_input_lead_where_the_table_says() {
        let mut table = String::new();
        for (name, state) in STATES {
            for input in INPUTS {
                let (next, action) = state.on(input);
                if (next, action) != (state, Action::Nothing) {
                    table += &format!("{name} · {input:?} → {next:?}, {action:?}\n");
                }
            }
        }

        assert_eq!(table, include_str!("tests/life.txt"), "{table}");
    }
}
