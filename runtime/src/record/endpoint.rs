//! The endpoint with a tap: the same methods, each told to the recorder where there is one.

use std::net::{IpAddr, SocketAddr};
use std::ops::Deref;
use std::time::Instant;

use pinhole_core::diagnose::BrowserReport;
use pinhole_core::gather::LocalCandidate;
use pinhole_core::trace::Recorder;
use pinhole_core::{
    Accepted, CandidateError, Datagram, Endpoint, EndpointConfig, Event, Findings, Frame,
    FrameReport, FrameTimes, OfferError, Place, SessionId, StreamId, Transmit,
};

use super::RecordFile;
use super::tap::Tap;
use crate::RuntimeError;

/// An endpoint whose inputs and outputs may be recorded. What only looks at it goes past the tap by
/// [`Deref`]; whatever changes it is a method here, or does not compile.
pub(crate) struct RecordedEndpoint {
    endpoint: Endpoint,
    tap: Option<Box<Tap>>,
}

impl Deref for RecordedEndpoint {
    type Target = Endpoint;

    fn deref(&self) -> &Endpoint {
        &self.endpoint
    }
}

impl RecordedEndpoint {
    pub(crate) fn new(
        now: Instant,
        config: EndpointConfig,
        place: Option<Place>,
        record: Option<RecordFile>,
    ) -> Result<RecordedEndpoint, RuntimeError> {
        let tap = match record {
            Some(record) => {
                let tap = Tap::start(now, record, &config)
                    .map_err(RuntimeError::io("cannot start the thread that writes a recording"))?;
                Some(Box::new(tap))
            }
            None => None,
        };
        let endpoint = match place {
            Some(place) => Endpoint::new_beside(now, config, place)?,
            None => Endpoint::new(now, config)?,
        };
        Ok(RecordedEndpoint { endpoint, tap })
    }

    pub(crate) fn handle_datagram(&mut self, now: Instant, datagram: Datagram<'_>) {
        self.endpoint.handle_datagram(now, datagram);
        self.tell(now, |recorder| recorder.on_datagram(now, &datagram));
    }

    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        let due = self.endpoint.poll_timeout().map_or(now, |(at, _)| at);
        self.endpoint.handle_timeout(now);
        self.tell(now, |recorder| recorder.on_timeout(now, due));
    }

    pub(crate) fn send_frame(&mut self, now: Instant, frame: Frame<'_>) -> FrameReport {
        let report = self.endpoint.send_frame(now, frame);
        self.tell(now, |recorder| recorder.on_frame(now, &frame, &report));
        report
    }

    /// For the ledger, which decides nothing: past the tap.
    pub(crate) fn note_frame(&mut self, times: FrameTimes) {
        self.endpoint.note_frame(times);
    }

    /// The same.
    pub(crate) fn note_sent(&mut self, at: Instant) {
        self.endpoint.note_sent(at);
    }

    pub(crate) fn poll_transmit(&mut self, now: Instant, buffer: &mut [u8]) -> Option<Transmit> {
        let transmit = self.endpoint.poll_transmit(now, buffer)?;
        self.tell(now, |recorder| recorder.on_transmit(now, &transmit, buffer));
        Some(transmit)
    }

    pub(crate) fn poll_event(&mut self) -> Option<Event> {
        let event = self.endpoint.poll_event()?;
        if let Some(now) = self.tap.as_ref().map(|tap| tap.now) {
            self.tell(now, |recorder| recorder.on_event(now, &event));
        }
        Some(event)
    }

    pub(crate) fn accept_offer(&mut self, now: Instant, sdp: &str) -> Result<Accepted, OfferError> {
        let result = self.endpoint.accept_offer(now, sdp);
        self.tell(now, |recorder| recorder.on_offer(now, sdp, &result));
        result
    }

    pub(crate) fn renegotiate(
        &mut self,
        now: Instant,
        id: SessionId,
        sdp: &str,
    ) -> Result<String, OfferError> {
        let result = self.endpoint.renegotiate(now, id, sdp);
        self.tell(now, |recorder| recorder.on_renegotiation(now, id, sdp, &result));
        result
    }

    pub(crate) fn handle_fragment(
        &mut self,
        now: Instant,
        id: SessionId,
        fragment: &str,
    ) -> Result<Option<String>, OfferError> {
        let result = self.endpoint.handle_fragment(now, id, fragment);
        self.tell(now, |recorder| recorder.on_fragment(now, id, fragment, &result));
        result
    }

    pub(crate) fn add_candidate(
        &mut self,
        now: Instant,
        id: SessionId,
        candidate: &str,
    ) -> Result<(), CandidateError> {
        let result = self.endpoint.add_candidate(now, id, candidate);
        self.tell(now, |recorder| recorder.on_candidate(now, id, candidate, &result));
        result
    }

    pub(crate) fn add_local_candidate(&mut self, now: Instant, candidate: LocalCandidate) {
        self.endpoint.add_local_candidate(now, candidate);
        self.tell(now, |recorder| recorder.on_local_candidate(now, &candidate));
    }

    pub(crate) fn close(&mut self, now: Instant, id: SessionId) -> bool {
        let known = self.endpoint.close(now, id);
        self.tell(now, |recorder| recorder.on_close(now, id, known));
        known
    }

    pub(crate) fn leave(&mut self, now: Instant) {
        self.endpoint.leave(now);
        self.tell(now, |recorder| recorder.on_leave(now));
    }

    pub(crate) fn set_signalled_from(&mut self, now: Instant, id: SessionId, from: IpAddr) {
        self.endpoint.set_signalled_from(id, from);
        self.tell(now, |recorder| recorder.on_signalled_from(now, id, from));
    }

    pub(crate) fn report_browser(
        &mut self,
        now: Instant,
        id: SessionId,
        report: BrowserReport,
    ) -> bool {
        let copy = self.tap.is_some().then(|| report.clone());
        let known = self.endpoint.report_browser(now, id, report);
        if let Some(report) = copy {
            self.tell(now, |recorder| recorder.on_browser_report(now, id, &report, known));
        }
        known
    }

    pub(crate) fn set_findings(&mut self, now: Instant, findings: Findings) {
        self.tell(now, |recorder| recorder.on_findings(now, &findings));
        self.endpoint.set_findings(findings);
    }

    pub(crate) fn expect_probes(&mut self, now: Instant, tokens: Vec<String>) {
        self.tell(now, |recorder| recorder.on_expect_probes(now, &tokens));
        self.endpoint.expect_probes(tokens);
    }

    pub(crate) fn set_server_addresses(
        &mut self,
        now: Instant,
        server: usize,
        addresses: Vec<SocketAddr>,
    ) {
        self.tell(now, |recorder| recorder.on_server_addresses(now, server, &addresses));
        self.endpoint.set_server_addresses(now, server, addresses);
    }

    pub(crate) fn set_bases(&mut self, now: Instant, udp: Vec<SocketAddr>, tcp: Vec<SocketAddr>) {
        self.tell(now, |recorder| recorder.on_bases(now, &udp, &tcp));
        self.endpoint.set_bases(now, udp, tcp);
    }

    pub(crate) fn accept_stream(
        &mut self,
        now: Instant,
        local: SocketAddr,
        remote: SocketAddr,
    ) -> Option<StreamId> {
        let id = self.endpoint.accept_stream(now, local, remote);
        self.tell(now, |recorder| recorder.on_stream_accepted(now, local, remote, id));
        id
    }

    pub(crate) fn handle_stream_connected(&mut self, now: Instant, id: StreamId) {
        self.endpoint.handle_stream_connected(now, id);
        self.tell(now, |recorder| recorder.on_stream_connected(now, id));
    }

    pub(crate) fn handle_stream_data(&mut self, now: Instant, id: StreamId, bytes: &[u8]) {
        self.endpoint.handle_stream_data(now, id, bytes);
        self.tell(now, |recorder| recorder.on_stream_data(now, id, bytes));
    }

    pub(crate) fn handle_stream_closed(&mut self, now: Instant, id: StreamId) {
        self.endpoint.handle_stream_closed(now, id);
        self.tell(now, |recorder| recorder.on_stream_closed(now, id));
    }

    pub(crate) fn set_stream_blocked(&mut self, now: Instant, id: StreamId, blocked: bool) {
        self.endpoint.set_stream_blocked(now, id, blocked);
        self.tell(now, |recorder| recorder.on_stream_blocked(now, id, blocked));
    }

    /// Tells the recorder, where there is one.
    fn tell(&mut self, now: Instant, what: impl FnOnce(&mut Recorder)) {
        let Some(tap) = &mut self.tap else { return };
        tap.now = now;
        what(&mut tap.recorder);
        tap.look_at(&self.endpoint);
        tap.hand_over();
        if !tap.is_open() {
            self.tap = None;
        }
    }
}
