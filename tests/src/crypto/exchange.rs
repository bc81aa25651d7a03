//! X25519 with a private key from the thread's generator.

use aws_lc_rs::agreement::{self, PrivateKey, UnparsedPublicKey, X25519};
use dimpl::crypto::{ActiveKeyExchange, Buf, NamedGroup, SupportedKxGroup};
use dimpl::{CryptoError, CryptoOperation};

use super::random;

/// The group: the one that browsers prefer, and the only one here.
#[derive(Debug)]
pub(super) struct SeededX25519;

impl SupportedKxGroup for SeededX25519 {
    fn name(&self) -> NamedGroup {
        NamedGroup::X25519
    }

    fn start_exchange(&self, mut public: Buf) -> Result<Box<dyn ActiveKeyExchange>, CryptoError> {
        let mut bytes = [0; 32];
        random::fill(&mut bytes);
        let private = PrivateKey::from_private_key(&X25519, &bytes)
            .map_err(|_| CryptoError::OperationFailed(CryptoOperation::GenerateEphemeralKey))?;
        let computed = private
            .compute_public_key()
            .map_err(|_| CryptoError::OperationFailed(CryptoOperation::ComputePublicKey))?;
        public.clear();
        public.extend_from_slice(computed.as_ref());
        Ok(Box::new(Exchange { private, public }))
    }
}

struct Exchange {
    private: PrivateKey,
    public: Buf,
}

impl std::fmt::Debug for Exchange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Exchange").finish_non_exhaustive()
    }
}

impl ActiveKeyExchange for Exchange {
    fn pub_key(&self) -> &[u8] {
        &self.public
    }

    fn complete(self: Box<Self>, peer: &[u8], out: &mut Buf) -> Result<(), CryptoError> {
        let peer = UnparsedPublicKey::new(&X25519, peer);
        let invalid = CryptoError::InvalidPublicKey(NamedGroup::X25519);
        agreement::agree(&self.private, peer, invalid, |secret| {
            out.clear();
            out.extend_from_slice(secret);
            Ok(())
        })
    }

    fn group(&self) -> NamedGroup {
        NamedGroup::X25519
    }
}
