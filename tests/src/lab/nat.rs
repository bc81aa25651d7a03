//! What two NATs allow, by rule (RFC 4787's terms).
//!
//! Two sites reach each other directly unless one maps anew for each destination and the other filters by port, or both
//! map anew for each destination. What lets no UDP out needs a relay, on whichever side it is.

use std::cmp::Ordering;
use std::fmt;

use super::PathKind;

/// How the external port of a socket is chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Mapping {
    /// One for all destinations.
    Independent,
    /// Another for each destination.
    Dependent,
}

/// Which packets come in through a mapping.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Filtering {
    /// Anybody's.
    Open,
    /// Those of addresses that were sent to.
    Address,
    /// Those of addresses and ports that were sent to.
    AddressAndPort,
}

/// A site as the rule sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Site {
    mapping: Mapping,
    filtering: Filtering,
    udp: bool,
    /// The next external port can be told from the last ones.
    predictable: bool,
}

/// What the rule says of a pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Prediction {
    /// This path and no other.
    Path(PathKind),
    /// Direct where the guessed port is right, or else relayed: the server's external ports follow each other, and it
    /// offers the next ones.
    Guess,
}

/// What the two must do before media flows; times are compared within a class.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// One side lets the other's first packet in.
    Open,
    /// Both must send first.
    Punched,
    /// A relay.
    Relayed,
}

/// The NAT types of the matrix; `same` only as the viewer's position.
pub const TYPES: [&str; 15] = [
    "none", "fw", "full", "adr", "port", "keep", "sym", "symseq", "symadr", "fwd", "one2one",
    "noudp", "only443", "port+sym", "same",
];

/// The path between a server behind `nat_a`, told its map where there is one, and a viewer behind `nat_b`, both with STUN
/// and TURN. `None` for a type that the rule does not know.
pub fn predict(nat_a: &str, nat_b: &str) -> Option<Prediction> {
    let server = server_site(nat_a)?;
    if nat_b == "same" {
        return Some(Prediction::Path(PathKind::Lan));
    }
    let viewer = site(nat_b)?;
    if !server.udp || !viewer.udp {
        return Some(Prediction::Path(PathKind::Relay));
    }
    if may_be_direct(server, viewer) {
        return Some(Prediction::Path(PathKind::Direct));
    }
    // The viewer must be found at one port, and then the right guess opens its filter.
    if server.predictable && viewer.mapping == Mapping::Independent {
        return Some(Prediction::Guess);
    }
    Some(Prediction::Path(PathKind::Relay))
}

/// What the pair must do on the path that it took.
pub fn class(nat_a: &str, nat_b: &str, path: PathKind) -> Class {
    let open = |site: Option<Site>| site.is_some_and(|site| site.filtering == Filtering::Open);
    match path {
        PathKind::Relay => Class::Relayed,
        PathKind::Lan | PathKind::Tcp => Class::Open,
        PathKind::Direct if open(server_site(nat_a)) || open(site(nat_b)) => Class::Open,
        PathKind::Direct => Class::Punched,
    }
}

impl Prediction {
    /// Whether this path is what the rule says.
    pub fn allows(self, path: PathKind) -> bool {
        match self {
            Prediction::Path(predicted) => predicted == path,
            Prediction::Guess => matches!(path, PathKind::Direct | PathKind::Relay),
        }
    }
}

fn may_be_direct(a: Site, b: Site) -> bool {
    let shut_out = |maps: Site, filters: Site| {
        maps.mapping == Mapping::Dependent && filters.filtering == Filtering::AddressAndPort
    };
    let both_dependent = a.mapping == Mapping::Dependent && b.mapping == Mapping::Dependent;
    !(shut_out(a, b) || shut_out(b, a) || both_dependent)
}

/// A forward with its map lets everybody in, at one address.
fn server_site(nat: &str) -> Option<Site> {
    match nat {
        "same" => None,
        "fwd" | "one2one" => site("none"),
        _ => site(nat),
    }
}

/// A site by its type; of two NATs in a row, the worse in each respect.
fn site(nat: &str) -> Option<Site> {
    if let Some((inner, outer)) = nat.split_once('+') {
        let (inner, outer) = (site(inner)?, site(outer)?);
        return Some(Site {
            mapping: inner.mapping.max(outer.mapping),
            filtering: inner.filtering.max(outer.filtering),
            udp: inner.udp && outer.udp,
            predictable: match inner.mapping.cmp(&outer.mapping) {
                Ordering::Less => outer.predictable,
                Ordering::Equal => inner.predictable && outer.predictable,
                Ordering::Greater => inner.predictable,
            },
        });
    }
    use Filtering::{Address, AddressAndPort, Open};
    use Mapping::{Dependent, Independent};
    let (mapping, filtering) = match nat {
        "none" | "full" => (Independent, Open),
        "adr" => (Independent, Address),
        "fw" | "port" | "keep" | "noudp" | "only443" => (Independent, AddressAndPort),
        "symadr" => (Dependent, Address),
        // A viewer's sockets are none of the forwarded ones.
        "sym" | "symseq" | "fwd" | "one2one" => (Dependent, AddressAndPort),
        _ => return None,
    };
    let udp = !matches!(nat, "noudp" | "only443");
    Some(Site { mapping, filtering, udp, predictable: nat == "symseq" })
}

impl fmt::Display for Prediction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Prediction::Path(path) => path.fmt(f),
            Prediction::Guess => f.pad("direct or relay"),
        }
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Class::Open => "nobody must punch",
            Class::Punched => "both must punch",
            Class::Relayed => "relay",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIRECT: Prediction = Prediction::Path(PathKind::Direct);
    const RELAY: Prediction = Prediction::Path(PathKind::Relay);

    fn check(cases: &[(&str, &str, Prediction)]) {
        for &(a, b, expected) in cases {
            assert_eq!(predict(a, b), Some(expected), "{a} x {b}");
        }
    }

    #[test]
    fn the_measured_matrix_of_real_nats_is_what_the_rule_says() {
        // Both orders, except where a forward or a guess makes the server's side another one.
        let both_ways = [
            ("none", "sym", DIRECT),
            ("full", "full", DIRECT),
            ("full", "symseq", DIRECT),
            ("full", "symadr", DIRECT),
            ("adr", "adr", DIRECT),
            ("adr", "port", DIRECT),
            ("adr", "sym", DIRECT),
            ("adr", "symadr", DIRECT),
            ("port", "port", DIRECT),
            ("port", "keep", DIRECT),
            ("port", "symadr", RELAY),
            ("port", "sym", RELAY),
            ("fw", "sym", RELAY),
            ("symadr", "symadr", RELAY),
            ("sym", "symseq", RELAY),
            ("symadr", "sym", RELAY),
        ];
        for (a, b, expected) in both_ways {
            check(&[(a, b, expected), (b, a, expected)]);
        }
    }

    #[test]
    fn two_nats_in_a_row_are_the_worse_of_the_two() {
        check(&[
            ("port+sym", "port", RELAY),
            ("port", "port+sym", RELAY),
            ("port+full", "sym", RELAY),
            ("port+full", "port", DIRECT),
            ("none", "port+sym", DIRECT),
        ]);
    }

    #[test]
    fn a_forward_lets_a_server_be_reached_but_not_a_viewer() {
        for viewer in TYPES.iter().filter(|nat| !["noudp", "only443", "same"].contains(nat)) {
            check(&[("fwd", viewer, DIRECT), ("one2one", viewer, DIRECT)]);
        }
        check(&[("port", "fwd", RELAY), ("sym", "one2one", RELAY), ("adr", "fwd", DIRECT)]);
    }

    #[test]
    fn what_lets_no_udp_out_needs_a_relay_except_on_the_lan() {
        for other in TYPES.iter().filter(|nat| **nat != "same") {
            check(&[("noudp", other, RELAY), (other, "only443", RELAY), (other, "noudp", RELAY)]);
        }
        check(&[("noudp", "same", Prediction::Path(PathKind::Lan))]);
    }

    #[test]
    fn a_server_whose_ports_follow_each_other_may_guess() {
        check(&[
            ("symseq", "port", Prediction::Guess),
            ("symseq", "fw", Prediction::Guess),
            ("symseq", "adr", DIRECT),
            ("symseq", "symseq", RELAY),
            ("port", "symseq", RELAY),
        ]);
        assert!(Prediction::Guess.allows(PathKind::Direct));
        assert!(Prediction::Guess.allows(PathKind::Relay));
        assert!(!RELAY.allows(PathKind::Direct));
    }

    #[test]
    fn the_rule_knows_every_type_of_the_matrix_and_no_other() {
        for server in TYPES.iter().filter(|nat| **nat != "same") {
            for viewer in TYPES {
                assert!(predict(server, viewer).is_some(), "{server} x {viewer}");
            }
        }
        assert_eq!(predict("same", "none"), None);
        assert_eq!(predict("none", "cone"), None);
    }

    #[test]
    fn a_pair_punches_where_neither_side_is_open() {
        assert_eq!(class("port", "adr", PathKind::Direct), Class::Punched);
        assert_eq!(class("fwd", "sym", PathKind::Direct), Class::Open);
        assert_eq!(class("port", "full", PathKind::Direct), Class::Open);
        assert_eq!(class("port", "sym", PathKind::Relay), Class::Relayed);
        assert_eq!(class("port", "same", PathKind::Lan), Class::Open);
    }
}
