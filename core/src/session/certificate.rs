//! Who we are to every viewer.

use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair};
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
        certificate.map(Certificate).ok_or(CertificateError::Library)
    }

    /// Takes a certificate that was made elsewhere: one that outlives restarts, so that its
    /// fingerprint can be known beforehand.
    ///
    /// `certificate` is an X.509 certificate in DER, self-signed as a rule: viewers compare its
    /// fingerprint with the answer's and look at nothing else (RFC 8122 §5). `private_key` is its
    /// ECDSA P-256 key as PKCS #8 in DER (RFC 5958).
    ///
    /// # Errors
    /// [`CertificateError::Key`]: the key is none of that kind. [`CertificateError::Mismatch`]: the
    /// certificate is not that key's.
    pub fn from_der(
        certificate: Vec<u8>,
        private_key: Vec<u8>,
    ) -> Result<Certificate, CertificateError> {
        // What str0m is given with a certificate it takes for good, and panics if it is not.
        let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &private_key)
            .map_err(|_| CertificateError::Key)?;
        let public = key.public_key().as_ref();
        if !certificate.windows(public.len()).any(|window| window == public) {
            return Err(CertificateError::Mismatch);
        }
        Ok(Certificate(DtlsCert { certificate, private_key }))
    }
}

/// Why there is no certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    /// The crypto library failed.
    #[error("the crypto library cannot make a DTLS certificate")]
    Library,
    /// The private key is not what DTLS needs here.
    #[error("the private key is no ECDSA P-256 key in PKCS #8 DER; make one of that kind")]
    Key,
    /// Key and certificate are not one another's.
    #[error(
        "the certificate was not made for this private key; give the pair that was made together"
    )]
    Mismatch,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_comes_back_from_its_der() {
        let DtlsCert { certificate, private_key } = Certificate::generate().unwrap().0;

        let taken = Certificate::from_der(certificate.clone(), private_key).unwrap();

        assert_eq!(taken.0.certificate, certificate);
    }

    #[test]
    fn a_key_that_is_none_or_another_s_is_refused() {
        let (one, other) = (Certificate::generate().unwrap().0, Certificate::generate().unwrap().0);

        let mismatch = Certificate::from_der(one.certificate.clone(), other.private_key);
        let no_key = Certificate::from_der(one.certificate, vec![0x30, 0]);

        assert_eq!(mismatch.unwrap_err(), CertificateError::Mismatch);
        assert_eq!(no_key.unwrap_err(), CertificateError::Key);
    }
}
