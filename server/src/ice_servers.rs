//! STUN and TURN servers: the flag, the browser's own iceServers JSON, credentials made for each
//! viewer from a secret shared with the TURN server.
//!
//! Their URLs are checked (`ice_url.rs`), because a browser throws at the first wrong one, and each
//! is a server to gather from ourselves (`gather_servers.rs`). REST credentials:
//! draft-uberti-behave-turn-rest-00, which coturn and its like implement: the username is
//! `expiry:user`, the credential the base64 of its HMAC-SHA1.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_lc_rs::hmac;
use base64::Engine as _;
use serde::{Deserialize, Serialize};

use crate::ice_url::IceUrl;

/// How long made credentials hold. An allocation is refreshed with the credentials that it was made
/// with, so this bounds how long a viewer may watch through TURN.
const CREDENTIAL_LIFETIME: Duration = Duration::from_secs(24 * 3600);
/// Servers beyond this are a mistake: a browser probes each one for each viewer.
const SERVERS_MAX: usize = 16;

/// One server as the browser's `RTCIceServer` has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct IceServer {
    /// One or more checked URLs.
    pub urls: Vec<String>,
    /// Username of a TURN server.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// Password of a TURN server.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credential: Option<String>,
}

/// All configured servers, and the secret that credentials are made from.
#[derive(Clone, Default)]
pub struct IceServers {
    pub(crate) servers: Vec<IceServer>,
    pub(crate) secret: Option<String>,
}

/// `RTCIceServer` as people write it: `urls` may be one string.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    urls: Urls,
    username: Option<String>,
    credential: Option<String>,
    #[serde(rename = "credentialType")]
    credential_type: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Urls {
    One(String),
    Many(Vec<String>),
}

impl IceServer {
    /// Parses `URL[,USER,CREDENTIAL]`; the credential may hold commas.
    pub fn parse_flag(text: &str) -> Result<IceServer, String> {
        let mut parts = text.splitn(3, ',');
        let url = parts.next().unwrap_or_default();
        let (username, credential) = match (parts.next(), parts.next()) {
            (None, _) => (None, None),
            (Some(user), Some(credential)) => {
                (Some(user.to_string()), Some(credential.to_string()))
            }
            (Some(_), None) => {
                return Err("a USER needs a CREDENTIAL: URL,USER,CREDENTIAL".to_string());
            }
        };
        IceServer { urls: vec![url.to_string()], username, credential }.checked()
    }

    fn checked(self) -> Result<IceServer, String> {
        if self.urls.is_empty() {
            return Err("a server without a URL".to_string());
        }
        self.urls.iter().try_for_each(|url| IceUrl::parse(url).map(drop))?;
        if self.username.is_some() != self.credential.is_some() {
            return Err(format!("{}: username and credential belong together", self.urls[0]));
        }
        let texts = self.username.iter().chain(&self.credential);
        if texts.clone().any(|text| text.is_empty() || text.chars().any(char::is_control)) {
            return Err(format!(
                "{}: an empty or unprintable username or credential",
                self.urls[0]
            ));
        }
        Ok(self)
    }

    fn is_turn(&self) -> bool {
        self.urls.iter().any(|url| url.starts_with("turn"))
    }
}

impl IceServers {
    /// Puts servers and secret together; refused where a TURN server would have no credentials.
    pub fn new(servers: Vec<IceServer>, secret: Option<String>) -> Result<IceServers, String> {
        if servers.len() > SERVERS_MAX {
            return Err(format!("{} ICE servers; at most {SERVERS_MAX} are taken", servers.len()));
        }
        let bare = servers.iter().find(|server| server.is_turn() && server.username.is_none());
        match (bare, &secret) {
            (Some(server), None) => Err(format!(
                "{url} needs a user and a credential: --ice-server {url},USER,CREDENTIAL, or \
                 --turn-secret SECRET",
                url = server.urls[0]
            )),
            _ if secret.is_some() && !servers.iter().any(IceServer::is_turn) => {
                Err("--turn-secret needs a TURN server: --ice-server turn:HOST:3478".to_string())
            }
            _ => Ok(IceServers { servers, secret }),
        }
    }

    /// Parses the browser's iceServers JSON: the array itself, or an object that holds it as
    /// `iceServers`.
    pub fn parse_json(text: &str) -> Result<Vec<IceServer>, String> {
        let mut value: serde_json::Value =
            serde_json::from_str(text).map_err(|error| format!("not JSON: {error}"))?;
        if let Some(inner) = value.get_mut("iceServers") {
            value = inner.take();
        }
        let written: Vec<Written> = serde_json::from_value(value).map_err(|error| {
            format!("not a list of servers with urls, username, credential: {error}")
        })?;
        written.into_iter().map(Written::check).collect()
    }

    /// Whether none is configured.
    pub fn is_empty(&self) -> bool {
        self.servers.is_empty()
    }

    /// The servers for one viewer, with credentials made now for the TURN servers that have none.
    pub fn for_viewer(&self, now: SystemTime, user: &str) -> Vec<IceServer> {
        let minted = self.secret.as_deref().map(|secret| mint(secret, now, user));
        let fill = |mut server: IceServer| {
            if let (true, None, Some((username, credential))) =
                (server.is_turn(), &server.username, &minted)
            {
                server.username = Some(username.clone());
                server.credential = Some(credential.clone());
            }
            server
        };
        self.servers.iter().cloned().map(fill).collect()
    }
}

/// Values of the Link header, one a URL, as WHEP wants them (RFC 9725 §4.6).
pub fn link_headers(servers: &[IceServer]) -> Vec<String> {
    let quote = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"");
    let mut links = Vec::new();
    for server in servers {
        for url in &server.urls {
            let mut link = format!("<{url}>; rel=\"ice-server\"");
            if let (true, Some(username), Some(credential)) =
                (url.starts_with("turn"), &server.username, &server.credential)
            {
                link += &format!(
                    "; username=\"{}\"; credential=\"{}\"; credential-type=\"password\"",
                    quote(username),
                    quote(credential)
                );
            }
            links.push(link);
        }
    }
    links
}

fn mint(secret: &str, now: SystemTime, user: &str) -> (String, String) {
    let unix = now.duration_since(UNIX_EPOCH).unwrap_or_default() + CREDENTIAL_LIFETIME;
    let username = format!("{}:{user}", unix.as_secs());
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret.as_bytes());
    let tag = hmac::sign(&key, username.as_bytes());
    (username, base64::engine::general_purpose::STANDARD.encode(tag.as_ref()))
}

impl Written {
    fn check(self) -> Result<IceServer, String> {
        if self.credential_type.as_deref().is_some_and(|kind| kind != "password") {
            return Err("only the credentialType \"password\" is known".to_string());
        }
        let urls = match self.urls {
            Urls::One(url) => vec![url],
            Urls::Many(urls) => urls,
        };
        IceServer { urls, username: self.username, credential: self.credential }.checked()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_flag_takes_a_url_or_a_url_with_both_credentials() {
        let server = IceServer::parse_flag("turn:a:3478,user,pass,word").unwrap();
        assert_eq!(server.username.as_deref(), Some("user"));
        assert_eq!(server.credential.as_deref(), Some("pass,word"));
        assert!(IceServer::parse_flag("turn:a,user").is_err());
        assert!(IceServer::parse_flag("turn:a,,x").is_err());
        assert_eq!(IceServer::parse_flag("stun:a").unwrap().username, None);
    }

    #[test]
    fn the_browsers_json_is_read_with_one_url_or_several() {
        let text = r#"[{"urls":["stun:s"]},
            {"urls":"turn:h:3478?transport=udp","username":"u","credential":"p"}]"#;
        let servers = IceServers::parse_json(text).unwrap();
        assert_eq!(servers.len(), 2);
        let wrapped = IceServers::parse_json(&format!("{{\"iceServers\":{text}}}")).unwrap();
        assert_eq!(wrapped, servers);
        for text in [
            "",
            "{}",
            "[{}]",
            r#"[{"urls":[]}]"#,
            r#"[{"url":"stun:s"}]"#,
            r#"[{"urls":"x"}]"#,
            r#"[{"urls":"turn:a","username":"u"}]"#,
        ] {
            assert!(IceServers::parse_json(text).is_err(), "{text}");
        }
    }

    #[test]
    fn turn_without_credentials_or_secret_is_refused_and_so_is_a_secret_without_turn() {
        let turn = IceServer::parse_flag("turn:a").unwrap();
        let stun = IceServer::parse_flag("stun:a").unwrap();
        assert!(IceServers::new(vec![turn.clone()], None).is_err());
        assert!(IceServers::new(vec![stun], Some("s".to_string())).is_err());
        assert!(IceServers::new(vec![turn], Some("s".to_string())).is_ok());
    }

    #[test]
    fn credentials_are_the_ones_that_turn_servers_compute() {
        // Computed apart: printf 1700086400:alice | openssl dgst -sha1 -hmac north -binary | base64
        let turn = IceServer::parse_flag("turn:a").unwrap();
        let servers = IceServers::new(vec![turn], Some("north".to_string())).unwrap();
        let now = UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        let minted = servers.for_viewer(now, "alice").remove(0);
        assert_eq!(minted.username.as_deref(), Some("1700086400:alice"));
        assert_eq!(minted.credential.as_deref(), Some("SXua5ne/+mDhiHTp0pQJzRO4ESg="));
    }

    #[test]
    fn links_quote_what_they_carry_and_tell_stun_servers_no_password() {
        let servers = [
            IceServer::parse_flag("stun:s").unwrap(),
            IceServer::parse_flag("turn:t?transport=tcp,us\"er,p\\w").unwrap(),
        ];
        assert_eq!(
            link_headers(&servers),
            [
                "<stun:s>; rel=\"ice-server\"",
                "<turn:t?transport=tcp>; rel=\"ice-server\"; username=\"us\\\"er\"; \
                 credential=\"p\\\\w\"; \
                 credential-type=\"password\"",
            ]
        );
    }
}
