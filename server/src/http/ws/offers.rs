//! Which offers belong together: a further offer of a connection that a session has already is an
//! ICE restart of that session, and any other a new session.

/// What tells one peer connection from another, and one ICE generation of it from the next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct OfferedBy {
    /// RFC 8829 §5.2.1: user name and number of the o= line stay the same for a connection's life.
    origin: String,
    /// Of the certificate. aiortc numbers connections by the second; their certificates differ.
    fingerprint: String,
    /// RFC 8445 §9: a restart changes it.
    ufrag: String,
}

impl OfferedBy {
    /// What an offer says; `None` where it does not say all of it.
    pub(super) fn read(sdp: &str) -> Option<OfferedBy> {
        let value = |name: &str| sdp.lines().find_map(|line| line.trim_end().strip_prefix(name));
        let mut origin = value("o=")?.split(' ');
        let origin = format!("{} {}", origin.next()?, origin.next()?);
        let fingerprint = value("a=fingerprint:")?.to_ascii_lowercase();
        let ufrag = value("a=ice-ufrag:")?.to_string();
        Some(OfferedBy { origin, fingerprint, ufrag })
    }

    /// Whether `later` restarts ICE of the same connection.
    pub(super) fn is_restarted_by(&self, later: &OfferedBy) -> bool {
        (&self.origin, &self.fingerprint) == (&later.origin, &later.fingerprint)
            && self.ufrag != later.ufrag
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OFFER: &str = "v=0\r\no=- 46117 2 IN IP4 127.0.0.1\r\ns=-\r\nm=video 9 x 96\r\n\
        a=ice-ufrag:Vzq1\r\na=ice-pwd:secret\r\na=fingerprint:sha-256 AB:CD\r\n";

    fn restarts(from: &str, to: &str) -> bool {
        let first = OfferedBy::read(OFFER).unwrap();
        let later = OfferedBy::read(&OFFER.replace(from, to)).unwrap();
        first.is_restarted_by(&later)
    }

    #[test]
    fn only_new_credentials_of_the_same_connection_are_a_restart() {
        assert!(restarts("Vzq1", "Wzq1"));
        assert!(restarts(
            "46117 2 IN IP4 127.0.0.1\r\ns=-\r\nm=video 9 x 96\r\na=ice-ufrag:Vzq1",
            "46117 3 IN IP4 10.0.0.1\r\ns=-\r\nm=video 5 x 96\r\na=ice-ufrag:Other"
        ));
        assert!(!restarts("", ""), "the same again is a new session");
        let other = OFFER.replace("Vzq1", "Wzq1");
        for (from, to) in [("46117", "46118"), ("AB:CD", "AB:CE")] {
            let first = OfferedBy::read(OFFER).unwrap();
            let later = OfferedBy::read(&other.replace(from, to)).unwrap();
            assert!(!first.is_restarted_by(&later), "{to}");
        }
    }

    #[test]
    fn an_offer_that_does_not_say_who_it_is_belongs_to_none() {
        for missing in ["o=", "a=ice-ufrag:", "a=fingerprint:"] {
            assert_eq!(OfferedBy::read(&OFFER.replace(missing, "x=")), None, "{missing}");
        }
    }
}
