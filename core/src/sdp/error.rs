//! Why offers and candidates are refused. Each text says what is wrong and what to do.

/// Why an offer is refused. The text says what is wrong and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OfferError {
    /// The limit of sessions is reached.
    #[error("all {0} viewer places are taken; try again later")]
    TooManyViewers(usize),
    /// No such session.
    #[error("there is no such session; make a new offer")]
    NoSession,
    /// Not SDP, and where.
    #[error("the offer is not valid SDP: {0}")]
    NotSdp(String),
    /// Longer than the limit.
    #[error("the offer has {0} bytes; at most {1} are taken")]
    TooLong(usize, usize),
    /// No m-line at all.
    #[error(
        "the offer has no m-line; add a transceiver: pc.addTransceiver('video', {{direction: 'recvonly'}})"
    )]
    NoMedia,
    /// No video that could be received.
    #[error(
        "the offer has no video m-line that receives; add pc.addTransceiver('video', {{direction: 'recvonly'}})"
    )]
    NoVideo,
    /// Video without H.264.
    #[error("the offer has no H.264 with packetization-mode=1; it offers {0}")]
    NoH264(String),
    /// Something that every WebRTC offer must have is missing.
    #[error("the offer lacks {0}")]
    Missing(&'static str),
    /// The session layer refused it.
    #[error("the offer cannot be used: {0}")]
    Refused(String),
}

/// Why a candidate is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CandidateError {
    /// No such session.
    #[error("there is no such session")]
    NoSession,
    /// Not a candidate.
    #[error("not an ICE candidate: {0}")]
    NotACandidate(String),
    /// The limit of candidates of a session is reached.
    #[error("the session has {0} candidates already, as many as it may have")]
    TooMany(usize),
}
