//! SRTCP of a viewer's: reports with keys from the handshake of its stand-in.
//!
//! RFC 3711 §4.3 (keys), RFC 7714 §9 (AEAD_AES_256_GCM, which both sides prefer), RFC 3550 §6.4.2
//! (receiver reports).

use str0m::crypto::AeadAes256Gcm;

const KEY: usize = AeadAes256Gcm::KEY_LEN;
const SALT: usize = AeadAes256Gcm::SALT_LEN;
/// RFC 3711 §4.3.2: labels of the keys of SRTCP.
const LABEL_KEY: u8 = 3;
const LABEL_SALT: u8 = 5;
const ENCRYPTED: u32 = 1 << 31;
/// The SSRC of Chromium's reports where it only receives.
const SENDER: u32 = 1;
const HEADER_BYTES: usize = 8;

/// What a report is about.
#[derive(Debug, Clone, Copy)]
pub(super) struct About {
    /// The stream.
    pub(super) ssrc: u32,
    /// What of it was lost since the last, of 255.
    pub(super) lost: u8,
    /// The extended number of the last packet that came.
    pub(super) sequence: u32,
}

/// Writes the reports of one viewer.
pub(super) struct Reporter {
    key: [u8; KEY],
    salt: [u8; SALT],
    index: u32,
}

impl Reporter {
    /// From what the handshake left, RFC 5764 §4.2: keys of client and server, then their salts.
    /// `None`: it is not what AEAD_AES_256_GCM needs.
    pub(super) fn new(material: &[u8], is_client: bool) -> Option<Reporter> {
        if material.len() != 2 * (KEY + SALT) {
            return None;
        }
        let turn = usize::from(!is_client);
        let master: [u8; KEY] = material.get(turn * KEY..)?.first_chunk().copied()?;
        let salt = material.get(2 * KEY + turn * SALT..)?.get(..SALT)?;
        let key = derive::<KEY>(&master, salt, LABEL_KEY);
        Some(Reporter { key, salt: derive::<SALT>(&master, salt, LABEL_SALT), index: 0 })
    }

    /// The next report. About nothing it says that somebody is there.
    pub(super) fn write(&mut self, about: Option<About>) -> Option<Vec<u8>> {
        self.index = self.index.wrapping_add(1) & !ENCRYPTED;
        let mut plain = Vec::new();
        if let Some(About { ssrc, lost, sequence }) = about {
            plain.extend(ssrc.to_be_bytes());
            // The sum of losses, jitter and the sender's report are not told.
            plain.extend([lost, 0, 0, 0]);
            plain.extend(sequence.to_be_bytes());
            plain.extend([0; 12]);
        }
        let words = 1 + plain.len() as u16 / 4;
        let count = u8::from(about.is_some());
        let mut packet = vec![0x80 | count, 201];
        packet.extend(words.to_be_bytes());
        packet.extend(SENDER.to_be_bytes());
        let trailer = (self.index | ENCRYPTED).to_be_bytes();
        let aad = [&packet[..HEADER_BYTES], &trailer].concat();
        let iv = AeadAes256Gcm::rtcp_iv(self.salt, SENDER, self.index);
        let mut sealed = vec![0; plain.len() + AeadAes256Gcm::TAG_LEN];
        let provider = str0m::crypto::from_feature_flags().srtp_provider;
        let mut cipher = provider.aead_aes_256_gcm().create_cipher(self.key, true);
        cipher.encrypt(&iv, &aad, &plain, &mut sealed).ok()?;
        packet.extend(sealed);
        packet.extend(trailer);
        Some(packet)
    }
}

/// AES in counter mode over the salt with the label in it, RFC 3711 §4.3.3. N bytes are not more
/// than two blocks.
fn derive<const N: usize>(master: &[u8; KEY], salt: &[u8], label: u8) -> [u8; N] {
    let provider = str0m::crypto::from_feature_flags().srtp_provider;
    let mut stream = Vec::new();
    for counter in 0..2 {
        let mut block = [0; 16];
        block[..SALT].copy_from_slice(salt);
        block[7] ^= label;
        block[15] = counter;
        // The library wants room for padding.
        let mut out = [0; 32];
        provider.srtp_aes_256_ecb_round(master, &block, &mut out);
        stream.extend_from_slice(&out[..16]);
    }
    std::array::from_fn(|at| stream[at])
}
