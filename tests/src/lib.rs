//! The harness that tests Pinhole from outside, and what its tests share.
//!
//! [`viewer`] is a viewer without a browser: it makes an offer, takes an answer, runs ICE, DTLS and SRTP on a socket
//! of its own and counts what arrives. It knows nothing of Pinhole, so it can judge any server that answers SDP.
//! [`lab`] puts server and viewer behind real NATs.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod access_unit;
pub mod crypto;
pub mod discovery;
pub mod doctor;
pub mod endpoint;
pub mod fuzz;
pub mod hostile;
pub mod http;
pub mod jsep;
pub mod keeping;
pub mod lab;
pub mod leaks;
pub mod rewriting;
pub mod runtime_suite;
pub mod sdp;
pub mod server;
pub mod shaper;
pub mod source;
pub mod stun;
pub mod viewer;
pub mod world;
pub mod ws;
