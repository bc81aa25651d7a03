//! Pinhole's program as a library, so that a test starts in-process what a user starts from a
//! shell.
//!
//! A life of it: [`settings`] reads the command line, the environment and `pinhole.toml`, and
//! refuses what cannot work. [`serve::start`] binds, opens the stream, starts one of the two event
//! loops, and serves HTTP (`http/`): the page, WHEP, the WebSocket, metrics. A viewer's offer goes
//! through `sessions.rs`, which knows under which name the viewer will ask for its session again,
//! to the event loop by a [`pinhole_runtime::Handle`], and the answer goes back the same way. From
//! then on media flows beside all this, and a task for each session only hears how it ends.
//! [`serve::Running::shutdown`] tells every viewer and ends.
//!
//! [`doctor`] looks at the network that a server with these settings would have, before anybody
//! connects; [`reflect`] is its helper on a public machine, and how to ask it.
//! [`replay`] tells a recorded session and runs it again.
//! [`encoders`] says what this machine encodes with.
//! [`rewrite_sdp`] is a command of its own: the same port map for the SDP of another program.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let mut settings = pinhole::settings::Settings::default();
//! settings.listen = "127.0.0.1:0".parse()?;
//! let server = pinhole::serve::start(settings).await?;
//! println!("open {}", server.url);
//! server.shutdown().await;
//! # Ok(())
//! # }
//! ```
//!
//! Nothing here knows about packets; nothing below here knows about HTTP, names or files.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod doctor;
pub mod encoders;
mod findings;
pub mod gather_servers;
mod health;
mod http;
pub mod ice_servers;
mod ice_tcp;
mod ice_url;
pub mod origin;
#[doc(hidden)]
pub mod parsers;
mod playback;
mod rate;
pub mod reflect;
pub mod replay;
pub mod rewrite_sdp;
pub mod serve;
mod sessions;
pub mod settings;
mod timings;
mod verdicts;
