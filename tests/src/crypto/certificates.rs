//! Self-signed certificates from a few keys that are always the same.
//!
//! A certificate of one's own for each viewer would cost a world more than its handshakes, so
//! viewers draw from eight that the process makes once.

use std::sync::LazyLock;

use dimpl::DtlsCertificate;
use p256::ecdsa::signature::Signer;
use p256::ecdsa::{DerSignature, SigningKey};
use p256::pkcs8::EncodePrivateKey;
use rcgen::{CertificateParams, PKCS_ECDSA_P256_SHA256, PublicKeyData, SignatureAlgorithm};

use super::random;

const VIEWERS: u8 = 8;

/// The endpoint's.
pub(super) fn endpoint() -> DtlsCertificate {
    static OWN: LazyLock<DtlsCertificate> = LazyLock::new(|| self_signed(VIEWERS + 1));
    OWN.clone()
}

/// One of the viewers', as the thread's generator says.
pub(super) fn draw() -> DtlsCertificate {
    static POOL: LazyLock<Vec<DtlsCertificate>> =
        LazyLock::new(|| (1..=VIEWERS).map(self_signed).collect());
    POOL[random::below(POOL.len())].clone()
}

/// A certificate with the private key `number`: that point is no secret, and need be none.
fn self_signed(number: u8) -> DtlsCertificate {
    let key = SigningKey::from_slice(&[number; 32]).expect("less than the order of P-256");
    let public = key.verifying_key().to_sec1_point(false).as_bytes().to_vec();
    let private_key = key.to_pkcs8_der().expect("a key that was just made").as_bytes().to_vec();
    let params = CertificateParams::new(Vec::new()).expect("no names are no bad names");
    let certificate = params.self_signed(&Signing { key, public });
    let certificate = certificate.expect("a key that signs").der().to_vec();
    DtlsCertificate { certificate, private_key }
}

/// A key as `rcgen` wants it.
struct Signing {
    key: SigningKey,
    /// The point, uncompressed: SEC 1 §2.3.3.
    public: Vec<u8>,
}

impl PublicKeyData for Signing {
    fn der_bytes(&self) -> &[u8] {
        &self.public
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &PKCS_ECDSA_P256_SHA256
    }
}

impl rcgen::SigningKey for Signing {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        let signature: DerSignature = self.key.sign(message);
        Ok(signature.as_bytes().to_vec())
    }
}
