//! Who we are to every viewer.

use str0m::config::DtlsCert;

/// The DTLS certificate that all sessions of an endpoint share.
#[derive(Debug, Clone)]
pub struct Certificate(pub(crate) DtlsCert);

impl Certificate {
    /// Makes a self-signed ECDSA P-256 certificate. Takes about a millisecond, and its randomness
    /// from the crypto library: the one thing here that the seed does not decide.
    pub fn generate() -> Result<Certificate, CertificateError> {
        let provider = str0m::crypto::from_feature_flags();
        let certificate = provider.dtls_provider.generate_certificate();
        certificate.map(Certificate).ok_or(CertificateError)
    }
}

/// The crypto library failed.
#[derive(Debug, thiserror::Error)]
#[error("the crypto library cannot make a DTLS certificate")]
pub struct CertificateError;
