//! What a datagram is, before anybody reads it: demultiplexing by first byte (RFC 7983), and the
//! little of STUN and SRTCP that routing needs. The codec is `stun-types`.

mod address;
mod demux;
mod drop_reason;
mod envelope;
mod feedback;
mod media;
mod report;
mod stun;

pub(crate) use address::can_receive;
pub(crate) use demux::{Kind, demux};
pub use drop_reason::DropReason;
pub(crate) use envelope::Envelope;
pub(crate) use feedback::Feedback;
pub(crate) use media::{RtpPacket, transport_sequence};
pub(crate) use report::{ReportMark, Row};
pub(crate) use stun::{BindingRequest, BindingResponse, Check, StunKind, check_id, parse_stun};
