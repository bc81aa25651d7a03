//! Who we are to a TURN server.

use std::fmt;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use sha1::Sha1;

use crate::base::WallClock;

/// How long minted credentials are good for: a day, as draft-uberti-behave-turn-rest-00 §2.2
/// suggests.
const REST_VALIDITY: Duration = Duration::from_secs(24 * 60 * 60);

/// Credentials that end within this time are not asked with any more.
pub(super) const RENEW_BEFORE: Duration = Duration::from_secs(120);

/// Who we are to a TURN server.
#[derive(Clone, PartialEq, Eq)]
pub enum Credentials {
    /// Nobody: the server must not ask.
    None,
    /// The long-term credentials of RFC 8489 §9.2.
    LongTerm {
        /// The user name, as the server knows it.
        username: String,
        /// Its password.
        password: String,
    },
    /// Credentials that are minted from a secret shared with the server, and minted anew before
    /// they expire (draft-uberti-behave-turn-rest; coturn's `use-auth-secret`).
    Rest {
        /// The shared secret.
        secret: String,
        /// What follows the time in the user name; may be empty.
        user: String,
    },
}

impl Credentials {
    /// When the user name says that it expires, seconds since the Unix epoch: a time before a colon
    /// (draft-uberti-behave-turn-rest-00 §2.2). Those that are minted here are renewed, and have none.
    pub fn expires_unix(&self) -> Option<u64> {
        let Credentials::LongTerm { username, .. } = self else { return None };
        let (time, _) = username.split_once(':').unwrap_or((username, ""));
        // Shorter numbers are names; a time of ten digits is one after 2001.
        (time.len() >= 10).then(|| time.parse().ok()).flatten()
    }
}

impl fmt::Debug for Credentials {
    /// Writes the kind, and nothing that a server would take.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Credentials::None => "None",
            Credentials::LongTerm { .. } => "LongTerm(…)",
            Credentials::Rest { .. } => "Rest(…)",
        })
    }
}

/// Mints a user name and password that a server with the same `secret` takes until
/// `expires_unix`, in seconds since the Unix epoch: `expires:user` and
/// base64(HMAC-SHA1(secret, user name)), draft-uberti-behave-turn-rest-00 §2.2.
///
/// ```
/// let (username, password) = pinhole_core::turn::mint("north", "12334939", 1433895918);
/// assert_eq!(username, "1433895918:12334939");
/// assert_eq!(password.len(), 28);
/// ```
pub fn mint(secret: &str, user: &str, expires_unix: u64) -> (String, String) {
    let separator = if user.is_empty() { "" } else { ":" };
    let username = format!("{expires_unix}{separator}{user}");
    let mut hmac = Hmac::<Sha1>::new_from_slice(secret.as_bytes()).expect("any length is a key");
    hmac.update(username.as_bytes());
    let password = STANDARD.encode(hmac.finalize().into_bytes());
    (username, password)
}

/// A user name and a password, and when they end.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Account {
    pub(super) username: String,
    pub(super) password: String,
    pub(super) expires: Option<Instant>,
}

impl Account {
    /// Whether it is not to be shown to a server any more.
    pub(super) fn ends_soon(&self, now: Instant) -> bool {
        self.expires.is_some_and(|at| at.saturating_duration_since(now) < RENEW_BEFORE)
    }
}

impl Credentials {
    /// What to show a server that asks; `None` if there is nothing to show.
    pub(super) fn account(&self, now: Instant, wall_clock: &WallClock) -> Option<Account> {
        match self {
            Credentials::None => None,
            Credentials::LongTerm { username, password } => Some(Account {
                username: username.clone(),
                password: password.clone(),
                expires: None,
            }),
            Credentials::Rest { secret, user } => {
                let expires = (wall_clock.unix_at(now) + REST_VALIDITY).as_secs();
                let (username, password) = mint(secret, user, expires);
                Some(Account { username, password, expires: Some(now + REST_VALIDITY) })
            }
        }
    }

    /// Whether asking again gives something else.
    pub(super) fn can_be_renewed(&self) -> bool {
        matches!(self, Credentials::Rest { .. })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minted_password_is_what_openssl_says() {
        // printf %s 1433895918:12334939 | openssl dgst -sha1 -hmac north -binary | base64
        let (username, password) = mint("north", "12334939", 1_433_895_918);

        assert_eq!(username, "1433895918:12334939");
        assert_eq!(password, "DsZlTqQ4jlvUaymiHZjcUDV0dBc=");
        assert_eq!(mint("north", "", 7).0, "7");
    }

    #[test]
    fn minted_credentials_end_a_day_from_now_by_the_wall_clock() {
        let at = crate::test_clock();
        let wall_clock = WallClock { unix: Duration::from_secs(1_000_000), at };
        let rest = Credentials::Rest { secret: "s".into(), user: "u".into() };

        let account = rest.account(at + Duration::from_secs(5), &wall_clock).unwrap();

        assert_eq!(account.username, "1086405:u");
        assert_eq!(account.expires, Some(at + Duration::from_secs(86_405)));
    }

    #[test]
    fn debug_output_shows_no_secret() {
        let shown = format!(
            "{:?} {:?}",
            Credentials::Rest { secret: "geheim".into(), user: "geheim".into() },
            Credentials::LongTerm { username: "geheim".into(), password: "geheim".into() }
        );

        assert_eq!(shown, "Rest(…) LongTerm(…)");
    }
}
