//! TURN as a client: an allocation that keeps itself alive.

mod credentials;

pub use credentials::Credentials;
