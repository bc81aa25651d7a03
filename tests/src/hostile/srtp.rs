//! SRTP and SRTCP with AES-GCM (RFC 7714), sending only.

use aws_lc_rs::aead::{AES_128_GCM, AES_256_GCM, Aad, Algorithm, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::cipher::{self, EncryptingKey, EncryptionContext, UnboundCipherKey};
use aws_lc_rs::iv::FixedLength;
use dimpl::SrtpProfile;

const SALT_BYTES: usize = 12;

/// One direction's keys.
pub struct Protection {
    rtp: (LessSafeKey, [u8; SALT_BYTES]),
    rtcp: (LessSafeKey, [u8; SALT_BYTES]),
    index: u32,
}

impl Protection {
    /// The DTLS client's keys (RFC 5764 §4.2).
    ///
    /// # Panics
    /// The profile is none of AES-GCM.
    pub fn new(material: &[u8], profile: SrtpProfile) -> Protection {
        let (cipher, block, bytes): (&'static Algorithm, _, usize) = match profile {
            SrtpProfile::AEAD_AES_128_GCM => (&AES_128_GCM, &cipher::AES_128, 16),
            SrtpProfile::AEAD_AES_256_GCM => (&AES_256_GCM, &cipher::AES_256, 32),
            other => panic!("{other} is no profile of AES-GCM"),
        };
        let key = &material[..bytes];
        let salt = &material[2 * bytes..2 * bytes + SALT_BYTES];
        let derived = |label: u8| {
            let cipher_key = derive(block, key, salt, label, bytes);
            let unbound = UnboundKey::new(cipher, &cipher_key).expect("a key of that length");
            let salt = derive(block, key, salt, label + 2, SALT_BYTES);
            (LessSafeKey::new(unbound), salt.try_into().expect("as many bytes as were asked for"))
        };
        // RFC 3711 §4.3.1.
        Protection { rtp: derived(0), rtcp: derived(3), index: 0 }
    }

    /// Protects compound RTCP.
    ///
    /// # Panics
    /// It has no header.
    pub fn rtcp(&mut self, packet: &[u8]) -> Vec<u8> {
        self.index += 1;
        let word = (1 << 31 | self.index).to_be_bytes();
        let (header, rest) = packet.split_at(8);
        let mut iv = [0; SALT_BYTES];
        iv[2..6].copy_from_slice(&header[4..8]);
        iv[8..].copy_from_slice(&self.index.to_be_bytes());
        let aad = [header, &word].concat();
        let sealed = seal(&self.rtcp, iv, &aad, rest);
        [header, &sealed, &word].concat()
    }

    /// Makes and protects an RTP packet; the roll-over counter stays 0.
    ///
    /// # Panics
    /// Never: the cipher takes any payload of a datagram.
    pub fn rtp(&mut self, ssrc: u32, sequence: u16, kind: u8, payload: &[u8]) -> Vec<u8> {
        let mut header = vec![0x80, kind];
        header.extend(sequence.to_be_bytes());
        header.extend(u32::from(sequence).to_be_bytes());
        header.extend(ssrc.to_be_bytes());
        let mut iv = [0; SALT_BYTES];
        iv[2..6].copy_from_slice(&ssrc.to_be_bytes());
        iv[10..].copy_from_slice(&sequence.to_be_bytes());
        let sealed = seal(&self.rtp, iv, &header, payload);
        [header, sealed].concat()
    }
}

fn seal(
    (key, salt): &(LessSafeKey, [u8; SALT_BYTES]),
    mut iv: [u8; SALT_BYTES],
    aad: &[u8],
    plain: &[u8],
) -> Vec<u8> {
    iv.iter_mut().zip(salt).for_each(|(byte, salt)| *byte ^= salt);
    let mut sealed = plain.to_vec();
    let nonce = Nonce::assume_unique_for_key(iv);
    key.seal_in_place_append_tag(nonce, Aad::from(aad), &mut sealed).expect("it is short");
    sealed
}

/// The key derivation of RFC 3711 §4.3.3: AES in counter mode over zeros.
fn derive(
    block: &'static cipher::Algorithm,
    key: &[u8],
    salt: &[u8],
    label: u8,
    bytes: usize,
) -> Vec<u8> {
    let mut iv = [0; 16];
    iv[..SALT_BYTES].copy_from_slice(salt);
    iv[7] ^= label;
    let key = UnboundCipherKey::new(block, key).expect("a key of that length");
    let mut out = vec![0; bytes];
    let iv = EncryptionContext::Iv128(FixedLength::from(&iv));
    let key = EncryptingKey::ctr(key).expect("AES has counter mode");
    key.less_safe_encrypt(&mut out, iv).expect("any length will do");
    out
}
