//! The long-term credential mechanism, RFC 8489 §9.2: what a server asks for, how requests are
//! signed for it, and which responses are its own.
//!
//! Passwords and user names are used as they were given, without the preparation of RFC 8265: a
//! program that has others than ASCII prepares them itself.

use std::time::Instant;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use md5::{Digest, Md5};
use sha1::Sha1;
use sha2::Sha256;

use super::credentials::{Account, Credentials};
use super::message::{
    ATTRIBUTE_HEADER, HEADER, MESSAGE_INTEGRITY, MESSAGE_INTEGRITY_SHA256, NONCE,
    PASSWORD_ALGORITHM, PASSWORD_ALGORITHMS, Parsed, REALM, USERHASH, USERNAME, Writer,
};
use crate::base::WallClock;

/// RFC 8489 §9.2: a nonce that begins so goes on with what the server can do.
const NONCE_COOKIE: &str = "obMatJos2";
/// The longest realm and nonce that are kept, in bytes (RFC 8489 §14.9, §14.10).
const TEXT_BYTES_MAX: usize = 763;

/// How the password becomes a key: the numbers of RFC 8489 §18.5.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum KeyHash {
    Md5 = 1,
    Sha256 = 2,
}

/// Which attribute proves who wrote a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Integrity {
    Sha1,
    Sha256,
}

/// What a server asked for, and our answer to it.
struct Challenge {
    account: Account,
    realm: String,
    nonce: String,
    hash: KeyHash,
    integrity: Integrity,
    /// PASSWORD-ALGORITHMS as they came: they go back with every request.
    algorithms: Option<Vec<u8>>,
    is_anonymous: bool,
    key: Vec<u8>,
}

/// Why a challenge cannot be answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unanswerable {
    /// It lacks a realm or a nonce, or has them longer than is allowed.
    Incomplete,
    /// We have nothing to show.
    NoCredentials,
    /// It promises algorithms and names none: somebody took them out (RFC 8489 §9.2.5).
    BidDown,
    /// It names only algorithms that we do not know.
    NoAlgorithm,
    /// The same credentials were refused before.
    Refused,
}

/// What the integrity of a response says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verified {
    Authentic,
    /// It carries none, or we have no key yet.
    Unsigned,
    Forged,
}

/// Signs requests for one server.
pub(super) struct Authenticator {
    credentials: Credentials,
    wall_clock: WallClock,
    challenge: Option<Challenge>,
    /// Who we said we were last: minted names differ, and a server may hold another than the last
    /// one against us (coturn: 437 for as long as it remembers our address).
    account: Option<Account>,
}

impl Authenticator {
    pub(super) fn new(credentials: Credentials, wall_clock: WallClock) -> Authenticator {
        Authenticator { credentials, wall_clock, challenge: None, account: None }
    }

    /// The realm that the server asked for last.
    pub(super) fn realm(&self) -> Option<&str> {
        self.challenge.as_ref().map(|challenge| challenge.realm.as_str())
    }

    /// Whether we can come as somebody else.
    pub(super) fn can_be_renewed(&self) -> bool {
        self.credentials.can_be_renewed()
    }

    /// Whether requests are signed by now.
    pub(super) fn signs(&self) -> bool {
        self.challenge.is_some()
    }

    /// When the credentials in use end.
    pub(super) fn expires(&self) -> Option<Instant> {
        self.challenge.as_ref()?.account.expires
    }

    /// Forgets what the server asked for: the next request is unauthenticated again. Who we are
    /// stays.
    pub(super) fn reset(&mut self) {
        self.challenge = None;
    }

    /// Shows fresh credentials from now on, where there are fresh ones to be had.
    pub(super) fn renew(&mut self, now: Instant) {
        let account = self.credentials.account(now, &self.wall_clock);
        self.account.clone_from(&account);
        if let (Some(challenge), Some(account)) = (&mut self.challenge, account) {
            challenge.account = account;
            challenge.make_key();
        }
    }

    /// Takes in a 401. `Ok`: what was asked can be asked again, signed by what it says.
    /// `was_signed`: the request that it answers showed credentials already.
    pub(super) fn on_unauthorized(
        &mut self,
        now: Instant,
        response: &Parsed<'_>,
        was_signed: bool,
    ) -> Result<(), Unanswerable> {
        if was_signed {
            self.account = None;
        }
        let fresh = self.challenge_of(now, response)?;
        let is_new = match &self.challenge {
            Some(old) if was_signed => {
                old.realm != fresh.realm
                    || old.hash != fresh.hash
                    || old.nonce != fresh.nonce
                    || self.can_be_renewed()
            }
            _ => true,
        };
        self.challenge = Some(fresh);
        if is_new { Ok(()) } else { Err(Unanswerable::Refused) }
    }

    /// Takes in a 438: the nonce, and what came with it, are new; who we are is not.
    pub(super) fn on_stale_nonce(
        &mut self,
        now: Instant,
        response: &Parsed<'_>,
    ) -> Result<(), Unanswerable> {
        let Some(old) = &self.challenge else { return self.on_unauthorized(now, response, false) };
        let nonce = text(response, NONCE).ok_or(Unanswerable::Incomplete)?;
        let realm = text(response, REALM).unwrap_or_else(|| old.realm.clone());
        let account = old.account.clone();
        // Servers are met that leave PASSWORD-ALGORITHMS out here. What was agreed on goes on; that
        // is no bid-down.
        let algorithms = named_algorithms(response).or_else(|| old.algorithms.clone());
        self.challenge = Some(Challenge::new(account, realm, nonce, algorithms)?);
        Ok(())
    }

    fn challenge_of(
        &mut self,
        now: Instant,
        response: &Parsed<'_>,
    ) -> Result<Challenge, Unanswerable> {
        let realm = text(response, REALM).ok_or(Unanswerable::Incomplete)?;
        let nonce = text(response, NONCE).ok_or(Unanswerable::Incomplete)?;
        if self.account.as_ref().is_none_or(|account| account.ends_soon(now)) {
            self.account = self.credentials.account(now, &self.wall_clock);
        }
        let account = self.account.clone().ok_or(Unanswerable::NoCredentials)?;
        Challenge::new(account, realm, nonce, named_algorithms(response))
    }

    /// Adds who we are and the proof of it, RFC 8489 §9.2.4; nothing before the server asked.
    pub(super) fn sign(&self, request: &mut Writer) {
        let Some(it) = &self.challenge else { return };
        if it.is_anonymous {
            let name = format!("{}:{}", it.account.username, it.realm);
            request.attribute(USERHASH, &Sha256::digest(name));
        } else {
            request.attribute(USERNAME, it.account.username.as_bytes());
        }
        request.attribute(REALM, it.realm.as_bytes());
        request.attribute(NONCE, it.nonce.as_bytes());
        if let Some(algorithms) = &it.algorithms {
            request.attribute(PASSWORD_ALGORITHMS, algorithms);
            request.attribute(PASSWORD_ALGORITHM, &[0, it.hash as u8, 0, 0]);
        }
        let (kind, len) = it.integrity.attribute();
        request.attribute(kind, &[0; 32][..len]);
        let signed = request.bytes().len() - ATTRIBUTE_HEADER - len;
        let proof = it.proof(&[&request.bytes()[..signed]]);
        request.tail(len).copy_from_slice(&proof);
    }

    /// Says whether a response was written by somebody with our key, RFC 8489 §9.2.5.
    pub(super) fn verify(&self, response: &Parsed<'_>) -> Verified {
        let Some(it) = &self.challenge else { return Verified::Unsigned };
        let (kind, len) = it.integrity.attribute();
        let Some((offset, value)) = response.find(kind) else {
            // A proof of the weaker kind is none where the stronger was agreed on.
            let is_weaker = response.find(MESSAGE_INTEGRITY).is_some();
            return if is_weaker { Verified::Forged } else { Verified::Unsigned };
        };
        // The length that was signed ends with the attribute.
        let length = ((offset + ATTRIBUTE_HEADER + len - HEADER) as u16).to_be_bytes();
        let bytes = response.bytes();
        let pieces = [bytes.get(..2), Some(&length[..]), bytes.get(4..offset)]
            .map(Option::unwrap_or_default);
        if it.is_proof(&pieces, value) { Verified::Authentic } else { Verified::Forged }
    }
}

impl Integrity {
    fn attribute(self) -> (u16, usize) {
        match self {
            Integrity::Sha1 => (MESSAGE_INTEGRITY, 20),
            Integrity::Sha256 => (MESSAGE_INTEGRITY_SHA256, 32),
        }
    }
}

impl Challenge {
    fn new(
        account: Account,
        realm: String,
        nonce: String,
        algorithms: Option<Vec<u8>>,
    ) -> Result<Challenge, Unanswerable> {
        let features = features(&nonce);
        let (hash, integrity) = match &algorithms {
            // RFC 8489 §9.2.4: where the server names algorithms, SHA-256 alone proves.
            Some(named) => (choose(named).ok_or(Unanswerable::NoAlgorithm)?, Integrity::Sha256),
            None if features.has_algorithms => return Err(Unanswerable::BidDown),
            None => (KeyHash::Md5, Integrity::Sha1),
        };
        let is_anonymous = features.is_anonymous;
        let key = Vec::new();
        let mut challenge =
            Challenge { account, realm, nonce, hash, integrity, algorithms, is_anonymous, key };
        challenge.make_key();
        Ok(challenge)
    }

    /// RFC 8489 §18.5.1.
    fn make_key(&mut self) {
        let text = format!("{}:{}:{}", self.account.username, self.realm, self.account.password);
        self.key = match self.hash {
            KeyHash::Md5 => Md5::digest(text).to_vec(),
            KeyHash::Sha256 => Sha256::digest(text).to_vec(),
        };
    }

    fn proof(&self, pieces: &[&[u8]]) -> Vec<u8> {
        match self.integrity {
            Integrity::Sha1 => {
                keyed::<Hmac<Sha1>>(&self.key, pieces).finalize().into_bytes().to_vec()
            }
            Integrity::Sha256 => {
                keyed::<Hmac<Sha256>>(&self.key, pieces).finalize().into_bytes().to_vec()
            }
        }
    }

    /// Compares in constant time.
    fn is_proof(&self, pieces: &[&[u8]], value: &[u8]) -> bool {
        match self.integrity {
            Integrity::Sha1 => keyed::<Hmac<Sha1>>(&self.key, pieces).verify_slice(value).is_ok(),
            Integrity::Sha256 => {
                keyed::<Hmac<Sha256>>(&self.key, pieces).verify_slice(value).is_ok()
            }
        }
    }
}

fn keyed<M: Mac + hmac::digest::KeyInit>(key: &[u8], pieces: &[&[u8]]) -> M {
    let mut mac = <M as Mac>::new_from_slice(key).expect("any length is a key of HMAC");
    pieces.iter().for_each(|piece| mac.update(piece));
    mac
}

fn text(response: &Parsed<'_>, kind: u16) -> Option<String> {
    let text = response.text(kind)?;
    (text.len() <= TEXT_BYTES_MAX).then(|| text.to_owned())
}

/// The better of the algorithms that the server names; SHA-256 before MD5.
fn choose(named: &[u8]) -> Option<KeyHash> {
    let mut rest = named;
    let mut best = None;
    // Each turn takes at least four bytes of at most 65535.
    while let Some((&[high, low, length_high, length_low], after)) = rest.split_first_chunk() {
        match u16::from_be_bytes([high, low]) {
            2 => return Some(KeyHash::Sha256),
            1 => best = Some(KeyHash::Md5),
            _ => {}
        }
        let parameters = usize::from(u16::from_be_bytes([length_high, length_low]));
        rest = after.get(parameters.next_multiple_of(4)..).unwrap_or_default();
    }
    best
}

/// The security features of RFC 8489 §18.1, as far as they concern us.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Features {
    has_algorithms: bool,
    is_anonymous: bool,
}

/// PASSWORD-ALGORITHMS, where a response has them.
fn named_algorithms(response: &Parsed<'_>) -> Option<Vec<u8>> {
    response.value(PASSWORD_ALGORITHMS).map(<[u8]>::to_vec)
}

/// What a nonce says that the server can do: 24 bits in base64 behind the cookie, the first of
/// them the most significant.
fn features(nonce: &str) -> Features {
    let bits = nonce.strip_prefix(NONCE_COOKIE).and_then(|rest| rest.get(..4));
    let bits = bits.and_then(|bits| STANDARD.decode(bits).ok()).unwrap_or_default();
    let first = bits.first().copied().unwrap_or(0);
    Features { has_algorithms: first & 0x80 != 0, is_anonymous: first & 0x40 != 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn features_stand_in_the_nonce_behind_its_cookie() {
        let has = |nonce| {
            let features = features(nonce);
            (features.has_algorithms, features.is_anonymous)
        };

        assert_eq!(has("obMatJos2gAAAxyz"), (true, false));
        assert_eq!(has("obMatJos2wAAAxyz"), (true, true));
        assert_eq!(has("obMatJos2QAAA"), (false, true));
        assert_eq!(has("obMatJos2AAAAxyz"), (false, false));
        assert_eq!(has("obMatJos2gA"), (false, false));
        assert_eq!(has("xobMatJos2gAAA"), (false, false));
    }

    #[test]
    fn the_better_known_algorithm_is_chosen() {
        assert_eq!(choose(&[0, 1, 0, 0, 0, 2, 0, 0]), Some(KeyHash::Sha256));
        assert_eq!(choose(&[0, 9, 0, 3, 1, 1, 1, 0, 0, 1, 0, 0]), Some(KeyHash::Md5));
        assert_eq!(choose(&[0, 9, 0, 0]), None);
        assert_eq!(choose(&[0, 9, 255, 255]), None);
        assert_eq!(choose(&[0, 2]), None);
    }
}
