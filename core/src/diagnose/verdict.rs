//! The causes that can be told apart.

macro_rules! verdicts {
    ($($(#[doc = $doc:literal])+ $name:ident = $code:literal,)+) => {
        /// Why a viewer sees no picture, or a worse one than it could. Its code is stable: it stands in
        /// logs, metrics, messages and the names of the pages in `docs/verdicts/`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Verdict {
            $($(#[doc = $doc])+ $name,)+
        }

        impl Verdict {
            /// All of them.
            pub const ALL: &[Verdict] = &[$(Verdict::$name,)+];

            /// Its stable name, in lower case with hyphens.
            pub fn code(self) -> &'static str {
                match self {
                    $(Verdict::$name => $code,)+
                }
            }
        }
    };
}

verdicts! {
    /// Viewers were told addresses of a private network only, and this one is not in it.
    PrivateCandidatesOnly = "private-candidates-only",
    /// Nothing arrives at the port that the router should forward.
    ForwardMissing = "forward-missing",
    /// The router forwards the port to another port of this machine.
    ForwardToAnotherPort = "forward-to-another-port",
    /// The router forwards the port to another machine, or to one that does not exist.
    ForwardToAnotherHost = "forward-to-another-host",
    /// The map is off by a constant: what is sent to one mapped port arrives at its neighbour.
    MapShifted = "map-shifted",
    /// A firewall on our side lets no UDP through.
    UdpBlockedHere = "udp-blocked-here",
    /// A firewall on the viewer's side lets no UDP through.
    UdpBlockedThere = "udp-blocked-there",
    /// Both NATs choose ports that nobody can foresee, and there is no relay.
    SymmetricNats = "symmetric-nats",
    /// A STUN server does not answer.
    StunSilent = "stun-silent",
    /// A TURN server does not answer.
    TurnSilent = "turn-silent",
    /// The name of a STUN or TURN server has no address.
    NameUnresolved = "name-unresolved",
    /// A TURN server is asked over UDP and answers over TCP only.
    TurnTcpOnly = "turn-tcp-only",
    /// A TURN server is not reached over TCP or TLS.
    TurnUnreachable = "turn-unreachable",
    /// A TURN server does not take user name and password.
    TurnWrongPassword = "turn-wrong-password",
    /// The user name of a TURN server says that its time is over.
    TurnCredentialsExpired = "turn-credentials-expired",
    /// Credentials minted from a secret are refused because our clock is wrong.
    ClockSkew = "clock-skew",
    /// A TURN server names another realm than the one in which the password was good.
    TurnRealmChanged = "turn-realm-changed",
    /// A TURN server grants this user no more allocations.
    TurnQuota = "turn-quota",
    /// A TURN server refuses for another reason.
    TurnRefused = "turn-refused",
    /// A TURN server does not relay to the viewer's address.
    TurnPeerRefused = "turn-peer-refused",
    /// A TURN server grants a relay, and nothing passes through it.
    TurnRelaysNothing = "turn-relays-nothing",
    /// Only relays are allowed, and there is none.
    NoRelay = "no-relay",
    /// UDP is carried inside TCP on its way to us.
    Tunnel = "tunnel",
    /// The path leads through a relay that is reached over TCP, or over TCP itself.
    OverTcp = "over-tcp",
    /// The viewer's browser takes no H.264 that we send.
    NoH264 = "no-h264",
    /// The viewer never began to connect.
    NeverBegan = "never-began",
    /// The viewer ended before a connection stood.
    GaveUp = "gave-up",
    /// The certificate is not the one that the SDP names: something altered the SDP on its way.
    CertificateMismatch = "certificate-mismatch",
    /// The checks of another session arrive, or altered ones: the viewer holds an old answer.
    StaleAnswer = "stale-answer",
    /// Small datagrams pass, and large ones do not.
    MtuBlackHole = "mtu-black-hole",
    /// ICE found a path, and the DTLS handshake does not come through.
    DtlsBlocked = "dtls-blocked",
    /// The encoder, or what feeds it, stands still.
    EncoderStalled = "encoder-stalled",
    /// Many packets are lost.
    PacketsLost = "packets-lost",
    /// The path was good and was cut in both directions, while signalling goes on.
    PathCut = "path-cut",
    /// The viewer's address changes, and the path with it.
    ViewerMoves = "viewer-moves",
    /// The viewer is gone: nothing of it is heard any more, by no way.
    ViewerGone = "viewer-gone",
    /// Nothing that is known explains it; the evidence is all facts.
    Unknown = "unknown",
}
