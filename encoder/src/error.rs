//! Why a stream cannot start.

use crate::encoder::EncodeError;
use crate::frame::{RateError, SizeError};
use crate::openh264::LibraryError;
use crate::source::SourceError;

/// Why a stream cannot start; the text says what is wrong and what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StreamError {
    /// The pictures cannot be had.
    #[error("{0}")]
    Source(#[from] SourceError),
    /// The encoder does not start.
    #[error("the encoder does not start: {0}")]
    Encoder(#[from] EncodeError),
    /// A library that cannot be used.
    #[error("{0}")]
    Library(#[from] LibraryError),
    /// A back end that was asked for by name is not there.
    #[error("{0}")]
    NoSuchEncoder(String),
    /// The size of the test picture.
    #[error("--size: {0}")]
    Size(#[from] SizeError),
    /// The frame rate.
    #[error("--fps: {0}")]
    Rate(#[from] RateError),
    /// The system gave no thread.
    #[error("a thread cannot be started: {0}; check the limits on processes and memory")]
    Thread(std::io::Error),
}
