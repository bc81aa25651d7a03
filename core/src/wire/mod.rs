//! What a datagram is, before anybody reads it: demultiplexing by first byte (RFC 7983), and the
//! little of a STUN request that routing needs. The codec is `stun-types`.

mod demux;
mod drop_reason;
mod envelope;
mod stun;

pub(crate) use demux::{Kind, demux};
pub use drop_reason::DropReason;
pub(crate) use envelope::Envelope;
pub(crate) use stun::{BindingRequest, StunKind, parse_stun};
