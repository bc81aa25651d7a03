//! Certificates for rustls: our own of HTTPS and WSS, and the CA of TURN servers.

use std::path::Path;
use std::sync::Arc;

use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{self, ServerConfig};

use crate::settings::TlsFiles;

/// Reads the files; the text of an error names the one that is wrong.
pub(super) fn acceptor(files: &TlsFiles) -> Result<TlsAcceptor, String> {
    let certificate = files.certificate.display();
    let key = files.key.display();
    let chain = CertificateDer::pem_file_iter(&files.certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| format!("--tls-cert {certificate}: {error}"))?;
    if chain.is_empty() {
        return Err(format!("--tls-cert {certificate}: holds no PEM certificate"));
    }
    let private = PrivateKeyDer::from_pem_file(&files.key)
        .map_err(|error| format!("--tls-key {key}: {error}"))?;
    let both =
        |error: rustls::Error| format!("{certificate} and {key} do not work together: {error}");
    let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(both)?
        .with_no_client_auth()
        .with_single_cert(chain, private)
        .map_err(both)?;
    // Only what the server speaks.
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// Reads the certificates of `--turn-ca`.
pub(crate) fn roots(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let shown = path.display();
    let roots = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| format!("--turn-ca {shown}: {error}"))?;
    match roots.is_empty() {
        true => Err(format!("--turn-ca {shown}: holds no PEM certificate")),
        false => Ok(roots),
    }
}
