//! Scripts: an input is a row of acts by hostile people, with what must hold checked after each.
//!
//! An act is a byte, modulo the number of acts, and its arguments: see [`Script::act`]. What is
//! missing at the end of an input is zeros. Acts of strangers who have no credentials and overheard
//! nothing do no harm: while a script has only such acts, the viewer that plays goes on playing.

mod acts;
mod hostile;
mod network;
mod signed;

use std::time::Duration;

use super::stage::{Stage, fresh_offer};

/// Acts of one input; more are ignored.
const ACTS_MAX: usize = 96;
/// Time that one input takes, in all.
const TIME_MAX: Duration = Duration::from_secs(90);

/// Runs a script against an endpoint whose one session waits for a viewer that never comes.
pub fn wire(data: &[u8]) {
    let mut stage = Stage::new();
    let offer = fresh_offer(stage.now);
    let accepted = stage.endpoint.accept_offer(stage.now, &offer).expect("our own offer is good");
    stage.learn(accepted.session, &accepted.answer);
    stage.settle("offer");
    Script::new(stage, data).run().finish();
}

/// Runs a script against an endpoint with a viewer that has come through ICE and DTLS.
pub fn script(data: &[u8]) {
    let mut played = Script::new(Stage::with_viewer(), data).run();
    if played.is_harmless {
        played.stage.pass(Duration::from_millis(500));
        let stats = played.stage.endpoint.stats();
        assert_eq!(stats.connected, 1, "strangers ended a session: {stats:?}");
    }
    played.finish();
}

/// A stage and the rest of the script.
struct Script<'a> {
    stage: Stage,
    rest: &'a [u8],
    passed: Duration,
    /// Whether nothing was done so far that can end a session by right.
    is_harmless: bool,
}

impl<'a> Script<'a> {
    fn new(stage: Stage, data: &'a [u8]) -> Script<'a> {
        Script { stage, rest: data, passed: Duration::ZERO, is_harmless: true }
    }

    fn run(mut self) -> Script<'a> {
        for _ in 0..ACTS_MAX {
            if self.rest.is_empty() || self.passed > TIME_MAX {
                break;
            }
            self.act();
        }
        self
    }

    /// One act of the script.
    fn act(&mut self) {
        let act = self.byte() % 24;
        match act {
            0 => self.pass(),
            1 => self.oversleep(),
            2 => self.datagram(),
            3 => self.first_bytes(),
            4 => self.overheard(),
            5 => self.check(),
            6 => self.server_says(),
            7 => self.server_says_signed(),
            8 => self.candidate_of(),
            9 => self.candidate_line(),
            10 => self.fragment(),
            11 => self.restart_by_fragment(),
            12 => self.frame(),
            13 => self.odd_frame(),
            14 => self.offer(),
            15 => self.renegotiate(),
            16 => self.close(),
            17 => self.connection(),
            18 => self.stream_data(),
            19 => self.stream_state(),
            20 => self.bases(),
            21 => self.resolved(),
            22 => self.viewer_says(),
            _ => self.report(),
        }
    }

    /// The faults stop: what lives on can be ended, and what has ended leaves nothing.
    fn finish(mut self) {
        self.stage.pass(Duration::from_millis(200));
        for session in self.stage.endpoint.sessions() {
            assert!(self.stage.endpoint.close(self.stage.now, session.id));
            self.stage.settle("close");
        }
        for stream in std::mem::take(&mut self.stage.streams) {
            self.stage.endpoint.set_stream_blocked(self.stage.now, stream, false);
            self.stage.streams.insert(stream);
            self.stage.settle("end");
        }
        self.stage.viewer = None;
        self.stage.pass(Duration::from_millis(500));
        assert!(self.stage.endpoint.sessions().is_empty());
        assert!(self.stage.endpoint.is_idle());
        self.stage.endpoint.leave(self.stage.now);
        self.stage.settle("leave");
        self.stage.pass(Duration::from_millis(500));
    }

    fn byte(&mut self) -> u8 {
        let Some((&first, rest)) = self.rest.split_first() else { return 0 };
        self.rest = rest;
        first
    }

    /// A choice between so many.
    fn choice(&mut self, of: usize) -> usize {
        usize::from(self.byte()) % of.max(1)
    }

    /// Bytes behind their length.
    fn bytes(&mut self) -> &'a [u8] {
        let length = usize::from(self.byte());
        self.take(length)
    }

    /// Bytes behind their length, which has two bytes: at most 4095.
    fn long_bytes(&mut self) -> &'a [u8] {
        let length = usize::from(self.byte() & 15) << 8 | usize::from(self.byte());
        self.take(length)
    }

    fn take(&mut self, length: usize) -> &'a [u8] {
        let (taken, rest) = self.rest.split_at(length.min(self.rest.len()));
        self.rest = rest;
        taken
    }

    fn text(&mut self) -> String {
        String::from_utf8_lossy(self.long_bytes()).into_owned()
    }
}
