//! H.264 between the encoder and RTP: from Annex B bytes to packets that all viewers share.
//!
//! An access unit comes as the encoder or a file gives it, with start codes ([`nals`]). The
//! [`Packetizer`] cuts it once into RTP payloads (RFC 6184, packetization-mode 1); sessions clone
//! the `Arc`s. [`ParameterSets`] remembers SPS and PPS, so that an IDR never goes out without them.
//! For SDP, [`ProfileLevelId`] says what a stream needs, [`Level`] which level a picture size
//! takes, [`best_match`] which of the formats that a viewer offers fits; [`Sps`] reads what a
//! server must know of a stream it did not encode.
//!
//! Implements ITU-T H.264 §7.3.1 and §7.3.2.1 (syntax read here), Annex A (levels), Annex B (byte
//! stream); RFC 6184 §5.4 to §5.8 (packets, without the interleaved mode) and §8.1 (parameters).
//! Left out: decoding, slice headers, SVC and MVC.

mod bits;
mod level;
mod matching;
mod nal;
mod packetizer;
mod parameter_sets;
mod profile;
mod sps;
mod vui;

pub use level::{Level, LevelError};
pub use matching::{Compatibility, Match, best_match};
pub use nal::{Nal, NalType, Nals, nals};
pub use packetizer::{AccessUnit, Packet, Packetizer, PayloadLimit, PayloadLimitError};
pub use parameter_sets::{ParameterSetChange, ParameterSets};
pub use profile::{Profile, ProfileLevelId, ProfileLevelIdError};
pub use sps::{Reordering, Sps, SpsError};
pub use vui::FrameRate;
