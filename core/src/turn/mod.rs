//! TURN as a client: an allocation that keeps itself alive.
mod credentials;
mod stub;
pub use credentials::Credentials;
pub(crate) use stub::*;
