//! What a viewer's reports say, in clear: str0m keeps to itself when packets arrived.
//!
//! str0m decrypts with the ciphers of a provider, and the provider is ours. Those that decrypt write what comes
//! out a second time, where somebody listens: during one call, on this thread. No other way leads to a cipher,
//! because str0m's providers are static; nothing is kept from one call to the next. Ciphers that encrypt stay as they
//! are, so that no packet of ours costs more.

use std::cell::RefCell;
use std::sync::OnceLock;

use str0m::crypto::{
    AeadAes128GcmCipher, AeadAes256GcmCipher, Aes128CmSha1_80Cipher, CryptoError, SrtpProvider,
    SupportedAeadAes128Gcm, SupportedAeadAes256Gcm, SupportedAes128CmSha1_80, from_feature_flags,
};

thread_local! {
    static HEARD: RefCell<Option<Vec<u8>>> = const { RefCell::new(None) };
}

/// Calls, and adds to `heard` what is decrypted meanwhile.
pub(super) fn listen<T>(heard: &mut Vec<u8>, call: impl FnOnce() -> T) -> T {
    HEARD.set(Some(std::mem::take(heard)));
    let result = call();
    *heard = HEARD.take().unwrap_or_default();
    result
}

fn hear(output: &[u8]) {
    HEARD.with_borrow_mut(|heard| {
        if let Some(heard) = heard {
            heard.extend_from_slice(output);
        }
    });
}

/// The SRTP of a provider, of the first that is given, with ciphers that can be listened to.
pub(super) fn srtp(provider: &'static dyn SrtpProvider) -> &'static dyn SrtpProvider {
    INNER.get_or_init(|| provider);
    &Clear
}

static INNER: OnceLock<&'static dyn SrtpProvider> = OnceLock::new();

/// Only [`srtp`] hands one out, after `INNER` was set.
#[derive(Debug)]
struct Clear;

impl Clear {
    fn inner() -> &'static dyn SrtpProvider {
        *INNER.get_or_init(|| from_feature_flags().srtp_provider)
    }
}

impl SrtpProvider for Clear {
    fn aes_128_cm_sha1_80(&self) -> &'static dyn SupportedAes128CmSha1_80 {
        &Clear
    }

    fn aead_aes_128_gcm(&self) -> &'static dyn SupportedAeadAes128Gcm {
        &Clear
    }

    fn aead_aes_256_gcm(&self) -> &'static dyn SupportedAeadAes256Gcm {
        &Clear
    }

    fn srtp_aes_128_ecb_round(&self, key: &[u8], input: &[u8], output: &mut [u8]) {
        Clear::inner().srtp_aes_128_ecb_round(key, input, output);
    }

    fn srtp_aes_256_ecb_round(&self, key: &[u8], input: &[u8], output: &mut [u8]) {
        Clear::inner().srtp_aes_256_ecb_round(key, input, output);
    }
}

/// A cipher that decrypts.
#[derive(Debug)]
struct Overheard<C: ?Sized>(Box<C>);

impl SupportedAes128CmSha1_80 for Clear {
    fn create_cipher(&self, key: [u8; 16], encrypt: bool) -> Box<dyn Aes128CmSha1_80Cipher> {
        let cipher = Clear::inner().aes_128_cm_sha1_80().create_cipher(key, encrypt);
        if encrypt { cipher } else { Box::new(Overheard(cipher)) }
    }
}

impl Aes128CmSha1_80Cipher for Overheard<dyn Aes128CmSha1_80Cipher> {
    fn encrypt(
        &mut self,
        iv: &[u8; 16],
        input: &[u8],
        output: &mut [u8],
    ) -> Result<(), CryptoError> {
        self.0.encrypt(iv, input, output)
    }

    fn decrypt(
        &mut self,
        iv: &[u8; 16],
        input: &[u8],
        output: &mut [u8],
    ) -> Result<(), CryptoError> {
        self.0.decrypt(iv, input, output)?;
        hear(output.get(..input.len()).unwrap_or_default());
        Ok(())
    }
}

/// Both sizes of AES-GCM differ in nothing but the length of the key.
macro_rules! gcm {
    ($supported:ident, $cipher:ident, $factory:ident, $key:literal) => {
        impl $supported for Clear {
            fn create_cipher(&self, key: [u8; $key], encrypt: bool) -> Box<dyn $cipher> {
                let cipher = Clear::inner().$factory().create_cipher(key, encrypt);
                if encrypt { cipher } else { Box::new(Overheard(cipher)) }
            }
        }

        impl $cipher for Overheard<dyn $cipher> {
            fn encrypt(
                &mut self,
                iv: &[u8; 12],
                aad: &[u8],
                input: &[u8],
                output: &mut [u8],
            ) -> Result<(), CryptoError> {
                self.0.encrypt(iv, aad, input, output)
            }

            fn decrypt(
                &mut self,
                iv: &[u8; 12],
                aads: &[&[u8]],
                input: &[u8],
                output: &mut [u8],
            ) -> Result<usize, CryptoError> {
                let count = self.0.decrypt(iv, aads, input, output)?;
                hear(output.get(..count).unwrap_or_default());
                Ok(count)
            }
        }
    };
}

gcm!(SupportedAeadAes128Gcm, AeadAes128GcmCipher, aead_aes_128_gcm, 16);
gcm!(SupportedAeadAes256Gcm, AeadAes256GcmCipher, aead_aes_256_gcm, 32);
