//! A file that may be a recording, run again.

use std::sync::OnceLock;
use std::time::Instant;

use pinhole_core::Certificate;
use pinhole_core::trace::{Recording, compare, replay};

/// Steps of one run: a handshake and some seconds have a few hundred.
const STEPS_MAX: u64 = 4_000;

/// Bytes as a recording: where they are one, it is run again within its steps, its decisions are not more than it
/// can have made, and those of a second run are the same in number. Its addresses can be hidden, and it is still one.
pub fn replayed(data: &[u8]) {
    let Ok(recording) = Recording::read(data) else { return };
    let run = |recording: &Recording| {
        let run = replay(Instant::now(), recording, certificate(), STEPS_MAX);
        run.map_err(|error| assert!(error.to_string().len() < 1024, "a refusal is short"))
    };
    let Ok(first) = run(&recording) else { return };
    assert!(first.entries <= recording.entries.len());
    let comparison = compare(&recording, &first);
    assert!(comparison.same <= first.decisions.len());
    let hidden = recording.hide_addresses();
    let again = Recording::read(hidden.to_lines().as_bytes()).expect("it was written here");
    assert_eq!(again.entries, hidden.entries);
    // Maps of hidden addresses may overlap where those of before did not; then it is refused.
    let _ = run(&hidden);
}

/// Made once: a certificate takes longer than most of the rest.
fn certificate() -> &'static Certificate {
    static CERTIFICATE: OnceLock<Certificate> = OnceLock::new();
    CERTIFICATE.get_or_init(|| Certificate::generate().expect("the crypto library works"))
}
