//! The bodies of the fuzz targets: each takes any bytes and panics where something that must hold does not.
//!
//! `fuzz/` runs them under libFuzzer; `tests/tests/corpora.rs` runs them over the committed corpora, so that each
//! input that once did harm is an ordinary test for ever.

mod datagrams;
mod joined;
mod media;
mod nat;
mod recording;
mod relay;
mod replay;
mod rewrite;
mod script;
mod signalling;
mod stage;
mod streams;
mod texts;

pub use datagrams::{datagrams, record};
pub use joined::Joined;
pub use media::{annex_b, parameter_sets};
pub use nat::nat_discovery;
pub use recording::recording;
pub use relay::allocation;
pub use replay::replayed;
pub use rewrite::rewrite;
pub use script::{script, wire};
pub use signalling::{ice_servers, messages};
pub use streams::streams;
pub use texts::{candidate, fragment, offer, port_map};

/// A target: its name, which is that of its folder in `fuzz/corpus/`, and its body.
pub type Target = (&'static str, fn(&[u8]));

/// All targets.
pub const TARGETS: &[Target] = &[
    ("annex_b", annex_b),
    ("parameter_sets", parameter_sets),
    ("offer", offer),
    ("fragment", fragment),
    ("candidate", candidate),
    ("port_map", port_map),
    ("rewrite", rewrite),
    ("datagrams", datagrams),
    ("nat_discovery", nat_discovery),
    ("allocation", allocation),
    ("recording", recording),
    ("wire", wire),
    ("script", script),
    ("streams", streams),
    ("messages", messages),
    ("ice_servers", ice_servers),
    ("replay", replayed),
];

/// Puts back the panic hook that only tells. libFuzzer's own ends the process, also where a session
/// catches a panic of str0m's and goes on; a panic that nobody catches is still the end.
pub fn only_tell_panics() {
    drop(std::panic::take_hook());
}
