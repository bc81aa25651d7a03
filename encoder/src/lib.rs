//! From pictures to H.264, on threads of its own.
//!
//! A [`Stream`] is a source, an encoder and a short queue. [`Stream::start`] makes one from a
//! [`StreamConfig`]; [`Stream::from_parts`] from an embedder's own [`Source`] and [`Encoder`]. An event
//! loop drives it through [`Media`]: it is woken after each access unit, takes them without blocking,
//! and says when somebody watches and when somebody needs a keyframe.
//!
//! - [`frame`]: raw pictures, checked when they are made; sizes, rates, conversion.
//! - [`source`]: the moving test picture with its readable clock, y4m from files and standard input,
//!   Annex B files, which pass through unencoded, shared memory, X11 screens, and
//!   [`AppSource`](source::AppSource) for pictures out of the memory of the program that embeds this.
//! - [`encoder`]: what a back end is. [`OpenH264`] is the one that is always there; [`VulkanVideo`] drives the
//!   encode engine of a GPU, and has never run on one.
//! - [`gpu`], [`plan`]: which GPUs there are, what they encode, which back end is used, and why not another.
//! - the threads: a mailbox of one raw picture, since old pictures are worth nothing; a bounded queue of
//!   access units that always starts at an IDR after a loss; a watchdog, which lets another back end take
//!   over from one that hangs, fails or writes garbage.
//!
//! What is promised to viewers. IDRs come when asked for and not otherwise. Capture times lie exactly one
//! frame apart, except where a request for a keyframe or the first viewer made the source hurry: then a
//! new picture is made at once instead of at the next tick, and the grid goes on from there. A lost
//! reference is always followed by an IDR.
//!
//! ```
//! use pinhole_encoder::{Content, EncoderChoice, Media, SourceKind, Stream, StreamConfig};
//! use std::{sync::mpsc, sync::Arc, time::Duration};
//!
//! let mut stream = Stream::start(&StreamConfig {
//!     source: SourceKind::Test,
//!     encoder: EncoderChoice::Auto,
//!     size: (320, 180),
//!     fps: Some(30),
//!     bitrate: 500_000,
//!     content: Content::Camera,
//!     openh264_library: None,
//! })?;
//! let (sender, woken) = mpsc::channel();
//! stream.set_wake(Arc::new(move || _ = sender.send(())));
//! stream.set_active(true);
//! woken.recv_timeout(Duration::from_secs(10))?;
//! let first = stream.poll_access_unit().expect("woken for it");
//! assert!(first.keyframe);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod access_unit;
mod adapt;
mod annexb;
mod config;
pub mod encoder;
mod error;
pub mod frame;
pub mod gpu;
mod media;
mod openh264;
pub mod plan;
pub mod source;
mod stats;
mod stream;
mod thread;
mod vulkan_video;

pub use access_unit::AccessUnit;
pub use config::{Content, EncoderChoice, EncoderConfig, SourceKind, StreamConfig, StreamFormat};
pub use encoder::{Encoder, EncoderSettings};
pub use error::StreamError;
pub use frame::{Frame, FrameRate, Size};
pub use media::{Media, MediaEvent, Wake};
pub use openh264::{LibraryError, OpenH264, OpenH264Library};
pub use plan::EncoderPlan;
pub use source::Source;
pub use stats::StreamStats;
pub use stream::Stream;
pub use vulkan_video::VulkanVideo;
