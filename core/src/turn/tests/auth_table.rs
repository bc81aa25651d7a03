//! What becomes of credentials: every state of the authenticator × every answer of a server, as a table.

use std::time::{Duration, Instant};

use crate::base::WallClock;
use crate::turn::Credentials;
use crate::turn::auth::Authenticator;
use crate::turn::message::{
    Class, MESSAGE_INTEGRITY, MESSAGE_INTEGRITY_SHA256, Method, NONCE, PASSWORD_ALGORITHM,
    PASSWORD_ALGORITHMS, Parsed, REALM, USERHASH, USERNAME, Writer, message_type,
};

const BOTH: &[u8] = &[0, 2, 0, 0, 0, 1, 0, 0];
const MD5: &[u8] = &[0, 1, 0, 0];
const UNKNOWN: &[u8] = &[0, 9, 0, 0];
/// Nonces that promise algorithms, and those and user hashes (RFC 8489 §18.1).
const ALGORITHMS: &str = "obMatJos2gAAA";
const ANONYMOUS: &str = "obMatJos2wAAA";

/// What a server says: code, and its realm, nonce and algorithms, where it has them.
#[derive(Clone, Copy)]
struct Says(u16, Option<&'static str>, Option<&'static str>, Option<&'static [u8]>);

enum Input {
    Server(Says, bool),
    Renew,
    Reset,
}

const FIRST: Says = Says(401, Some("r"), Some("n1"), None);

#[test]
fn every_answer_in_every_state_leads_where_the_table_says() {
    let start = crate::test_clock();
    let mut table = String::new();
    for (state, credentials, before) in states() {
        for (name, input) in inputs() {
            let wall_clock = WallClock { unix: Duration::from_secs(1_000_000), at: start };
            let mut auth = Authenticator::new(credentials.clone(), wall_clock);
            before.iter().for_each(|says| _ = take(&mut auth, start, says, false));
            let later = start + Duration::from_secs(1);
            let outcome = match input {
                Input::Server(says, signed) => take(&mut auth, later, &says, signed),
                Input::Renew => {
                    auth.renew(later);
                    String::new()
                }
                Input::Reset => {
                    auth.reset();
                    String::new()
                }
            };
            table += &format!("{state} · {name} → {outcome}{}\n", shown(&auth));
        }
    }

    assert_eq!(table, include_str!("auth.txt"), "{table}");
}

fn states() -> Vec<(&'static str, Credentials, Vec<Says>)> {
    let password = super::world::long_term();
    let rest = Credentials::Rest { secret: "s".into(), user: "u".into() };
    let sha256 = Says(401, Some("r"), Some(ALGORITHMS), Some(BOTH));
    vec![
        ("nobody", Credentials::None, vec![]),
        ("not asked yet", password.clone(), vec![]),
        ("asked", password.clone(), vec![FIRST]),
        ("asked for SHA-256", password, vec![sha256]),
        ("asked, minted", rest, vec![FIRST]),
    ]
}

fn inputs() -> Vec<(&'static str, Input)> {
    let signed = |says| Input::Server(says, true);
    let plain = |says| Input::Server(says, false);
    let long: &'static str = Box::leak("n".repeat(764).into_boxed_str());
    vec![
        ("401", plain(FIRST)),
        ("401 to what was signed", signed(FIRST)),
        ("401 to what was signed, another nonce", signed(Says(401, Some("r"), Some("n2"), None))),
        ("401 to what was signed, another realm", signed(Says(401, Some("q"), Some("n1"), None))),
        ("401 without a realm", plain(Says(401, None, Some("n1"), None))),
        ("401 without a nonce", plain(Says(401, Some("r"), None, None))),
        ("401 with a nonce too long", plain(Says(401, Some("r"), Some(long), None))),
        ("401 for MD5", plain(Says(401, Some("r"), Some(ALGORITHMS), Some(MD5)))),
        ("401 for SHA-256", plain(Says(401, Some("r"), Some(ALGORITHMS), Some(BOTH)))),
        ("401 for a user hash", plain(Says(401, Some("r"), Some(ANONYMOUS), Some(BOTH)))),
        ("401 with algorithms taken out", plain(Says(401, Some("r"), Some(ALGORITHMS), None))),
        ("401 for what is unknown", plain(Says(401, Some("r"), Some(ALGORITHMS), Some(UNKNOWN)))),
        ("438", signed(Says(438, Some("r"), Some("n2"), None))),
        ("438 without a realm", signed(Says(438, None, Some("n2"), None))),
        ("438 without a nonce", signed(Says(438, Some("r"), None, None))),
        ("438 with algorithms", signed(Says(438, Some("r"), Some(ALGORITHMS), Some(MD5)))),
        ("renewed", Input::Renew),
        ("reset", Input::Reset),
    ]
}

/// Whether it can be asked again, or why not.
fn take(auth: &mut Authenticator, now: Instant, says: &Says, was_signed: bool) -> String {
    let Says(code, realm, nonce, algorithms) = *says;
    let mut writer = Writer::new(message_type(Method::Allocate, Class::Error), 7);
    realm.into_iter().for_each(|realm| writer.attribute(REALM, realm.as_bytes()));
    nonce.into_iter().for_each(|nonce| writer.attribute(NONCE, nonce.as_bytes()));
    algorithms.into_iter().for_each(|named| writer.attribute(PASSWORD_ALGORITHMS, named));
    let bytes = writer.finish();
    let response = Parsed::parse(&bytes).unwrap();
    let outcome = match code {
        438 => auth.on_stale_nonce(now, &response),
        _ => auth.on_unauthorized(now, &response, was_signed),
    };
    match outcome {
        Ok(()) => "again; ".to_owned(),
        Err(why) => format!("{why:?}; "),
    }
}

/// What the next request shows of us.
fn shown(auth: &Authenticator) -> String {
    let mut request = Writer::new(message_type(Method::Refresh, Class::Request), 8);
    auth.sign(&mut request);
    let bytes = request.finish();
    let request = Parsed::parse(&bytes).unwrap();
    let Some(realm) = request.text(REALM) else { return "shows nothing".to_owned() };
    let user = match request.value(USERHASH) {
        Some(hash) => format!("a hash of {} bytes", hash.len()),
        None => request.text(USERNAME).unwrap().to_owned(),
    };
    let key = match request.value(PASSWORD_ALGORITHM) {
        Some([0, 2, 0, 0]) => "SHA-256",
        Some(_) => "MD5, named",
        None => "MD5",
    };
    let by = [(MESSAGE_INTEGRITY, "SHA-1"), (MESSAGE_INTEGRITY_SHA256, "SHA-256")];
    let by = by.into_iter().filter(|(kind, _)| request.find(*kind).is_some());
    let by: Vec<_> = by.map(|(_, name)| name).collect();
    let nonce = request.text(NONCE).unwrap();
    format!("shows {user}, {realm}, {nonce}; key {key}; signs by {}", by.join(" and "))
}
