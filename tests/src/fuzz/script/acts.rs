//! Acts of the program, its clock and the viewer: nothing of it is forged.

use std::time::Duration;

use pinhole_core::diagnose::BrowserReport;
use pinhole_core::{Frame, SessionId};

use super::Script;

/// The longest picture of a script, in bytes.
const PICTURE_BYTES_MAX: usize = 200_000;

impl Script<'_> {
    pub(super) fn pass(&mut self) {
        let span = self.span();
        self.passed += span;
        self.stage.pass(span);
    }

    pub(super) fn oversleep(&mut self) {
        let span = self.span();
        self.passed += span;
        // A viewer that hears nothing for long gives up by right.
        self.is_harmless &= span < Duration::from_secs(3);
        self.stage.oversleep(span);
    }

    /// Milliseconds, or, in the upper half, a quarter of a second each.
    fn span(&mut self) -> Duration {
        match self.byte() {
            short @ 0..=127 => Duration::from_millis(short.into()),
            long => Duration::from_millis(250) * u32::from(long - 127),
        }
    }

    /// A picture of one NAL unit, as an encoder makes it.
    pub(super) fn frame(&mut self) {
        const START: &[u8] = &[0, 0, 0, 1];
        let (kind, size) = (self.byte(), self.byte());
        let length = usize::from(size) * usize::from(size) * 3 + 1;
        let parameter_sets: &[u8] =
            b"\0\0\0\x01\x67\x42\xc0\x1f\xda\x02\x80\xbf\xe5\x84\0\0\0\x01\x68\xce\x0f\x2c";
        let mut unit = if kind & 1 == 0 { parameter_sets.to_vec() } else { Vec::new() };
        unit.extend_from_slice(START);
        unit.push(if kind & 1 == 0 { 0x65 } else { 0x41 });
        unit.resize(unit.len() + length.min(PICTURE_BYTES_MAX), 0x55);
        self.send(&unit);
    }

    /// Any bytes, many times over, in place of a picture.
    pub(super) fn odd_frame(&mut self) {
        let times = usize::from(self.byte()) + 1;
        let unit = self.bytes().repeat(times);
        self.send(&unit);
    }

    fn send(&mut self, data: &[u8]) {
        let (now, before) = (self.stage.now, self.stage.endpoint.stats());
        let report = self.stage.endpoint.send_frame(now, Frame { data, captured: now });
        assert_eq!(report.viewers + report.skipped, before.connected, "{report:?}");
        assert!(report.packets <= data.len(), "{report:?} of {} bytes", data.len());
        let sent = self.stage.settle("frame");
        // A datagram a packet and viewer, and what else was waiting.
        let most = (report.packets + 100) * before.connected.max(1) + 100;
        assert!(sent <= most, "{sent} datagrams of {report:?}");
    }

    pub(super) fn close(&mut self) {
        let Some(id) = self.session() else { return };
        self.is_harmless = false;
        let was_alive = self.stage.endpoint.sessions().iter().any(|session| session.id == id);
        assert_eq!(self.stage.endpoint.close(self.stage.now, id), was_alive);
        assert!(!self.stage.endpoint.close(self.stage.now, id), "it is closed twice");
        self.stage.settle("close");
    }

    pub(super) fn viewer_says(&mut self) {
        let (binary, bytes) = (self.byte() & 1 == 0, self.long_bytes());
        if let Some(viewer) = &mut self.stage.viewer {
            viewer.write(binary, bytes);
            viewer.wake = Some(self.stage.now);
        }
        self.stage.converse();
    }

    /// What a browser saw, and questions about it.
    pub(super) fn report(&mut self) {
        let Some(id) = self.session() else { return };
        let text = self.text();
        let report = BrowserReport {
            pair: Some(text.clone()),
            its_fingerprint: Some(text.clone()),
            connection: text,
            frames_decoded: self.byte().into(),
            ..BrowserReport::default()
        };
        let now = self.stage.now;
        self.stage.endpoint.report_browser(now, id, report);
        let _ = (self.stage.endpoint.facts(now, id), self.stage.endpoint.surroundings(now));
        self.stage.settle("report");
    }

    /// One of the sessions that ever were.
    pub(super) fn session(&mut self) -> Option<SessionId> {
        let index = self.choice(self.stage.known.len());
        self.stage.known.get(index).map(|known| known.id)
    }
}
