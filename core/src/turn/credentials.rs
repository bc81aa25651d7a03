//! What a TURN server knows us by.

/// What a TURN server knows us by.
#[derive(Clone, PartialEq, Eq)]
pub enum Credentials {
    /// It lets everybody in.
    None,
    /// A user and its password, RFC 8489 §9.2.
    LongTerm {
        /// User name.
        username: String,
        /// Password.
        password: String,
    },
    /// A secret shared with the server, from which passwords that expire are made
    /// (draft-uberti-behave-turn-rest-00).
    Rest {
        /// The secret.
        secret: String,
        /// The user part of the name.
        user: String,
    },
}

impl std::fmt::Debug for Credentials {
    /// Writes no secret.
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(match self {
            Credentials::None => "None",
            Credentials::LongTerm { .. } => "LongTerm(…)",
            Credentials::Rest { .. } => "Rest(…)",
        })
    }
}
