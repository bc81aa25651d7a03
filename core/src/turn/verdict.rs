//! What an error response means, by what was asked: RFC 8656 §19, and what servers really do.

use super::event::LossCause;

/// What a request asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Ask {
    Allocate,
    /// Proof of life and more time.
    Refresh,
    /// A Refresh that ends the allocation.
    Delete,
    Permission,
    Channel,
}

/// What to do about an error response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Ask again, signed by what the response says.
    Authenticate,
    /// Ask another server.
    Redirect,
    /// An allocation is in the way.
    Mismatch,
    /// Ask for other address families.
    OtherFamily,
    /// The server does not want us now.
    Refused,
    /// The allocation is gone, whatever else the server says.
    Lost(LossCause),
    /// This one peer is not to be had.
    PeerRefused,
    /// It did not work now.
    Failed,
    /// There is nothing left to end.
    Gone,
}

/// Judges an error response. `was_stale`: this very request was answered with 438 before.
pub(super) fn judge(ask: Ask, code: u16, was_stale: bool) -> Verdict {
    match (ask, code) {
        (_, 401 | 438) => Verdict::Authenticate,
        (Ask::Delete, _) => Verdict::Gone,
        (Ask::Allocate, 300) => Verdict::Redirect,
        (Ask::Allocate, 437) => Verdict::Mismatch,
        // 400: servers that take ADDITIONAL-ADDRESS-FAMILY for a mistake.
        (Ask::Allocate, 400 | 420 | 440) => Verdict::OtherFamily,
        (Ask::Allocate, _) => Verdict::Refused,
        (_, 437) => Verdict::Lost(LossCause::Mismatch),
        // RFC 8656 §5: the allocation belongs to another user name than ours.
        (_, 441) => Verdict::Lost(LossCause::Unauthorized),
        // coturn up to 4.6 answers so once it has dropped the allocation.
        (_, 400) if was_stale => Verdict::Lost(LossCause::Rejected),
        (Ask::Permission | Ask::Channel, 403 | 443) => Verdict::PeerRefused,
        (Ask::Refresh | Ask::Permission | Ask::Channel, _) => Verdict::Failed,
    }
}

/// Judges a request that a server kept answering with 401 or 438.
pub(super) fn judge_unauthorized(ask: Ask) -> Verdict {
    match ask {
        Ask::Allocate => Verdict::Refused,
        Ask::Delete => Verdict::Gone,
        Ask::Refresh | Ask::Permission | Ask::Channel => Verdict::Lost(LossCause::Unauthorized),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_ask_and_code_has_its_verdict() {
        let asks = [Ask::Allocate, Ask::Refresh, Ask::Delete, Ask::Permission, Ask::Channel];
        let codes = [300, 400, 401, 403, 420, 437, 438, 440, 441, 443, 486, 500, 508];
        let mut table = String::new();
        for code in codes {
            let row = asks.map(|ask| short(judge(ask, code, false)));
            table += &format!("{code} {}\n", row.join(" "));
        }
        let row = asks.map(|ask| short(judge(ask, 400, true)));
        table += &format!("400 after 438 {}\n", row.join(" "));
        let row = asks.map(|ask| short(judge_unauthorized(ask)));
        table += &format!("unauthorized {}\n", row.join(" "));

        assert_eq!(table, TABLE, "{table}");
    }

    fn short(verdict: Verdict) -> &'static str {
        match verdict {
            Verdict::Authenticate => "auth",
            Verdict::Redirect => "redirect",
            Verdict::Mismatch => "mismatch",
            Verdict::OtherFamily => "family",
            Verdict::Refused => "refused",
            Verdict::Lost(LossCause::Mismatch) => "lost:437",
            Verdict::Lost(LossCause::Rejected) => "lost:400",
            Verdict::Lost(_) => "lost:401",
            Verdict::PeerRefused => "peer",
            Verdict::Failed => "failed",
            Verdict::Gone => "gone",
        }
    }

    /// Code, then Allocate, Refresh, Delete, CreatePermission, ChannelBind.
    const TABLE: &str = "\
300 redirect failed gone failed failed
400 family failed gone failed failed
401 auth auth auth auth auth
403 refused failed gone peer peer
420 family failed gone failed failed
437 mismatch lost:437 gone lost:437 lost:437
438 auth auth auth auth auth
440 family failed gone failed failed
441 refused lost:401 gone lost:401 lost:401
443 refused failed gone peer peer
486 refused failed gone failed failed
500 refused failed gone failed failed
508 refused failed gone failed failed
400 after 438 family lost:400 gone lost:400 lost:400
unauthorized refused lost:401 gone lost:401 lost:401
";
}
