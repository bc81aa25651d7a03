/**
 * Signalling over a WebSocket: JSON messages with a `type`.
 *
 *   → webrtc_offer {session_id, user_id, sdp}     ← webrtc_answer {sdp}
 *   ↔ webrtc_ice_candidate {user_id, candidate}   ← error {code, message}
 *   ↔ pinhole_clock {sent}, answered with {sent, server_ms, rtp_time, rtp_ms, stages_ms}
 *   ← pinhole_restart_ice {user_id}, answered with a further webrtc_offer of the same connection
 *   → pinhole_report {user_id, …}: what this browser sees of the connection (report.js)
 *   ← pinhole_diagnosis {user_id, code, severity, sentence, advice}: what is wrong; code null: nothing
 *
 * The session lives as long as the socket: the server ends it when the socket closes.
 */
import { readDiagnosis } from './diagnosis.js';
import { Failure, failureOfResponse, notReachable } from './failure.js';

/** How long the socket may take to open, and the server to answer an offer. */
const OPEN_MAX_MS = 5000;
const ANSWER_MAX_MS = 10_000;

/** Refusals of the upgrade that say something to people. */
const TELLING_STATUS = new Set([401, 403, 404, 429, 503]);

/** Errors about our own extras, from a server that does not know them, or not so many. */
const OF_EXTRAS = new Set(['unknown_type', 'bad_report', 'too_many_reports']);

/** A random id of 128 bits. (`crypto.randomUUID` is missing on plain http pages.) */
export function randomId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (b) => b.toString(16).padStart(2, '0')).join('');
}

/** The address of the socket: `/ws` becomes `ws://host/ws/{sessionId}`; a full path is kept. */
export function socketUrl(src, base, sessionId, token) {
  const url = new URL(src, base);
  url.protocol = url.protocol.replace(/^http/, 'ws');
  if (/\/ws\/?$/.test(url.pathname)) {
    url.pathname = `${url.pathname.replace(/\/$/, '')}/${sessionId}`;
  }
  if (token) url.searchParams.set('token', token);
  return url.href;
}

/**
 * Why a socket did not open. Browsers hide the status of a refused upgrade from the page, so the
 * same address is asked once more by plain HTTP.
 */
async function whyRefused(url) {
  try {
    const response = await fetch(url.replace(/^ws/, 'http'), { cache: 'no-store' });
    if (TELLING_STATUS.has(response.status)) return await failureOfResponse(response);
  } catch {
    // Not even HTTP.
  }
  return notReachable();
}

/** One session's signalling over one socket. */
export class WebSocketSignaling {
  #socket;
  #sessionId = randomId();
  #userId;
  #handlers;
  #opened = false;
  #offered = false;
  #queued = [];
  #waiting = null;
  #lastError = null;

  /**
   * @param {{src: string, token?: string, userId: string, handlers: {onCandidate: Function,
   *   onClock: Function, onDiagnosis: Function, onEnd: Function}}} options
   */
  constructor({ src, token, userId, handlers }) {
    this.#userId = userId;
    this.#handlers = handlers;
    this.#socket = new WebSocket(socketUrl(src, document.baseURI, this.#sessionId, token));
    this.#socket.onmessage = ({ data }) => this.#onMessage(data);
    this.#socket.onclose = (event) => this.#onClose(event);
  }

  /** Resolves when the socket is open. */
  open() {
    return this.#expect(OPEN_MAX_MS, notReachable, () => {
      this.#socket.onopen = () => {
        this.#opened = true;
        this.#settle('resolve');
      };
    });
  }

  /** Sends the offer; resolves with the SDP of the answer. */
  exchange(sdp) {
    const late = () => new Failure('the server does not answer', { code: 'no-answer' });
    return this.#expect(ANSWER_MAX_MS, late, () => {
      this.#send({ type: 'webrtc_offer', session_id: this.#sessionId, user_id: this.#userId, sdp });
      this.#offered = true;
      this.#queued.splice(0).forEach((candidate) => this.sendCandidate(candidate));
    });
  }

  /** Sends an offer that restarts ICE of the same connection; resolves with the SDP of the answer. */
  restart(sdp) {
    return this.exchange(sdp);
  }

  /** Sends one of our candidates; null, the end of them, needs no message here. */
  sendCandidate(candidate) {
    if (!candidate?.candidate) return;
    if (!this.#offered) return void this.#queued.push(candidate);
    const { candidate: line, sdpMid, sdpMLineIndex } = candidate;
    this.#send({
      type: 'webrtc_ice_candidate',
      user_id: this.#userId,
      candidate: { candidate: line, sdpMid, sdpMLineIndex },
    });
  }

  /** Asks for the server's time; the answer comes by `onClock`. */
  askClock() {
    this.#send({ type: 'pinhole_clock', sent: performance.now() });
  }

  /** Tells what this browser sees. */
  report(report) {
    this.#send({ type: 'pinhole_report', user_id: this.#userId, ...report });
  }

  /** Ends the session. */
  close() {
    this.#settle('reject', new Failure('closed', { code: 'closed' }));
    this.#handlers = null;
    this.#socket.onopen = this.#socket.onmessage = this.#socket.onclose = null;
    this.#socket.close(1000);
  }

  #send(message) {
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(message));
  }

  #expect(ms, late, begin) {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.#settle('reject', late()), ms);
      this.#waiting = { resolve, reject, timer };
      begin();
    });
  }

  #settle(how, value) {
    if (!this.#waiting) return;
    clearTimeout(this.#waiting.timer);
    this.#waiting[how](value);
    this.#waiting = null;
  }

  #onMessage(data) {
    let message;
    try {
      message = JSON.parse(data);
    } catch {
      return;
    }
    switch (message?.type) {
      case 'webrtc_answer':
        return this.#settle('resolve', message.sdp);
      case 'webrtc_ice_candidate':
        return this.#handlers.onCandidate(message.candidate);
      case 'pinhole_clock':
        return this.#handlers.onClock({
          sent: message.sent,
          received: performance.now(),
          serverMs: message.server_ms,
          rtpTime: message.rtp_time,
          rtpMs: message.rtp_ms,
          stages: message.stages_ms ?? null,
        });
      case 'pinhole_restart_ice':
        return this.#handlers.onRestartWanted();
      case 'pinhole_diagnosis':
        return this.#handlers.onDiagnosis(readDiagnosis(message));
      case 'error':
        if (OF_EXTRAS.has(message.code)) return;
        // Before the answer it ends the attempt. Later it is kept: if the socket closes, it says why.
        this.#lastError = new Failure(String(message.message), {
          code: String(message.code),
          diagnosis: message.verdict ? readDiagnosis({ ...message, code: message.verdict }) : null,
        });
        return this.#settle('reject', this.#lastError);
      default: // Newer servers may say more than this player knows.
    }
  }

  async #onClose({ code, reason }) {
    if (!this.#opened) return this.#settle('reject', await whyRefused(this.#socket.url));
    const failure = this.#lastError
      ?? (reason ? new Failure(reason, { code: `closed-${code}` }) : null)
      ?? (this.#offered ? new Failure('the server has gone', { code: 'gone' }) : notReachable());
    this.#settle('reject', failure);
    this.#handlers.onEnd(failure);
  }
}
