//! Watches the encoder thread, and lets the next back end of the chain take over.
//!
//! A back end that hangs, in a driver for instance, cannot be ended from outside: its thread is left behind
//! with it, and ends when it comes back, if it ever does. One that failed ends its thread itself. Either way
//! a new thread starts the next back end; there is one way of taking over. Without a chain a hanging
//! encoder is reported, and so is its return.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::encode::{Begin, Charge};
use super::patience::Seen;
use super::shared::{Shared, State, Worker};
use super::succession::{Next, Succession, Trouble};
use crate::encoder::{EncoderSettings, Starter};
use crate::media::MediaEvent;

/// How long one call may take before somebody is told.
const TOLD_AFTER: Duration = Duration::from_millis(1000);
/// How often it is looked at, while somebody watches.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Watches, and knows who takes over.
pub(crate) struct Watchdog {
    chain: Vec<Starter>,
    succession: Succession,
    settings: EncoderSettings,
    promised: [u8; 3],
    seen: Seen,
    /// The call that was reported as hanging.
    told: Option<Instant>,
    /// Who was given up, and why, until one that took over has proved itself.
    given_up: Option<(String, String)>,
}

/// What a look finds.
enum Look {
    Nothing,
    Tell(MediaEvent),
    Replace(Trouble, String),
}

impl Watchdog {
    /// Takes who takes over, the settings at start, and what viewers are told of the profile.
    pub(crate) fn new(
        chain: Vec<Starter>,
        settings: EncoderSettings,
        promised: [u8; 3],
    ) -> Watchdog {
        let succession = Succession::new(chain.len());
        let (seen, told, given_up) = (Seen::default(), None, None);
        Watchdog { chain, succession, settings, promised, seen, told, given_up }
    }

    /// Runs until the stream is dropped, or nobody is left to take over.
    pub(crate) fn run(mut self, shared: &Arc<Shared>) {
        let _running = shared.running(Worker::Watchdog);
        let mut state = shared.lock();
        while !state.stopping {
            match self.look(&mut state) {
                Look::Nothing => state = shared.wait_watching(state, LOOK_EVERY),
                Look::Tell(event) => {
                    drop(state);
                    shared.report(event);
                    state = shared.lock();
                }
                Look::Replace(trouble, why) => {
                    drop(state);
                    if let Err(text) = self.replace(shared, trouble, &why) {
                        tracing::warn!(text, "the encoder failed for good");
                        shared.report(MediaEvent::Failed(text));
                        return;
                    }
                    state = shared.lock();
                }
            }
        }
    }

    fn look(&mut self, state: &mut State) -> Look {
        if let Some(error) = state.epoch.failure.take() {
            return Look::Replace(Trouble::Fails, error.to_string());
        }
        let call = state.epoch.call;
        if self.told.is_some() && self.told != call.map(|call| call.since) {
            self.told = None;
            return Look::Tell(MediaEvent::Recovered);
        }
        let Some(call) = call else { return Look::Nothing };
        let seen = self.seen.look(call.since, Instant::now());
        let ms = u64::try_from(call.since.elapsed().as_millis()).unwrap_or(u64::MAX);
        if seen >= call.patience && !self.chain.is_empty() {
            tracing::warn!(ms, call = ?call.call, "the encoder hangs");
            let hangs = format!("it did not answer for {ms} ms");
            return Look::Replace(Trouble::Hangs, hangs);
        }
        if seen >= TOLD_AFTER && self.told.is_none() {
            tracing::warn!(ms, call = ?call.call, "the encoder does not answer");
            self.told = Some(call.since);
            return Look::Tell(MediaEvent::Stalled(ms));
        }
        Look::Nothing
    }

    /// Lets the next one take over. The text of an error is for people.
    fn replace(&mut self, shared: &Arc<Shared>, trouble: Trouble, why: &str) -> Result<(), String> {
        let state = shared.lock();
        let (name, is_proved) = (state.epoch.name.clone(), state.epoch.is_proved);
        let settings = state.epoch.settings.unwrap_or(self.settings);
        // The thread of this epoch is alive if it hangs; one that failed may be about to end.
        let hanging = state.epoch.alive.saturating_sub(1);
        drop(state);
        tracing::warn!(encoder = name, why, "the encoder is given up");
        self.given_up = Some(match self.given_up.take().filter(|_| !is_proved) {
            None => (name, why.to_owned()),
            Some((from, before)) => (from, format!("{before}; then {name}: {why}")),
        });
        let next = match self.succession.on_trouble(Instant::now(), trouble, hanging) {
            Next::Start(next) => self.chain.get(next).cloned(),
            Next::Alone => None,
            Next::TooOften => {
                return Err(format!(
                    "{why}; the encoder was replaced {} times within {} s before, and is not again",
                    Succession::REPLACEMENTS_MAX,
                    Succession::WINDOW.as_secs()
                ));
            }
            Next::TooManyHang => {
                return Err(format!(
                    "{why}, and {hanging} encoders before it hang for good: restart the program, and \
                     look in `dmesg` for a GPU that hangs"
                ));
            }
        };
        let Some(next) = next else { return Err(why.to_owned()) };
        // Its end, or its silence, is told by whoever takes over.
        self.told = None;
        let charge = Charge {
            set: self.settings,
            settings,
            promised: self.promised,
            hung: self.succession.hung(),
            instead_of: self.given_up.clone(),
        };
        let spawned = shared.spawn_encoder(Begin::Start(next), charge);
        spawned.map_err(|error| format!("{why}, and no thread can be started: {error}"))
    }
}
