//! A crypto provider whose every choice comes from a seed, so that the same seed gives the same
//! bytes: for worlds that are repeated, never for a server.
//!
//! The handshakes are real ones: `dimpl` is the DTLS of production, and hashes, ciphers, SRTP and
//! the verification of signatures are those of aws-lc. Only what draws is ours:
//!
//! - [`exchange`]: X25519 (RFC 7748) with a private key from the seed;
//! - [`sign`]: ECDSA whose nonce is made from key and message (RFC 6979);
//! - [`certificates`]: self-signed, from a few keys that are always the same;
//! - [`provider`]: `dimpl` with all that, and with its own generator seeded.
//!
//! The generator is the thread's: [`seed`] sets it, and a new thread begins as if with `seed(0)`.
//! Where several share a thread and none shall draw from another's, each has a [`Source`].
//!
//! The seconds since 1970 in the `Random` of DTLS 1.2 and the NTP time of RTCP reports are counted by
//! `dimpl` and str0m from the process's first look at the clock. [`clock`] makes that look the same in
//! every process; what is to be repeated begins at [`beginning`]. What no provider reaches: SCTP draws
//! its tags from `rand` itself.

mod certificates;
mod clock;
mod exchange;
mod provider;
mod random;
mod sign;

use std::sync::LazyLock;
use std::time::Instant;

use pinhole_core::Certificate;
use str0m::crypto::CryptoProvider;

pub use provider::client;
pub use random::{Source, seed};

/// Makes the seeded provider that of the process, for all that str0m does from now on, and seeds
/// the thread's generator.
///
/// # Panics
/// Something else has installed a provider before.
pub fn install(number: u64) {
    static INSTALLED: LazyLock<()> =
        LazyLock::new(|| CryptoProvider::install_default(provider::seeded()));
    LazyLock::force(&INSTALLED);
    beginning();
    seed(number);
}

/// The certificate of an endpoint: always the same.
///
/// # Panics
/// Never: the certificate is a good one.
pub fn endpoint_certificate() -> Certificate {
    let own = certificates::endpoint();
    let own = Certificate::from_der(own.certificate, own.private_key);
    own.expect("a P-256 certificate with its key")
}

/// When a world begins: in one process always at the same instant, and to str0m and `dimpl` at the
/// same date in every process that asks this first.
pub fn beginning() -> Instant {
    static BEGINNING: LazyLock<Instant> = LazyLock::new(|| clock::held(first_look));
    *BEGINNING
}

/// Makes str0m and `dimpl` look at the clock.
fn first_look() -> Instant {
    let now = Instant::now();
    let mut rtc = str0m::Rtc::new(now);
    rtc.handle_input(str0m::Input::Timeout(now)).expect("a new session has nothing to fail at");
    let (mut dtls, _) = client(now);
    dtls.handle_timeout(now).expect("a new client has nothing to fail at");
    now
}
