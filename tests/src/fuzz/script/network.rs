//! Acts of servers, connections and interfaces.

use std::net::SocketAddr;

use pinhole_core::StreamId;
use pinhole_core::gather::LocalCandidate;
use pinhole_core::portmap::Protocol;
use stun_types::message::{LongTermKeyCredentials, MessageType, TransactionId};

use super::Script;
use super::signed::signed;
use crate::fuzz::stage::{BASE, BASE_V6, LOCALS, MUTE, PASSWORD, REALM, SERVERS, TCP_BASE, USER};
use crate::stun::response;

impl Script<'_> {
    /// A server answers its latest question, with any attributes.
    pub(super) fn server_says(&mut self) {
        let (server, kind, attributes) = (self.choice(3), self.kind(), self.bytes());
        let asked = [&[0; 8][..], &self.stage.asked(SERVERS[server])].concat();
        let mut request = crate::stun::message(0, &[]);
        request[8..20].copy_from_slice(&asked[8..]);
        self.say(server, &response(kind, &request, attributes));
    }

    /// The same, signed with the key that the server and we share.
    pub(super) fn server_says_signed(&mut self) {
        let (server, kind, attributes) = (self.choice(3), self.kind(), self.bytes());
        let mut id = [0; 16];
        id[4..].copy_from_slice(&self.stage.asked(SERVERS[server]));
        let id = TransactionId::from(u128::from_be_bytes(id));
        let Ok(kind) = MessageType::from_bytes(&kind.to_be_bytes()) else { return };
        let key = LongTermKeyCredentials::new(USER.into(), PASSWORD.into(), REALM.into()).into();
        let bytes = signed(kind, id, None, attributes, &key);
        self.say(server, &bytes);
    }

    /// Answers of success and error to Binding, Allocate, Refresh, CreatePermission and
    /// ChannelBind, a Data indication, and what is left.
    fn kind(&mut self) -> u16 {
        const KINDS: [u16; 12] = [
            0x0101, 0x0111, 0x0103, 0x0113, 0x0104, 0x0114, 0x0108, 0x0118, 0x0109, 0x0119, 0x0017,
            0x0001,
        ];
        KINDS[self.choice(KINDS.len())]
    }

    fn say(&mut self, server: usize, message: &[u8]) {
        self.is_harmless = false;
        // The one over TCP speaks on the connection that was opened first.
        match self.stage.streams.first().copied().filter(|_| server == 2) {
            Some(stream) => self.stage.endpoint.handle_stream_data(self.stage.now, stream, message),
            None => self.stage.hand_in(BASE, SERVERS[server], message),
        }
        self.stage.settle("server");
    }

    /// Somebody connects.
    pub(super) fn connection(&mut self) {
        let remote = self.source();
        let accepted = self.stage.endpoint.accept_stream(self.stage.now, TCP_BASE, remote);
        if let Some(stream) = accepted {
            assert!(self.stage.streams.insert(stream), "{stream:?} is told twice");
        }
        self.stage.settle("connection");
    }

    /// Bytes on a connection, framed or not.
    pub(super) fn stream_data(&mut self) {
        let (stream, framed, bytes) = (self.stream(), self.byte(), self.long_bytes());
        let Some(stream) = stream else { return };
        let length = (bytes.len() as u16).to_be_bytes();
        let frame = if framed & 1 == 0 { [&length, bytes].concat() } else { bytes.to_vec() };
        self.stage.endpoint.handle_stream_data(self.stage.now, stream, &frame);
        self.stage.settle("stream data");
    }

    /// A connection is up, ended, takes no more, or takes more.
    pub(super) fn stream_state(&mut self) {
        let (Some(stream), what) = (self.stream(), self.byte()) else { return };
        let now = self.stage.now;
        match what % 4 {
            0 => self.stage.endpoint.handle_stream_connected(now, stream),
            1 => {
                self.stage.streams.remove(&stream);
                self.stage.endpoint.handle_stream_closed(now, stream);
            }
            blocked => self.stage.endpoint.set_stream_blocked(now, stream, blocked == 2),
        }
        self.stage.settle("stream state");
    }

    fn stream(&mut self) -> Option<StreamId> {
        let index = self.choice(self.stage.streams.len());
        self.stage.streams.iter().nth(index).copied()
    }

    /// Interfaces come and go, or one more becomes known.
    pub(super) fn bases(&mut self) {
        let which = self.byte();
        self.is_harmless = false;
        if which & 0x10 != 0 {
            let late = LocalCandidate::host(Protocol::Udp, LOCALS[2]);
            self.stage.owns(&[LOCALS[2]]);
            self.stage.endpoint.add_local_candidate(self.stage.now, late);
            self.stage.settle("a late address");
            return;
        }
        let chosen = |all: &[SocketAddr]| -> Vec<SocketAddr> {
            let chosen = all.iter().enumerate().filter(|(bit, _)| which & 1 << bit != 0);
            chosen.map(|(_, base)| *base).collect()
        };
        let udp = chosen(&[BASE, BASE_V6, LOCALS[2]]);
        let tcp = if which & 8 == 0 { vec![TCP_BASE] } else { Vec::new() };
        self.stage.endpoint.set_bases(self.stage.now, udp, tcp);
        self.stage.owns(&LOCALS);
        self.stage.settle("interfaces");
    }

    /// A server's name leads elsewhere.
    pub(super) fn resolved(&mut self) {
        let (server, count) = (self.choice(4), self.choice(3));
        self.is_harmless = false;
        let addresses = (0..count).map(|_| self.source()).filter(|at| *at != MUTE).collect();
        self.stage.endpoint.set_server_addresses(self.stage.now, server, addresses);
        self.stage.settle("resolved");
    }
}
