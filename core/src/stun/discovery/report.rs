//! What discovery found out.

use std::net::SocketAddr;

/// How a NAT chooses the outside port of a socket: RFC 4787 §4.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MappingBehaviour {
    /// No NAT: servers see the socket's own address.
    None,
    /// The same for every destination. Direct paths work.
    EndpointIndependent,
    /// Another for each address.
    AddressDependent,
    /// Another for each address and port ("symmetric"). Also said where servers at different
    /// addresses saw different ports and no server could tell whether its port matters: it is what
    /// such NATs nearly always do.
    AddressAndPortDependent,
}

/// Whose datagrams a NAT or firewall lets in: RFC 4787 §5.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FilteringBehaviour {
    /// No server could tell: that needs one with RFC 5780.
    Unknown,
    /// Anybody's.
    EndpointIndependent,
    /// Those from addresses that the socket has sent to.
    AddressDependent,
    /// Those from addresses and ports that the socket has sent to.
    AddressAndPortDependent,
}

/// A question that discovery asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Test {
    /// A plain request to this server: mapping test I of RFC 5780 §4.3.
    Server(SocketAddr),
    /// A plain request to the server's other address: mapping test II.
    OtherAddress,
    /// A plain request to its other address and other port: mapping test III.
    OtherPort,
    /// A plain request from the second socket, which lets the server's answers in.
    Opening,
    /// An answer to the second socket from the other address and port: filtering test II of
    /// RFC 5780 §4.4. Silence is an answer too, if the server can be trusted to have spoken.
    AnswerFromOtherAddress,
    /// An answer to the second socket from the other port: filtering test III. As above.
    AnswerFromOtherPort,
    /// The same as [`Test::AnswerFromOtherAddress`] to the main socket, which has sent there: if
    /// this stays away, the server does not do what it is asked to, and nothing is filtered.
    Control,
    /// A datagram from the main socket to the second by way of the outside.
    HairpinFromMain,
    /// The same the other way round.
    HairpinToMain,
}

/// Why a test has no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unanswered {
    /// Nothing came back in time.
    Silent,
    /// The server answered with this error; 420: it does not know CHANGE-REQUEST.
    Refused(u16),
    /// The server answered, from the wrong place: it overlooks CHANGE-REQUEST.
    Overlooked,
    /// It was not asked: what it builds on was not answered, or it would tell nothing.
    NotAsked,
}

/// What one server, or one address of a server, saw of the main socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Observation {
    /// Where the request went.
    pub destination: SocketAddr,
    /// Where it seemed to come from.
    pub mapped: SocketAddr,
    /// Where the server thinks that it answered from (RESPONSE-ORIGIN); other than `destination` if
    /// it is behind a NAT itself.
    pub origin: Option<SocketAddr>,
}

/// What discovery found out: a hint about the NAT, never a promise (see [`super::Discovery`]).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NatReport {
    /// `None` if no two destinations, of two addresses, answered.
    pub mapping: Option<MappingBehaviour>,
    /// Whose datagrams come in.
    pub filtering: FilteringBehaviour,
    /// Whether two sockets behind the NAT reach one another by their outside addresses; `None` if
    /// it was not tested, as without a NAT.
    pub hairpin: Option<bool>,
    /// Whether every outside port was that of the socket; `None` if nobody answered.
    pub port_preserved: Option<bool>,
    /// The constant step between the ports of at least three destinations: the next port can be
    /// guessed.
    pub port_step: Option<i32>,
    /// What the main socket looked like from outside, in the order in which destinations were asked.
    pub mapped: Vec<Observation>,
    /// Tests without an answer, in the order of [`Test`].
    pub unanswered: Vec<(Test, Unanswered)>,
}
