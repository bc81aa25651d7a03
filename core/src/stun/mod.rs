//! STUN as a client: requests that are sent again until they are answered.

#![allow(dead_code, unused_imports, reason = "the gatherer that uses it is being built")]

mod retransmission;

pub(crate) use retransmission::{Due, Retransmission, Schedule};
