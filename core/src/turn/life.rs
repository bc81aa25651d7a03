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
//!
//! An Allocate that meets an allocation of a former life of ours ends that one and is asked again.
//! Some servers still have it in the way for a moment after they said that it is ended: then we
//! are *yielding*, for longer each time.

use std::time::Duration;

use super::event::LossCause;

/// Proofs of life without an answer, in a row, that mean that there is nobody.
const SILENT_MAX: u8 = 3;
/// Waits for an allocation to get out of the way that the server says is ended. coturn 4.6 needs a
/// good second. After these the server is left alone for a while.
const YIELD_WAITS_MS: [u64; 6] = [250, 500, 350, 400, 1_000, 2_000];

/// Where an allocation stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Life {
    /// For the time to try again.
    Waiting,
    /// Allocate is in the air.
    Allocating { mismatches: u8 },
    /// A Refresh that ends what is in the way is in the air.
    Deleting { mismatches: u8 },
    /// What was in the way is ended, and still in the way.
    Yielding { mismatches: u8 },
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
    /// Ask again after so long.
    Yield(Duration),
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

/// Allocate for the first time.
const FRESH: Life = Life::Allocating { mismatches: 0 };

impl Life {
    /// The one place that knows what follows what.
    pub(super) fn on(self, input: Input) -> (Life, Action) {
        match (self, input) {
            (Life::Closed, _) => (self, Action::Nothing),
            (Life::Closing, Input::Deleted) => (Life::Closed, Action::Stop),
            (Life::Closing, _) => (self, Action::Nothing),
            (_, Input::Close) => self.on_close(),
            (Life::Held { .. }, Input::Reconnected) => {
                (FRESH, Action::Rebuild(LossCause::Reconnected))
            }
            (_, Input::Reconnected) => (FRESH, Action::Allocate),
            (Life::Waiting, _) => self.on_while_waiting(input),
            (Life::Allocating { mismatches }, _) => self.on_while_allocating(mismatches, input),
            (Life::Deleting { mismatches }, Input::Deleted)
            | (Life::Yielding { mismatches }, Input::Due) => {
                (Life::Allocating { mismatches }, Action::Allocate)
            }
            (Life::Deleting { .. } | Life::Yielding { .. } | Life::Moving, _) => {
                (self, Action::Nothing)
            }
            (Life::Held { silent }, _) => self.on_while_held(silent, input),
        }
    }

    fn on_close(self) -> (Life, Action) {
        match self {
            Life::Held { .. } => (Life::Closing, Action::Delete),
            Life::Deleting { .. } => (Life::Closing, Action::Nothing),
            Life::Waiting | Life::Allocating { .. } | Life::Yielding { .. } | Life::Moving => {
                (Life::Closed, Action::Stop)
            }
            Life::Closing | Life::Closed => (self, Action::Nothing),
        }
    }

    fn on_while_waiting(self, input: Input) -> (Life, Action) {
        match input {
            Input::Due => (FRESH, Action::Allocate),
            Input::MovedAway => (Life::Moving, Action::Move),
            Input::Granted
            | Input::Mismatch
            | Input::AskOtherwise
            | Input::Refused
            | Input::Unanswered
            | Input::Alive
            | Input::NoSign
            | Input::Lost { .. }
            | Input::Renew
            | Input::Deleted
            | Input::Reconnected
            | Input::Close => (self, Action::Nothing),
        }
    }

    fn on_while_allocating(self, mismatches: u8, input: Input) -> (Life, Action) {
        match input {
            Input::Granted => (Life::Held { silent: 0 }, Action::Announce),
            Input::Mismatch => on_mismatch(mismatches),
            Input::Refused => (Life::Waiting, Action::Refuse),
            Input::AskOtherwise => (self, Action::Allocate),
            Input::MovedAway => (Life::Moving, Action::Move),
            Input::Unanswered => (Life::Waiting, Action::FallSilent),
            Input::Due
            | Input::Alive
            | Input::NoSign
            | Input::Lost { .. }
            | Input::Renew
            | Input::Deleted
            | Input::Reconnected
            | Input::Close => (self, Action::Nothing),
        }
    }

    fn on_while_held(self, silent: u8, input: Input) -> (Life, Action) {
        match input {
            Input::Alive => (Life::Held { silent: 0 }, Action::Nothing),
            Input::NoSign if silent + 1 < SILENT_MAX => {
                (Life::Held { silent: silent + 1 }, Action::Probe)
            }
            Input::NoSign => (FRESH, Action::Rebuild(LossCause::Silent)),
            Input::Lost { cause, is_young: true } => (Life::Waiting, Action::RebuildLater(cause)),
            Input::Lost { cause, is_young: false } => (FRESH, Action::Rebuild(cause)),
            Input::Renew => (Life::Deleting { mismatches: 0 }, Action::Replace(LossCause::Renewed)),
            Input::Due
            | Input::Granted
            | Input::Mismatch
            | Input::AskOtherwise
            | Input::MovedAway
            | Input::Refused
            | Input::Unanswered
            | Input::Deleted
            | Input::Reconnected
            | Input::Close => (self, Action::Nothing),
        }
    }
}

/// Something is in the way: it is ended the first time, and then waited for.
fn on_mismatch(before: u8) -> (Life, Action) {
    let mismatches = before.saturating_add(1);
    match before.checked_sub(1).map(|waits| YIELD_WAITS_MS.get(usize::from(waits))) {
        None => (Life::Deleting { mismatches }, Action::Delete),
        Some(Some(ms)) => {
            (Life::Yielding { mismatches }, Action::Yield(Duration::from_millis(*ms)))
        }
        Some(None) => (Life::Waiting, Action::Refuse),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATES: [(&str, Life); 13] = [
        ("Waiting", Life::Waiting),
        ("Allocating 0", Life::Allocating { mismatches: 0 }),
        ("Allocating 1", Life::Allocating { mismatches: 1 }),
        ("Allocating 6", Life::Allocating { mismatches: 6 }),
        ("Allocating 7", Life::Allocating { mismatches: 7 }),
        ("Deleting 1", Life::Deleting { mismatches: 1 }),
        ("Yielding 2", Life::Yielding { mismatches: 2 }),
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
