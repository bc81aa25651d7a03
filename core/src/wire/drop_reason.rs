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
