//! TLS as a client of TURN servers (RFC 8656 §3.1), on rustls: verified against the roots of the
//! system and those that the program adds. A name may be an address.
use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore};

use super::connection::Parting;
use super::pinned::Verifier;

/// Who verifies servers.
pub(crate) struct TlsClient {
    config: Option<Arc<ClientConfig>>,
    /// Servers whose refusal the operator has been told of.
    told: BTreeSet<String>,
}

/// TLS of one connection.
pub(super) struct TlsSession {
    pub(super) connection: Box<ClientConnection>,
    /// The name that the server's certificate must have.
    pub(super) name: String,
}

/// How the event loops verify TURN servers, for programs that speak with one themselves: by the
/// system's roots and by `extra`, which may be a server's own certificates too. `None`: there is
/// nobody to trust. Reads the system's roots, which takes milliseconds.
pub fn turn_tls_config(extra: &[CertificateDer<'static>]) -> Option<Arc<ClientConfig>> {
    TlsClient::with_system_roots(extra).config
}

impl TlsClient {
    /// For a program without servers that speak TLS: reading the system's roots takes milliseconds.
    pub(crate) fn unused() -> TlsClient {
        TlsClient { config: None, told: BTreeSet::new() }
    }

    /// Trusts the system's roots and `extra`. What cannot be read of the system's is told to the
    /// operator, and left out.
    pub(crate) fn with_system_roots(extra: &[CertificateDer<'static>]) -> TlsClient {
        let system = rustls_native_certs::load_native_certs();
        for error in &system.errors {
            tracing::debug!(%error, "a root certificate of the system cannot be read");
        }
        if system.certs.is_empty() && extra.is_empty() {
            tracing::warn!(
                "this machine has no root certificates, so no TURN server is trusted over TLS; \
                 install the package ca-certificates, or give the server's own CA"
            );
        }
        TlsClient::trusting(system.certs.iter().chain(extra), extra)
    }

    /// Trusts these certificates and no others. The `pinned` ones may be a server's own, too.
    pub(super) fn trusting<'a>(
        certificates: impl Iterator<Item = &'a CertificateDer<'static>>,
        pinned: &[CertificateDer<'static>],
    ) -> TlsClient {
        let mut roots = RootCertStore::empty();
        let (_, unusable) = roots.add_parsable_certificates(certificates.cloned());
        if unusable > 0 {
            tracing::debug!(unusable, "root certificates that are none");
        }
        let provider = Arc::new(aws_lc_rs::default_provider());
        let usual = WebPkiServerVerifier::builder_with_provider(roots.into(), provider.clone());
        // Without any root nobody is to be trusted: as if no server were to speak TLS.
        let config = usual.build().ok().map(|usual| {
            let verifier = Verifier { usual, trusted: pinned.to_vec() };
            let config = ClientConfig::builder_with_provider(provider)
                .with_safe_default_protocol_versions()
                .expect("the provider knows the default versions")
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(verifier))
                .with_no_client_auth();
            Arc::new(config)
        });
        TlsClient { config, told: BTreeSet::new() }
    }

    pub(super) fn session(&self, name: &str) -> Result<TlsSession, Parting> {
        let unusable = |what: &str| Parting::Io(io::Error::new(io::ErrorKind::InvalidInput, what));
        let config =
            self.config.clone().ok_or_else(|| unusable("there is no root certificate to trust"))?;
        let bare = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(name);
        let server = ServerName::try_from(bare.to_owned())
            .map_err(|_| unusable("a certificate cannot have this name"))?;
        let mut connection = ClientConnection::new(config, server).map_err(Parting::Tls)?;
        // The queue of the connection is bounded instead.
        connection.set_buffer_limit(None);
        Ok(TlsSession { connection: Box::new(connection), name: name.to_owned() })
    }

    /// Tells the operator, once a server, that TLS with it failed.
    pub(super) fn on_refusal(&mut self, name: &str, error: &rustls::Error) {
        let advice = match error {
            rustls::Error::InvalidCertificate(_) => {
                "check the name in its URL, and if a CA of your own signed its certificate, trust \
                 that (--turn-ca)"
            }
            _ => "check that its port speaks TLS",
        };
        if self.told.insert(name.to_owned()) {
            tracing::warn!("no TLS with the TURN server {name}: {error}; {advice}");
        } else {
            tracing::debug!("no TLS with the TURN server {name}: {error}");
        }
    }
}
