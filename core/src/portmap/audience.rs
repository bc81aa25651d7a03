//! Whom addresses are told to.

/// Who is told which addresses.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Audience {
    /// Only addresses that are public or mapped; no private address leaves.
    Public,
    /// Only the addresses of our own interfaces.
    #[default]
    Lan,
    /// Both, the LAN first.
    Both,
}
