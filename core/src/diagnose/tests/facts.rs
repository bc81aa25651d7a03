//! What the tables are made of.

use std::net::SocketAddr;
use std::time::Duration;

use crate::diagnose::{
    Answer, Checks, Dtls, Media, PortFacts, Proof, ServerFacts, SessionFacts, Stage, Surroundings,
    ViewerCandidate, Witness,
};
use crate::gather::{Audience, CandidateKind, LocalCandidate, TurnTransport};
use crate::portmap::{PortMap, Protocol};
use crate::session::{Path, PathKind};

fn at(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn told(kind: CandidateKind, address: &str, base: &str) -> LocalCandidate {
    LocalCandidate { base: at(base), address: at(address), kind, protocol: Protocol::Udp }
}

/// In a private network, with these servers.
pub(super) fn behind(servers: &[ServerFacts]) -> Surroundings {
    Surroundings {
        candidates: vec![told(CandidateKind::Host, "10.10.0.2:5000", "10.10.0.2:5000")],
        servers: servers.to_vec(),
        unix_seconds: Some(1_800_000_000),
        ..Surroundings::default()
    }
}

/// The same, and a STUN server saw us.
pub(super) fn behind_nat(servers: &[ServerFacts]) -> Surroundings {
    let mut around = behind(servers);
    let seen = told(CandidateKind::ServerReflexive, "192.0.2.10:40000", "10.10.0.2:5000");
    around.candidates.push(seen);
    around.servers.push(stun(Answer::Mapped(at("192.0.2.10:40000"))));
    around
}

/// With a public address of our own.
pub(super) fn open() -> Surroundings {
    Surroundings {
        candidates: vec![told(CandidateKind::Host, "198.51.100.2:5000", "198.51.100.2:5000")],
        ..behind(&[])
    }
}

/// With one port forwarded.
pub(super) fn forwarded(proof: Proof) -> Surroundings {
    Surroundings {
        audience: Audience::Public,
        map: PortMap::parse(["5000/udp=192.0.2.10:30000"]).unwrap(),
        candidates: vec![told(
            CandidateKind::ServerReflexive,
            "192.0.2.10:30000",
            "10.10.0.2:5000",
        )],
        ports: vec![port(30000, 5000, proof)],
        ..behind(&[])
    }
}

pub(super) fn port(external: u16, internal: u16, proof: Proof) -> PortFacts {
    let witness = if proof == Proof::Untried { Witness::None } else { Witness::Reflector };
    PortFacts {
        external: at(&format!("192.0.2.10:{external}")),
        internal: at(&format!("10.10.0.2:{internal}")),
        proof,
        witness,
        sent_from: Some(at("192.0.2.1:9").ip()),
    }
}

pub(super) fn server(url: &str, relay: Option<TurnTransport>, answer: Answer) -> ServerFacts {
    ServerFacts {
        url: url.to_owned(),
        relay,
        answer,
        minted: false,
        expires_unix: None,
        realm: None,
        former_realm: None,
        opens_tcp: None,
        peers_refused: Vec::new(),
        echo: None,
    }
}

pub(super) fn stun(answer: Answer) -> ServerFacts {
    server("stun:192.0.2.1:3478", None, answer)
}

pub(super) fn turn(answer: Answer) -> ServerFacts {
    server("turn:192.0.2.1:3478?transport=udp", Some(TurnTransport::Udp), answer)
}

/// Ten seconds after its offer, and nothing came.
pub(super) fn session(stage: Stage) -> SessionFacts {
    SessionFacts {
        stage,
        age: Duration::from_secs(10),
        signalled_from: Some("192.0.2.20".parse().unwrap()),
        viewer: vec![ViewerCandidate::Hidden],
        checks: Checks { sent: 12, ..Checks::default() },
        dtls: Dtls::NotBegun,
        media: Media::default(),
        path: None,
        connected_for: None,
        silent_for: None,
        roams: 0,
        sdp_altered: false,
        browser: None,
        frozen_for: None,
        browser_silent_for: None,
    }
}

/// The same, with one more candidate.
pub(super) fn viewer(address: &str, session: &SessionFacts) -> SessionFacts {
    let mut session = session.clone();
    session.viewer.push(ViewerCandidate::At {
        address: at(address),
        kind: CandidateKind::Host,
        protocol: Protocol::Udp,
    });
    session
}

/// The same, connected through a relay over TLS.
pub(super) fn heard(session: &SessionFacts) -> SessionFacts {
    let _ = session;
    over(PathKind::Relay(TurnTransport::Tls), &connected())
}

/// It plays.
pub(super) fn connected() -> SessionFacts {
    SessionFacts {
        checks: Checks { over_udp: 9, sent: 4, answered: 4, ..Checks::default() },
        dtls: Dtls::Done,
        media: Media {
            frames_sent: 300,
            encoder_silent_for: Some(Duration::from_millis(20)),
            reports: 10,
            loss: Some(0.0),
            keyframe_requests: 1,
        },
        connected_for: Some(Duration::from_secs(10)),
        silent_for: Some(Duration::from_millis(300)),
        ..over(PathKind::Direct, &session(Stage::Connected))
    }
}

/// The same, over this path.
pub(super) fn over(kind: PathKind, session: &SessionFacts) -> SessionFacts {
    let path = Path { kind, local: at("198.51.100.2:5000"), remote: at("192.0.2.20:6000") };
    SessionFacts { path: Some(path), ..session.clone() }
}
