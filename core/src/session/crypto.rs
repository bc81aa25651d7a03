//! str0m's crypto, with one thing taken out of each session, proving the library, and one put in: what
//! is decrypted can be listened to ([`clear`]).
//!
//! `dimpl` proves every key exchange and signature that it might use, P-384 among them, with each
//! configuration that is made, and str0m makes one for each session: 11.5 million instructions,
//! about a millisecond and nine tenths of an answer. The configuration is the same for all, so it is
//! made once for the process. Everything else is str0m's own.

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use dimpl::Config;
use str0m::crypto::dtls::{
    DtlsCert, DtlsImplError, DtlsInstance, DtlsOutput, DtlsProvider, DtlsVersion, ProtocolVersion,
};
use str0m::crypto::{CryptoError, CryptoProvider, from_feature_flags};

use super::clear;
use super::repeats::Repeats;

/// str0m's crypto as the sessions of an endpoint have it: for programs and tests with other sessions of
/// str0m, each of which would else prove the library anew. The process's default, where one is installed.
pub fn crypto_provider() -> Arc<CryptoProvider> {
    static PROVIDER: OnceLock<Arc<CryptoProvider>> = OnceLock::new();
    let with_srtp = |provider: CryptoProvider| {
        Arc::new(CryptoProvider { srtp_provider: clear::srtp(provider.srtp_provider), ..provider })
    };
    match CryptoProvider::get_default() {
        Some(installed) => with_srtp(installed.clone()),
        None => PROVIDER
            .get_or_init(|| {
                with_srtp(CryptoProvider { dtls_provider: &Proved, ..from_feature_flags() })
            })
            .clone(),
    }
}

/// DTLS with a configuration that is proved once.
#[derive(Debug)]
struct Proved;

impl DtlsProvider for Proved {
    fn generate_certificate(&self) -> Option<DtlsCert> {
        from_feature_flags().dtls_provider.generate_certificate()
    }

    fn new_dtls(
        &self,
        cert: &DtlsCert,
        now: Instant,
        version: DtlsVersion,
        mtu: Option<usize>,
    ) -> Result<Box<dyn DtlsInstance>, CryptoError> {
        dtls(config(mtu)?, cert, now, version)
    }
}

/// One session's DTLS under a configuration of one's own: for other providers of str0m's crypto.
///
/// # Errors
/// `dimpl` has no such version.
pub fn dtls(
    config: Arc<Config>,
    cert: &DtlsCert,
    now: Instant,
    version: DtlsVersion,
) -> Result<Box<dyn DtlsInstance>, CryptoError> {
    let cert = cert.clone();
    let dtls = match version {
        DtlsVersion::Dtls12 => dimpl::Dtls::new_12(config, cert, now),
        DtlsVersion::Dtls13 => dimpl::Dtls::new_13(config, cert, now),
        DtlsVersion::Auto => dimpl::Dtls::new_auto(config, cert, now),
        other => return Err(CryptoError::Other(format!("no DTLS version {other}"))),
    };
    Ok(Box::new(Instance { dtls, repeats: Repeats::default() }))
}

/// The one configuration; for another MTU than the first, one of its own.
fn config(mtu: Option<usize>) -> Result<Arc<Config>, CryptoError> {
    static CONFIG: OnceLock<(Option<usize>, Arc<Config>)> = OnceLock::new();
    if let Some((made_for, config)) = CONFIG.get()
        && *made_for == mtu
    {
        return Ok(config.clone());
    }
    // ICE has shown that the viewer is where it says, so that cookies prove nothing more.
    let mut builder = Config::builder().use_server_cookie(false);
    if let Some(mtu) = mtu {
        builder = builder.mtu(mtu);
    }
    let config = builder.build().map_err(|error| CryptoError::Other(error.to_string()))?;
    let config = Arc::new(config);
    // Fails where another thread was first, whose is as good.
    let _ = CONFIG.set((mtu, config.clone()));
    Ok(config)
}

/// One session's DTLS.
struct Instance {
    dtls: dimpl::Dtls,
    repeats: Repeats,
}

impl fmt::Debug for Instance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Instance(…)")
    }
}

impl DtlsInstance for Instance {
    fn set_active(&mut self, active: bool) {
        self.dtls.set_active(active);
    }

    fn handle_packet(&mut self, packet: &[u8]) -> Result<(), DtlsImplError> {
        if self.repeats.is_one(packet) {
            return Ok(());
        }
        self.dtls.handle_packet(packet)?;
        self.repeats.on_taken(packet);
        Ok(())
    }

    fn poll_output<'a>(&mut self, buffer: &'a mut [u8]) -> DtlsOutput<'a> {
        let output = self.dtls.poll_output(buffer);
        if matches!(output, DtlsOutput::Timeout(_)) {
            self.repeats.on_drained();
        }
        output
    }

    fn handle_timeout(&mut self, now: Instant) -> Result<(), DtlsImplError> {
        self.dtls.handle_timeout(now)
    }

    fn send_application_data(&mut self, data: &[u8]) -> Result<usize, DtlsImplError> {
        self.dtls.send_application_data(data)
    }

    fn is_active(&self) -> bool {
        self.dtls.is_active()
    }

    fn protocol_version(&self) -> Option<ProtocolVersion> {
        self.dtls.protocol_version()
    }

    fn is_closing(&self) -> bool {
        self.dtls.is_closing()
    }

    fn is_closed(&self) -> bool {
        self.dtls.is_closed()
    }

    fn close(&mut self) -> Result<(), DtlsImplError> {
        self.dtls.close()
    }
}
