/**
 * One session: a peer connection and its signalling, from the offer until it ends.
 *
 * A session repairs its path by an ICE restart, and nothing else. When it ends, `ended` resolves with a `Failure` and everything it
 * held is released; the player decides what comes next.
 */
import { Failure, failureOfResponse } from './failure.js';
import { Reporter } from './report.js';
import { stateOfConnection } from './words.js';

/** From the answer to a secured connection. */
const CONNECT_MAX_MS = 15_000;
/**
 * Consent checks may be lost in a burst; a path that is silent for longer is looked for anew by an
 * ICE restart, and given up where that does not find one in time.
 */
const INTERRUPTED_MAX_MS = 2000;
const RESTART_MAX_MS = 8000;
const ICE_SERVERS_MAX_MS = 2000;
/**
 * Chromium 156 never frees a connection that is closed in the first few milliseconds of its gathering,
 * which is when a WHEP server that is away refuses the offer. Such a connection is closed this much
 * later; it has no answer, so it carries nothing.
 */
const GATHERING_SETTLES_MS = 300;
/** The RTP header extension by which the server tells when a picture was captured. */
const CAPTURE_TIME = 'http://www.webrtc.org/experiments/rtp-hdrext/abs-capture-time';
/** How long the server may take to say why a connection has failed. */
const LAST_WORD_MS = 700;

/** Asks `url` for the ICE servers of this deployment. Only a refusal to talk to us is an error. */
export async function fetchIceServers(url, token) {
  const deadline = new AbortController();
  const timer = setTimeout(() => deadline.abort(), ICE_SERVERS_MAX_MS);
  let response;
  try {
    const headers = token ? { authorization: `Bearer ${token}` } : {};
    response = await fetch(url, { headers, signal: deadline.signal });
    if (response.ok) {
      const body = await response.json();
      const servers = Array.isArray(body) ? body : body?.iceServers;
      return Array.isArray(servers) ? servers : [];
    }
  } catch {
    return []; // Most viewers connect without any.
  } finally {
    clearTimeout(timer);
  }
  if (response.status === 401 || response.status === 403) throw await failureOfResponse(response);
  return [];
}

/** Puts H.264 in packetization mode 1 first and keeps all else. */
export function preferH264(codecs) {
  const rank = ({ mimeType, sdpFmtpLine = '' }) => {
    if (mimeType.toLowerCase() !== 'video/h264') return 2;
    return sdpFmtpLine.includes('packetization-mode=1') ? 0 : 1;
  };
  return codecs
    .map((codec, index) => ({ codec, index }))
    .sort((a, b) => rank(a.codec) - rank(b.codec) || a.index - b.index)
    .map(({ codec }) => codec);
}

/** A connection to one viewer's worth of pictures. */
export class Session {
  /** Resolves with the `Failure` that ended the session; never rejects. */
  ended;
  /** `asking`, `connecting`, `securing` or, once connected, `waiting`. */
  phase = 'asking';
  /** Whether the path is silent at the moment. */
  interrupted = false;

  #connection = null;
  #dtls = null;
  #signaling;
  #handlers;
  #remoteCandidates = [];
  #answered = false;
  #connectTimer = null;
  #interruptedTimer = null;
  #lastWordTimer = null;
  #restarting = false;
  #failure = null;
  #reporter = null;
  #finish;

  /**
   * @param {(handlers: object) => object} makeSignaling
   * @param {{onChange: Function, onTrack: Function, onClock: Function, onDiagnosis: Function,
   *   takeAges?: () => number[]}} handlers
   */
  constructor(makeSignaling, handlers) {
    this.ended = new Promise((resolve) => {
      this.#finish = resolve;
    });
    this.#handlers = handlers;
    this.#signaling = makeSignaling({
      onCandidate: (candidate) => this.#onRemoteCandidate(candidate),
      onClock: (sample) => this.#handlers?.onClock(sample),
      onDiagnosis: (diagnosis) => this.#onDiagnosis(diagnosis),
      onRestartWanted: () => this.#restart(),
      onEnd: (failure) => this.end(failure),
    });
  }

  /**
   * Begins. Progress comes by `onChange`, the end by `ended`.
   * @param {{iceServers: Promise<RTCIceServer[]>, relayOnly: boolean}} options
   */
  async start({ iceServers, relayOnly }) {
    try {
      const opened = this.#signaling.open();
      opened.catch(() => {}); // Awaited below; a refusal by the other request says more.
      const servers = await iceServers;
      await opened;
      if (!this.#handlers) return;
      const connection = this.#connect(servers, relayOnly);
      await connection.setLocalDescription(await connection.createOffer());
      const sdp = await this.#signaling.exchange(connection.localDescription.sdp);
      if (!this.#handlers) return;
      await connection.setRemoteDescription({ type: 'answer', sdp });
      if (!this.#handlers) return;
      this.#onAnswered();
    } catch (error) {
      const failure = error instanceof Failure
        ? error
        : new Failure(`this browser refused: ${error.message}`, { code: 'browser' });
      this.end(failure);
    }
  }

  /** The browser's statistics report. */
  getStats() {
    return this.#connection.getStats();
  }

  /** Asks for the server's time, where the signalling can. */
  askClock() {
    if (this.#answered) this.#signaling.askClock?.();
  }

  /** Ends the session and releases all that it holds. */
  end(failure) {
    if (!this.#handlers) return;
    this.#handlers = null;
    clearTimeout(this.#connectTimer);
    clearTimeout(this.#interruptedTimer);
    clearTimeout(this.#lastWordTimer);
    // The last thing that the server hears is how far it came.
    this.#reporter?.stop();
    this.#signaling.close();
    const connection = this.#connection;
    if (connection) {
      connection.ontrack = connection.onicecandidate = connection.onicecandidateerror = null;
      connection.onconnectionstatechange = connection.oniceconnectionstatechange = null;
      if (this.#dtls) this.#dtls.onstatechange = null;
      if (this.#answered) connection.close();
      else setTimeout(() => connection.close(), GATHERING_SETTLES_MS);
    }
    this.#finish(failure);
  }

  #connect(iceServers, relayOnly) {
    const connection = new RTCPeerConnection({
      iceServers,
      iceTransportPolicy: relayOnly ? 'relay' : 'all',
      bundlePolicy: 'max-bundle',
    });
    this.#connection = connection;
    this.#reporter = new Reporter(
      connection,
      (report) => this.#signaling.report?.(report),
      this.#handlers.takeAges,
    );
    connection.onicecandidate = ({ candidate }) => {
      this.#reporter.onCandidate(candidate);
      this.#signaling.sendCandidate(candidate);
    };
    connection.onicecandidateerror = (event) => this.#reporter.onError(event);
    connection.oniceconnectionstatechange = () => this.#onConnection();
    connection.onconnectionstatechange = () => this.#onConnection();
    connection.ontrack = ({ track, streams, receiver }) => {
      askForNoDelay(receiver);
      this.#handlers?.onTrack(streams[0] ?? new MediaStream([track]));
    };
    const transceiver = connection.addTransceiver('video', { direction: 'recvonly' });
    askForNoDelay(transceiver.receiver);
    askForCaptureTime(transceiver);
    try {
      const { codecs } = RTCRtpReceiver.getCapabilities('video');
      transceiver.setCodecPreferences(preferH264(codecs));
    } catch {
      // Older browsers cannot be asked; the server picks H.264 out of any order.
    }
    return connection;
  }

  #onAnswered() {
    this.#answered = true;
    this.#remoteCandidates.splice(0).forEach((candidate) => this.#onRemoteCandidate(candidate));
    this.#dtls = this.#connection.getReceivers()[0]?.transport ?? null;
    if (this.#dtls) this.#dtls.onstatechange = () => this.#onDtls(this.#dtls.state);
    this.#connectTimer = setTimeout(() => this.#fail(), CONNECT_MAX_MS);
    this.#reporter.start();
    this.#onConnection();
  }

  /**
   * Looks for a path anew, on the same connection: the picture goes on where the old path works.
   * A server that refuses, or has gone, ends the session.
   */
  async #restart() {
    if (!this.#handlers || !this.#answered || this.#restarting || this.#failure) return;
    this.#restarting = true;
    const connection = this.#connection;
    try {
      connection.restartIce();
      await connection.setLocalDescription(await connection.createOffer());
      // Candidates of the server that come before its answer are of the new generation.
      this.#answered = false;
      const sdp = await this.#signaling.restart(connection.localDescription.sdp,
        connection.remoteDescription.sdp);
      if (!this.#handlers) return;
      await connection.setRemoteDescription({ type: 'answer', sdp });
      this.#answered = true;
      if (!this.#handlers) return;
      this.#remoteCandidates.splice(0).forEach((candidate) => this.#onRemoteCandidate(candidate));
    } catch (error) {
      this.#answered = true;
      return this.end(error instanceof Failure ? error : this.#noConnection());
    } finally {
      this.#restarting = false;
    }
    this.#onConnection();
  }

  #onRemoteCandidate(candidate) {
    if (!this.#answered) return void this.#remoteCandidates.push(candidate);
    // A candidate that this browser does not understand leaves the others as good as they were.
    this.#connection.addIceCandidate(candidate).catch(() => {});
  }

  #onDtls(state) {
    if (state === 'closed') this.end(new Failure('the server has ended the session', { code: 'ended' }));
    if (state === 'failed') this.#fail();
  }

  /** The connection has failed, or is given up: the server hears of it, and is given time to say why. */
  #fail() {
    if (!this.#handlers || this.#failure) return;
    this.#failure = this.#noConnection();
    clearTimeout(this.#connectTimer);
    clearTimeout(this.#interruptedTimer);
    this.#reporter.stop('failed');
    this.#lastWordTimer = setTimeout(() => this.end(this.#failure), LAST_WORD_MS);
  }

  #onDiagnosis(diagnosis) {
    this.#handlers?.onDiagnosis(diagnosis);
    if (diagnosis && this.#failure) this.end(this.#failure);
  }

  #onConnection() {
    if (!this.#handlers || !this.#answered || this.#failure) return;
    const { connectionState, iceConnectionState } = this.#connection;
    if (connectionState === 'failed' || iceConnectionState === 'failed') return this.#fail();
    this.#reporter.changed();
    this.#setInterrupted(iceConnectionState === 'disconnected');
    if (!this.interrupted && this.phase !== 'waiting') {
      this.phase = stateOfConnection(connectionState, iceConnectionState);
      if (this.phase === 'waiting') clearTimeout(this.#connectTimer);
    }
    this.#handlers.onChange();
  }

  #setInterrupted(interrupted) {
    if (interrupted === this.interrupted) return;
    this.interrupted = interrupted;
    clearTimeout(this.#interruptedTimer);
    if (!interrupted) return;
    this.#interruptedTimer = setTimeout(() => {
      this.#interruptedTimer = setTimeout(() => this.#fail(), RESTART_MAX_MS);
      this.#restart();
    }, INTERRUPTED_MAX_MS);
  }

  #noConnection() {
    if (this.phase === 'waiting') {
      return new Failure('the path to the server is broken', { code: 'path-broken' });
    }
    if (this.phase === 'securing') {
      return new Failure('the connection could not be secured', { code: 'not-secured' });
    }
    return new Failure('no path to the server was found', { code: 'no-path' });
  }
}

/** Asks for the moment of capture with the pictures; a browser that knows it does not ask by itself. */
function askForCaptureTime(transceiver) {
  try {
    const extensions = transceiver.getHeaderExtensionsToNegotiate();
    const wanted = extensions.find(({ uri }) => uri === CAPTURE_TIME);
    if (!wanted) return;
    wanted.direction = 'sendrecv';
    transceiver.setHeaderExtensionsToNegotiate(extensions);
  } catch {
    // An extra, which not every browser has.
  }
}

/** Asks for pictures to be shown as they come, instead of smoothly. */
function askForNoDelay(receiver) {
  for (const name of ['jitterBufferTarget', 'playoutDelayHint']) {
    try {
      receiver[name] = 0;
    } catch {
      // Each browser knows one of the two names, or none.
    }
  }
}
