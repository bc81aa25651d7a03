//! A channel to one peer (RFC 8656 §12), as a kernel.
//!
//! Whether it can be used is a matter of time alone: from the grant until the binding ends.

use std::time::Duration;

use super::permission::{Action, Input};

/// How long a binding lasts, RFC 8656 §12.
pub(super) const BINDING: Duration = Duration::from_secs(600);
/// How long after its end the number is nobody else's, RFC 8656 §12.
pub(super) const COOLDOWN: Duration = Duration::from_secs(300);
/// When a bound channel is bound again: there is time left for several requests to fail.
const REFRESH: Duration = Duration::from_secs(480);
/// When one that failed is tried again.
const RETRY: Duration = Duration::from_secs(5);
/// When one that was refused is tried again.
const REFUSED: Duration = Duration::from_secs(60);

/// Where a channel stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Channel {
    /// Waits for room among the requests in the air, or for an allocation.
    Wanted,
    /// ChannelBind is in the air.
    Asked,
    /// Bound.
    Bound,
    /// It did not work; an earlier binding may be good still.
    Failed,
    /// Nobody sends to the peer; its number is kept for it until it may be another's.
    Idle,
}

impl Channel {
    pub(super) fn on(self, input: Input) -> (Channel, Action) {
        match (self, input) {
            (_, Input::Anew { in_use: true }) => (Channel::Wanted, Action::Ask),
            (_, Input::Anew { in_use: false }) => (self, Action::Drop),
            (Channel::Wanted, Input::Sent) => (Channel::Asked, Action::Nothing),
            (Channel::Asked, Input::Granted) => (Channel::Bound, Action::After(REFRESH)),
            (Channel::Asked, Input::Failed) => (Channel::Failed, Action::After(RETRY)),
            (Channel::Asked, Input::Refused) => (Channel::Failed, Action::After(REFUSED)),
            (Channel::Bound | Channel::Failed, Input::Due { in_use: true }) => {
                (Channel::Wanted, Action::Ask)
            }
            (Channel::Bound | Channel::Failed, Input::Due { in_use: false }) => {
                (Channel::Idle, Action::Rest)
            }
            (Channel::Idle, Input::Used) => (Channel::Wanted, Action::Ask),
            (Channel::Idle, Input::Due { .. }) => (self, Action::Drop),
            (
                Channel::Wanted | Channel::Asked | Channel::Bound | Channel::Failed | Channel::Idle,
                Input::Sent
                | Input::Granted
                | Input::Failed
                | Input::Refused
                | Input::Due { .. }
                | Input::Used,
            ) => (self, Action::Nothing),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::turn::permission::INPUTS;

    #[test]
    fn every_state_and_input_lead_where_the_table_says() {
        use Channel::{Asked, Bound, Failed, Idle, Wanted};
        let mut table = String::new();
        for state in [Wanted, Asked, Bound, Failed, Idle] {
            for input in INPUTS {
                let (next, action) = state.on(input);
                if (next, action) != (state, Action::Nothing) {
                    table += &format!("{state:?} · {input:?} → {next:?}, {action:?}\n");
                }
            }
        }

        assert_eq!(table, include_str!("tests/channel.txt"), "{table}");
    }
}
