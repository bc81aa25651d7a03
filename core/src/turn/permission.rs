//! A permission for one peer IP address (RFC 8656 §9), as a kernel.

use std::time::Duration;

/// When a granted permission is asked for again. It is good for 300 s (RFC 8656 §3.3).
const REFRESH: Duration = Duration::from_secs(240);
/// When one that failed is asked for again.
const RETRY: Duration = Duration::from_secs(2);
/// When one that was refused is asked for again.
const REFUSED: Duration = Duration::from_secs(60);

/// Where a permission stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Permission {
    /// Waits for room among the requests in the air, or for an allocation.
    Wanted,
    /// CreatePermission is in the air.
    Asked,
    /// The server passes on what this peer sends.
    Granted,
    /// It did not work; what an earlier request granted may be good still.
    Failed,
    /// The server does not relay to this peer.
    Refused,
}

/// What happens to a permission or a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Input {
    /// Its request is in the air.
    Sent,
    /// The request was granted.
    Granted,
    /// The peer was refused.
    Refused,
    /// The request failed, or nobody answered.
    Failed,
    /// Its time has come; somebody sends to the peer still, or not.
    Due { in_use: bool },
    /// Something is about to be sent to the peer.
    Used,
    /// The server knows nothing of it: there is a new allocation.
    Anew { in_use: bool },
}

/// What the driver does about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    Nothing,
    /// Send its request as soon as there is room.
    Ask,
    /// Come back after this time.
    After(Duration),
    /// Come back when the number may go to another peer.
    Rest,
    /// Forget it.
    Drop,
}

impl Permission {
    pub(super) fn on(self, input: Input) -> (Permission, Action) {
        match (self, input) {
            (_, Input::Anew { in_use: true }) => (Permission::Wanted, Action::Ask),
            (_, Input::Anew { in_use: false }) => (self, Action::Drop),
            (Permission::Wanted, Input::Sent) => (Permission::Asked, Action::Nothing),
            (Permission::Asked, Input::Granted) => (Permission::Granted, Action::After(REFRESH)),
            (Permission::Asked, Input::Failed) => (Permission::Failed, Action::After(RETRY)),
            (Permission::Asked, Input::Refused) => (Permission::Refused, Action::After(REFUSED)),
            (
                Permission::Granted | Permission::Failed | Permission::Refused,
                Input::Due { in_use },
            ) => {
                if in_use {
                    (Permission::Wanted, Action::Ask)
                } else {
                    (self, Action::Drop)
                }
            }
            (
                Permission::Wanted
                | Permission::Asked
                | Permission::Granted
                | Permission::Failed
                | Permission::Refused,
                Input::Sent
                | Input::Granted
                | Input::Failed
                | Input::Refused
                | Input::Due { .. }
                | Input::Used,
            ) => (self, Action::Nothing),
        }
    }

    /// Whether anything can be sent to the peer and taken from it. Before the grant arrives it can:
    /// an answer that is lost must not cost what the server lets through.
    pub(super) fn allows(self) -> bool {
        self != Permission::Refused
    }
}

#[cfg(test)]
pub(super) const INPUTS: [Input; 9] = [
    Input::Sent,
    Input::Granted,
    Input::Refused,
    Input::Failed,
    Input::Due { in_use: true },
    Input::Due { in_use: false },
    Input::Used,
    Input::Anew { in_use: true },
    Input::Anew { in_use: false },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_and_input_lead_where_the_table_says() {
        use Permission::{Asked, Failed, Granted, Refused, Wanted};
        let mut table = String::new();
        for state in [Wanted, Asked, Granted, Failed, Refused] {
            for input in INPUTS {
                let (next, action) = state.on(input);
                if (next, action) != (state, Action::Nothing) {
                    table += &format!("{state:?} · {input:?} → {next:?}, {action:?}\n");
                }
            }
        }

        assert_eq!(table, include_str!("tests/permission.txt"), "{table}");
    }
}
