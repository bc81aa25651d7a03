//! Which request follows from which answer: the kernel of discovery. No bytes, no queues.
//!
//! ```text
//! Server(0..) ─┬─ one has another address ─┬─▶ OtherAddress ─▶ OtherPort ─▶ Control
//!              │                           ╰─▶ Opening ─▶ AnswerFromOtherAddress, …Port
//!              ╰─ none has, all are done ────▶ Opening
//!                             Opening ─▶ HairpinFromMain, HairpinToMain
//! ```
//!
//! Nothing waits for silence but what follows from it. The second socket never sends to the
//! server's other address, or the filter would stand open.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use stun_types::message::TransactionId;

use super::SocketId;
use super::probe::{Finding, Probe, Question};
use super::report::{MappingBehaviour, Observation, Test};
use crate::base::SeedRng;
use crate::stun::attributes::ChangeRequest;
use crate::stun::message::{Mapped, Outcome, transaction_id};
use crate::wire::DropReason;

/// Between the first requests to two servers.
const PACE: Duration = Duration::from_millis(50);

/// Every request so far and what it found: at most one for each [`Test`].
pub(super) struct Plan {
    local: SocketAddr,
    servers: Vec<SocketAddr>,
    probes: BTreeMap<Test, Probe>,
}

/// A server that can answer from elsewhere.
#[derive(Debug, Clone, Copy)]
struct FullServer {
    address: SocketAddr,
    other: SocketAddr,
}

impl Plan {
    pub(super) fn new(
        now: Instant,
        local: SocketAddr,
        servers: Vec<SocketAddr>,
        rng: &mut SeedRng,
    ) -> Plan {
        let mut probes = BTreeMap::new();
        for (at, server) in (0..).map(|index| now + PACE * index).zip(&servers) {
            let question = Question { socket: SocketId::MAIN, destination: *server, change: None };
            probes.insert(Test::Server(*server), Probe::new(at, transaction_id(rng), question));
        }
        Plan { local, servers, probes }
    }

    pub(super) fn local(&self) -> SocketAddr {
        self.local
    }

    pub(super) fn probe(&self, test: Test) -> Option<&Probe> {
        self.probes.get(&test)
    }

    pub(super) fn finding(&self, test: Test) -> Option<Finding> {
        self.probe(test)?.finding()
    }

    pub(super) fn tests(&self) -> Vec<Test> {
        let mut tests: Vec<Test> = self.servers.iter().map(|at| Test::Server(*at)).collect();
        tests.extend([
            Test::OtherAddress,
            Test::OtherPort,
            Test::Opening,
            Test::AnswerFromOtherAddress,
            Test::AnswerFromOtherPort,
            Test::Control,
            Test::HairpinFromMain,
            Test::HairpinToMain,
        ]);
        tests
    }

    /// The earliest deadline; `None` if nothing is open.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.probes.values().filter_map(Probe::deadline).min()
    }

    /// The tests whose request is to leave now.
    pub(super) fn on_timeout(&mut self, now: Instant, mut send: impl FnMut(Test)) {
        for (test, probe) in &mut self.probes {
            if probe.on_timeout(now) {
                send(*test);
            }
        }
    }

    pub(super) fn on_response(
        &mut self,
        socket: SocketId,
        from: SocketAddr,
        id: TransactionId,
        outcome: Outcome,
    ) -> Result<Test, DropReason> {
        let mut open = self.probes.iter_mut();
        let found = open.find(|(_, probe)| probe.transaction() == Some(id));
        let (test, probe) = found.ok_or(DropReason::NoTransaction)?;
        probe.on_response(socket, from, outcome)?;
        Ok(*test)
    }

    /// A request came in: a hairpin, if it is our own and reached the other socket.
    pub(super) fn on_request(
        &mut self,
        socket: SocketId,
        id: TransactionId,
    ) -> Result<(), DropReason> {
        let hairpins = [Test::HairpinFromMain, Test::HairpinToMain];
        let is_ours = hairpins
            .iter()
            .filter_map(|test| self.probe(*test))
            .any(|probe| probe.transaction() == Some(id) && probe.question.socket != socket);
        if !is_ours {
            return Err(DropReason::NoTransaction);
        }
        for test in hairpins {
            if let Some(probe) = self.probes.get_mut(&test) {
                probe.end(Finding::Heard);
            }
        }
        Ok(())
    }

    /// Time is up.
    pub(super) fn on_deadline(&mut self) {
        self.probes.values_mut().for_each(|probe| probe.end(Finding::Silent));
    }

    /// Asks what can be asked now.
    pub(super) fn advance(&mut self, now: Instant, rng: &mut SeedRng) {
        let full = self.full_server();
        let answered = |test| self.answer(test).is_some();
        let main = |destination| Question { socket: SocketId::MAIN, destination, change: None };
        let second = |destination| Question { socket: SocketId::SECOND, destination, change: None };
        let mut next = Vec::new();
        if let Some(FullServer { address, other }) = full {
            let other_address = SocketAddr::new(other.ip(), address.port());
            let other_port = SocketAddr::new(address.ip(), other.port());
            let any = Some((ChangeRequest::AddressAndPort, other));
            let port = Some((ChangeRequest::Port, other_port));
            next.push((Test::OtherAddress, main(other_address)));
            next.push((Test::Opening, second(address)));
            if self.finding(Test::OtherAddress).is_some() {
                next.push((Test::OtherPort, main(other)));
            }
            if answered(Test::Opening) {
                let from_any = Question { change: any, ..second(address) };
                let from_port = Question { change: port, ..second(address) };
                next.push((Test::AnswerFromOtherAddress, from_any));
                next.push((Test::AnswerFromOtherPort, from_port));
            }
            // Elsewhere the answer would come to a mapping that has not sent there.
            if answered(Test::OtherPort) && self.has_one_mapping() {
                next.push((Test::Control, Question { change: any, ..main(address) }));
            }
        } else if self.servers_are_done()
            && let Some(first) = self.observations().first()
        {
            next.push((Test::Opening, second(first.destination)));
        }
        if let (Some(ours), Some(theirs)) =
            (self.observations().first(), self.answer(Test::Opening))
            && ours.mapped != self.local
        {
            next.push((Test::HairpinFromMain, main(theirs.address)));
            next.push((Test::HairpinToMain, second(ours.mapped)));
        }
        for (test, question) in next {
            self.probes
                .entry(test)
                .or_insert_with(|| Probe::new(now, transaction_id(rng), question));
        }
    }

    /// What was seen of the main socket: one for each destination, in the order of asking.
    pub(super) fn observations(&self) -> Vec<Observation> {
        let is_plain =
            |test: &Test| matches!(test, Test::Server(_) | Test::OtherAddress | Test::OtherPort);
        let mut probes: Vec<&Probe> =
            self.probes.iter().filter(|(test, _)| is_plain(test)).map(|(_, probe)| probe).collect();
        probes.sort_by_key(|probe| probe.began);
        let mut seen: Vec<Observation> = Vec::new();
        for probe in probes {
            let Some(Mapped { address: mapped, origin, .. }) = probe.answer() else { continue };
            let destination = probe.question.destination;
            // A server's other address may be one that we were told to ask anyway.
            if seen.iter().all(|before| before.destination != destination) {
                seen.push(Observation { destination, mapped, origin });
            }
        }
        seen
    }

    pub(super) fn has_one_mapping(&self) -> bool {
        matches!(
            super::verdict::mapping(self.local, &self.observations()),
            Some(MappingBehaviour::None | MappingBehaviour::EndpointIndependent)
        )
    }

    fn answer(&self, test: Test) -> Option<Mapped> {
        self.probe(test)?.answer()
    }

    fn servers_are_done(&self) -> bool {
        self.servers.iter().all(|server| self.finding(Test::Server(*server)).is_some())
    }

    /// The server for the tests of RFC 5780: that of the tests already begun, or the first that has
    /// another address and another port.
    fn full_server(&self) -> Option<FullServer> {
        let full = |address: SocketAddr| {
            let other = self.answer(Test::Server(address))?.other?;
            let is_other = other.ip() != address.ip()
                && other.port() != address.port()
                && other.is_ipv4() == address.is_ipv4();
            is_other.then_some(FullServer { address, other })
        };
        match self.probe(Test::Opening) {
            Some(opening) => full(opening.question.destination),
            None => self.servers.iter().find_map(|server| full(*server)),
        }
    }
}
