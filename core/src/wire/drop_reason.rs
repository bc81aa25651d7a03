//! What can be wrong with a datagram.

/// Why a datagram was dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DropReason {
    /// Neither STUN, DTLS, RTP nor RTCP by its first byte.
    Unknown,
    /// STUN that does not parse.
    BadStun,
    /// STUN for a ufrag of no session.
    NoSession,
    /// STUN whose integrity does not verify.
    BadIntegrity,
    /// DTLS, RTP or RTCP from an address of no session.
    NoRoute,
    /// STUN that answers no question of ours.
    NoTransaction,
    /// A check from one more address, of a session that has been checked from too many.
    TooManyAddresses,
    /// A session found it malformed.
    Malformed,
}

impl DropReason {
    /// Each there is.
    pub const ALL: &[DropReason] = &[
        DropReason::Unknown,
        DropReason::BadStun,
        DropReason::NoSession,
        DropReason::BadIntegrity,
        DropReason::NoRoute,
        DropReason::NoTransaction,
        DropReason::TooManyAddresses,
        DropReason::Malformed,
    ];

    /// Its stable name in metrics and recordings, in lower case with underscores.
    pub fn code(self) -> &'static str {
        match self {
            DropReason::Unknown => "unknown",
            DropReason::BadStun => "bad_stun",
            DropReason::NoSession => "no_session",
            DropReason::BadIntegrity => "bad_integrity",
            DropReason::NoRoute => "no_route",
            DropReason::NoTransaction => "no_transaction",
            DropReason::TooManyAddresses => "too_many_addresses",
            DropReason::Malformed => "malformed",
        }
    }
}
