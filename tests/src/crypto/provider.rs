//! The provider that str0m is given.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::Instant;

use dimpl::crypto::{CryptoProvider as DimplProvider, SupportedKxGroup};
use dimpl::{Config, Dtls};
use str0m::config::DtlsCert;
use str0m::crypto::dtls::{DtlsInstance, DtlsProvider, DtlsVersion};
use str0m::crypto::{CryptoError, CryptoProvider};

use super::certificates;
use super::exchange::SeededX25519;
use super::random::{self, Seeded};
use super::sign::Keys;

/// Seeds that `dimpl`'s own generator may have. Each is a configuration that is checked for almost
/// a millisecond before it is one, so that there are only so many, made once.
const CONFIGS: usize = 64;

/// The provider of the crate's features, with our DTLS.
pub(super) fn seeded() -> CryptoProvider {
    CryptoProvider { dtls_provider: &SeededDtls, ..str0m::crypto::from_feature_flags() }
}

#[derive(Debug)]
struct SeededDtls;

impl DtlsProvider for SeededDtls {
    fn generate_certificate(&self) -> Option<DtlsCert> {
        Some(certificates::draw())
    }

    fn new_dtls(
        &self,
        certificate: &DtlsCert,
        now: Instant,
        version: DtlsVersion,
        mtu: Option<usize>,
    ) -> Result<Box<dyn DtlsInstance>, CryptoError> {
        pinhole_core::dtls(config(random::below(CONFIGS), mtu)?, certificate, now, version)
    }
}

/// The configuration of that number.
fn config(number: usize, mtu: Option<usize>) -> Result<Arc<Config>, CryptoError> {
    type Configs = BTreeMap<(usize, Option<usize>), Arc<Config>>;
    static MADE: LazyLock<Mutex<Configs>> = LazyLock::new(Mutex::default);
    let mut made = MADE.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(config) = made.get(&(number, mtu)) {
        return Ok(Arc::clone(config));
    }
    // As str0m's own: ICE has shown that the peer is where it says.
    let mut builder = Config::builder().use_server_cookie(false);
    if let Some(mtu) = mtu {
        builder = builder.mtu(mtu);
    }
    builder = builder.dangerously_set_rng_seed(number as u64).with_crypto_provider(primitives());
    // The check makes a key exchange, and whether it is made here depends on other threads.
    let config = random::spared(|| builder.build());
    let config = Arc::new(config.map_err(|error| CryptoError::Other(error.to_string()))?);
    made.insert((number, mtu), Arc::clone(&config));
    Ok(config)
}

/// aws-lc's, but for all that draws.
fn primitives() -> DimplProvider {
    static GROUPS: &[&dyn SupportedKxGroup] = &[&SeededX25519];
    DimplProvider {
        kx_groups: GROUPS,
        key_provider: &Keys,
        secure_random: &Seeded,
        ..dimpl::crypto::aws_lc_rs::default_provider()
    }
}

/// A DTLS client with a viewer's certificate, and that in DER: for those who speak DTLS without
/// str0m.
///
/// # Panics
/// Never: the configuration is a good one.
pub fn client(now: Instant) -> (Dtls, Vec<u8>) {
    let own = certificates::draw();
    let config = config(random::below(CONFIGS), None).expect("a configuration without wishes");
    let mut dtls = Dtls::new_12(config, own.clone(), now);
    dtls.set_active(true);
    (dtls, own.certificate)
}
