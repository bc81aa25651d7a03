//! Packets as a recording shows them.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

/// Which way something went, seen from the endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// To the endpoint.
    In,
    /// From it.
    Out,
}

/// What carried a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Leg {
    /// A datagram between two addresses.
    Udp {
        /// Ours.
        local: SocketAddr,
        /// The other.
        remote: SocketAddr,
    },
    /// A TCP or TLS connection, by the number that it was announced with.
    Stream(u64),
}

/// How a TURN server had wrapped a packet, or was asked to relay it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Via {
    /// ChannelData (RFC 8656 §12.4) with this number.
    Channel(u16),
    /// A Send or Data indication (RFC 8656 §11) that names this peer.
    Peer(SocketAddr),
}

/// A packet that is not media.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Packet {
    /// STUN, as far as it says no secret.
    Stun(StunMessage),
    /// The records of a DTLS datagram, RFC 6347 §4.1.
    Dtls(Vec<DtlsRecord>),
    /// Nothing that we speak: its first byte, where it has one.
    Other(Option<u8>),
}

/// The head of one DTLS record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct DtlsRecord {
    /// Content type: 20 change cipher spec, 21 alert, 22 handshake, 23 application data; 32 and more
    /// is the unified header of DTLS 1.3.
    pub content: u8,
    /// Epoch; 0 is in clear. That of DTLS 1.3 is not told.
    pub epoch: u16,
    /// Type of the handshake message, in epoch 0: 1 ClientHello, 2 ServerHello, 11 Certificate …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handshake: Option<u8>,
    /// Bytes after the head.
    pub len: u16,
}

/// A STUN message, its secrets replaced.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StunMessage {
    /// `request`, `indication`, `success` or `error`.
    pub class: String,
    /// `binding`, `allocate`, …, or a hexadecimal number.
    pub method: String,
    /// Stands for the transaction id: request, its repetitions and its answer have the same.
    pub transaction: u64,
    /// What its MESSAGE-INTEGRITY was found to be.
    pub integrity: Integrity,
    /// Its attributes in their order, to where it ceases to parse.
    pub attributes: Vec<StunAttribute>,
    /// Whether it is well-formed to its end.
    pub whole: bool,
}

/// What a MESSAGE-INTEGRITY was found to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Integrity {
    /// There is none.
    Absent,
    /// It was made with the password that belongs to the ufrag.
    Held,
    /// It was not.
    Failed,
    /// No password of ICE belongs to it: one of TURN's, or a ufrag that nobody told.
    Unchecked,
}

/// An attribute of STUN (RFC 8489 §14, RFC 8656 §18, RFC 8445 §16.1, RFC 5780 §7).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StunAttribute {
    /// Stand-ins: `ufrag:ufrag` of ICE, or one of a TURN user.
    Username(String),
    /// A stand-in.
    Realm(String),
    /// A stand-in.
    Nonce(String),
    /// Plain, as servers of RFC 3489 answer.
    MappedAddress(SocketAddr),
    /// Where the request came from.
    XorMappedAddress(SocketAddr),
    /// The peer of a TURN request.
    XorPeerAddress(SocketAddr),
    /// The relay's address.
    XorRelayedAddress(SocketAddr),
    /// The server to ask instead.
    AlternateServer(SocketAddr),
    /// The server's other address.
    OtherAddress(SocketAddr),
    /// Where the server answers from.
    ResponseOrigin(SocketAddr),
    /// 300 to 699, without its phrase.
    ErrorCode(u16),
    /// Seconds.
    Lifetime(u32),
    /// 0x4000 to 0x4FFF.
    ChannelNumber(u16),
    /// Protocol number; 17 is UDP.
    RequestedTransport(u8),
    /// 1 is IPv4, 2 is IPv6.
    RequestedAddressFamily(u8),
    /// Flags: 4 another address, 2 another port.
    ChangeRequest(u32),
    /// Of a peer-reflexive candidate.
    Priority(u32),
    /// The pair is nominated.
    UseCandidate,
    /// Tie-breaker.
    IceControlled(u64),
    /// Tie-breaker.
    IceControlling(u64),
    /// What the other side calls itself, shortened.
    Software(String),
    /// It is there; its value is not told.
    MessageIntegrity,
    /// It is there; its value is not told.
    Fingerprint,
    /// Any other: its value is not told.
    Other {
        /// Its number.
        number: u16,
        /// Its bytes.
        len: u16,
    },
}

/// Media packets of one direction of one leg over a stretch of time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MediaTally {
    /// Which way.
    pub direction: Direction,
    /// On what.
    pub leg: Leg,
    /// How wrapped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub via: Option<Via>,
    /// Microseconds from the first packet counted to the last.
    pub span_us: u64,
    /// Microseconds from the last packet counted to the entry.
    pub last_before_us: u64,
    /// SRTP, each SSRC apart.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rtp: Vec<RtpTally>,
    /// SRTCP packets.
    pub rtcp_packets: u64,
    /// Their bytes.
    pub rtcp_bytes: u64,
}

/// SRTP packets of one SSRC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RtpTally {
    /// A stand-in, from 1 in order of appearance; 0 stands for those beyond the bound.
    pub ssrc: u32,
    /// Packets.
    pub packets: u64,
    /// Bytes of them, headers and tags included.
    pub bytes: u64,
    /// Sequence number of the first.
    pub first: u16,
    /// Of the last.
    pub last: u16,
}
