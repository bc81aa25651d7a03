//! Values of settings that are one of a few.

/// Which event loop runs the sessions.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum RuntimeKind {
    /// `pinhole-mio`.
    #[default]
    Mio,
    /// `pinhole-smol`.
    Smol,
}

/// Where viewers without UDP connect.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum TcpPort {
    /// To the port of HTTP, told apart by the first bytes.
    #[default]
    Http,
    /// To a port of its own; 0 is any.
    Own(u16),
    /// Nowhere.
    Off,
}

/// How far the stream follows the paths of its viewers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BitrateFloor {
    /// Down to this, in bits per second.
    At(u32),
    /// Not at all.
    Off,
}

/// Who uses the STUN and TURN servers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum IceFor {
    /// This server and browsers.
    #[default]
    Both,
    /// Browsers are told; this server asks none.
    Browsers,
    /// This server asks; browsers are told none.
    Server,
}
