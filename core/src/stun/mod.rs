//! STUN as a client (RFC 8489): requests that are sent again until they are answered, a mapping
//! that is kept alive, and [`Discovery`] of how a NAT behaves (RFC 5780).
//!
//! Transaction ids come from the seed. Servers for the public ask for no credentials in Binding
//! requests, and neither their answers nor we carry MESSAGE-INTEGRITY; those of TURN do, one layer
//! up.

#[cfg(test)]
pub(crate) mod answers;
mod attributes;
#[allow(dead_code, reason = "the gatherer that uses it is being built")]
mod binding;
mod discovery;
mod message;
mod prediction;
mod proof;
mod question;
#[allow(dead_code, reason = "what the gatherer and TURN use of it is being built")]
mod retransmission;

pub use discovery::{
    Discovery, DiscoveryConfig, DiscoveryError, FilteringBehaviour, LifetimeConfig,
    LifetimeDiscovery, LifetimeReport, MappingBehaviour, NatReport, Observation, ProbeTransmit,
    SocketId, Test, Unanswered,
};

pub use proof::{PROOF_BYTES_MAX, read_proof, write_proof, write_sighting};
pub use question::{QUESTION_BYTES_MAX, read_answer, write_question};

#[cfg(test)]
pub(crate) use attributes::OtherAddress;
#[allow(unused_imports, reason = "the gatherer that uses them is being built")]
pub(crate) use binding::{Binding, BindingEvent};
#[allow(unused_imports, reason = "as above, and TURN")]
pub(crate) use message::transaction_id;
pub(crate) use prediction::port_step;
pub(crate) use retransmission::{Due, Retransmission, Schedule};
