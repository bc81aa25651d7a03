//! A record of sessions: what came in, when, and what was decided, with secrets removed.
//!
//! A [`Recorder`] watches an [`Endpoint`](crate::Endpoint) from outside: whoever drives the endpoint
//! tells it each input and output, and takes [`Entry`]s from it. The format, one JSON value a line,
//! is described for people in `docs/record.md`; its values are the types here, with a [`Header`] in
//! the first line. [`Recording::read`] reads it back.
//!
//! What is secret is replaced where a structure hangs on it, so that a recording can be run again:
//! an ICE ufrag becomes another that is the same wherever the first stood (`names`), a transaction
//! id becomes a number that request and answer share, MESSAGE-INTEGRITY becomes whether it held. Of
//! DTLS and SRTP stay kinds and lengths. Nothing unknown is copied: a line of SDP, an attribute of
//! STUN passes because its form is known to hold no secret, not because it looks harmless.
//!
//! Packets of media are summed up (`tally`). A file has a size that it does not exceed
//! ([`Budget`]), and what is left out first is what least explains a session.
//!
//! [`replay()`] runs a recording again, and [`compare`] says whether it is decided the same.

mod addresses;
mod budget;
mod entry;
mod header;
mod hide;
mod names;
mod packet;
mod read;
mod recorder;
mod replay;
mod scrub_sdp;
mod scrub_stun;
mod sight;
mod tally;
#[cfg(test)]
mod tests;
mod told;

pub use addresses::AddressPolicy;
pub use budget::{Admission, Budget};
pub use entry::{Class, Entry, What};
pub use header::{Bounds, Header, MINOR, Server, VERSION};
pub use packet::{
    Direction, DtlsRecord, Integrity, Leg, MediaTally, Packet, RtpTally, StunAttribute,
    StunMessage, Via,
};
pub use read::{ENTRIES_MAX, LINE_BYTES_MAX, RecordError, Recording};
pub use recorder::Recorder;
pub use replay::{
    Caveat, Comparison, Difference, ReplayError, Replayed, STEPS_MAX, Whose, compare, replay,
};
pub use told::{BrowserError, BrowserTold, FindingsTold, NatTold, PortTold};
