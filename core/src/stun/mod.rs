//! STUN as a client: requests that are sent again until they are answered.

#![allow(dead_code, unused_imports, reason = "the gatherer that uses it is being built")]

#[cfg(test)]
mod answers;
mod attributes;
mod binding;
mod message;
mod prediction;
mod retransmission;

pub(crate) use binding::{Binding, BindingEvent};
pub(crate) use message::transaction_id;
pub(crate) use prediction::port_step;
pub(crate) use retransmission::{Due, Retransmission, Schedule};
