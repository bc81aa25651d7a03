//! ECDSA on P-256 with SHA-256 whose nonce is made from key and message (RFC 6979): aws-lc draws
//! it, `p256` does not.

use dimpl::CryptoError;
use dimpl::crypto::{Buf, HashAlgorithm, KeyProvider, SignatureAlgorithm, SigningKey};
use p256::ecdsa::signature::Signer;
use p256::ecdsa::{DerSignature, SigningKey as PrivateKey};
use p256::pkcs8::DecodePrivateKey;

/// Reads the private keys of [`super::certificates`].
#[derive(Debug)]
pub(super) struct Keys;

impl KeyProvider for Keys {
    fn load_private_key(&self, pkcs8: &[u8]) -> Result<Box<dyn SigningKey>, CryptoError> {
        let key = PrivateKey::from_pkcs8_der(pkcs8).map_err(|_| CryptoError::InvalidPrivateKey)?;
        Ok(Box::new(Key(key)))
    }
}

struct Key(PrivateKey);

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Key").finish_non_exhaustive()
    }
}

impl SigningKey for Key {
    fn sign(
        &mut self,
        data: &[u8],
        requested: HashAlgorithm,
        out: &mut Buf,
    ) -> Result<(), CryptoError> {
        let key_hash = self.hash_algorithm();
        if requested != key_hash {
            return Err(CryptoError::SigningKeyHashMismatch { key_hash, requested });
        }
        let signature: DerSignature = self.0.sign(data);
        out.clear();
        out.extend_from_slice(signature.as_bytes());
        Ok(())
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        SignatureAlgorithm::ECDSA
    }

    fn hash_algorithm(&self) -> HashAlgorithm {
        HashAlgorithm::SHA256
    }

    fn supported_hash_algorithms(&self) -> &[HashAlgorithm] {
        &[HashAlgorithm::SHA256]
    }
}
