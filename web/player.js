/**
 * The player: keeps one session alive, says in words how it is, and measures.
 *
 * Sessions follow one another in a loop, so there are never two at a time. A session that ends is
 * followed by a pause that grows with each failure, and that is cut short when the page is looked
 * at again or the network comes back.
 */
import { ServerClock } from './clock.js';
import { ownDiagnosis, pageOf } from './diagnosis.js';
import { Failure } from './failure.js';
import { PictureWatch } from './pictures.js';
import { Backoff, pause } from './retry.js';
import { Session, fetchIceServers } from './session.js';
import { WebSocketSignaling, randomId } from './signaling-ws.js';
import { WhepSignaling } from './signaling-whep.js';
import { compare, shares, snapshot } from './stats.js';
import { stateText } from './words.js';

const POLL_MS = 1000;
/** Without a new picture for this long, the picture has stopped. */
const STOPPED_MS = 2000;
/** A session that played this long was a good one: the next pause is short again. */
const GOOD_SESSION_MS = 1000;
/** Questions for the server's time: a few at once, for a fast round trip, then now and then. */
const CLOCK_FIRST = 4;
const CLOCK_FIRST_MS = 150;
const CLOCK_MS = 3000;

/**
 * Plays one stream into one video element.
 *
 * Events, all with a `detail`: `state` {state, text, reason, retryInMs}, `stats` (see `stats()`),
 * `failed` {reason, code, fatal} each time that a session cannot start or breaks, `diagnosis` (see
 * `diagnosis`, null once nothing is wrong any more).
 */
export class PinholePlayer extends EventTarget {
  #options;
  #userId;
  #life = null;
  #session = null;
  #shown = { state: 'idle', text: stateText('idle') };
  #clock = null;
  #stages = null;
  #before = null;
  #stats = {};
  #pictures = { firstMs: null, lastMs: 0 };
  #blocked = false;
  #diagnosis = null;
  #sessions = 0;
  #failures = 0;

  /**
   * @param {object} options
   * @param {HTMLVideoElement} options.video where the picture goes
   * @param {string} [options.signaling] `/ws` (default) or another WebSocket address, or, ending in
   *   `/whep` or with `protocol: 'whep'`, a WHEP endpoint
   * @param {'ws'|'whep'} [options.protocol] when the address does not tell
   * @param {string} [options.token] passed on to the server
   * @param {RTCIceServer[]} [options.iceServers] default: asked from the server
   * @param {string} [options.iceServersUrl] where to ask; default `/api/ice-servers` of the server
   * @param {boolean} [options.relayOnly] whether only relayed paths are tried
   */
  constructor(options) {
    super();
    const signaling = options.signaling ?? '/ws';
    const protocol = options.protocol ?? (/\/whep\/?(\?.*)?$/.test(signaling) ? 'whep' : 'ws');
    this.#options = { ...options, signaling, protocol };
    this.#userId = randomId();
  }

  /** The state: one of the names in words.js. */
  get state() {
    return this.#shown.state;
  }

  /** The state in words. */
  get text() {
    return this.#shown.text;
  }

  /**
   * What is wrong, in words: {code, severity, sentence, advice, fix, evidence, page}; null while
   * nothing is. It outlives the session that it is about, until the next one is better.
   */
  get diagnosis() {
    return this.#diagnosis;
  }

  /** The video element. */
  get video() {
    return this.#options.video;
  }

  /**
   * The newest figures; null where unknown, ages and delays in ms. `firstPictureMs` is when this
   * session's first picture was shown, by `performance.now()`; rates are over the last second.
   */
  stats() {
    return {
      state: this.#shown.state,
      text: this.#shown.text,
      sessions: this.#sessions,
      failures: this.#failures,
      firstPictureMs: this.#pictures.firstMs,
      ...this.#stats,
    };
  }

  /** Connects, and stays connected until `disconnect`. Returns itself. */
  connect() {
    if (this.#life) return this;
    this.#life = new AbortController();
    const { signal } = this.#life;
    const { video } = this.#options;
    video.muted = video.autoplay = video.playsInline = true;
    addEventListener('pagehide', () => this.#onPageHide(), { signal });
    this.#run(signal);
    return this;
  }

  /** Ends the session, if any, and stays away. */
  disconnect() {
    if (!this.#life) return;
    this.#life.abort();
    this.#life = null;
    this.#session?.end(new Failure('closed', { code: 'closed' }));
    this.#options.video.srcObject = null;
    this.#diagnose(null);
    this.#show('idle');
  }

  /** Starts the picture where the browser waited for a click. */
  async play() {
    try {
      await this.#options.video.play();
      this.#blocked = false;
    } catch (error) {
      this.#blocked = error.name === 'NotAllowedError';
    }
    this.#refresh();
  }

  /** A page that is put away may never come back; the server should not have to find out. */
  #onPageHide() {
    this.disconnect();
    addEventListener('pageshow', () => this.connect(), { once: true });
  }

  async #run(life) {
    const backoff = new Backoff();
    while (!life.aborted) {
      const { failure, playedMs } = await this.#playOnce();
      if (life.aborted) return;
      if (playedMs > GOOD_SESSION_MS) backoff.reset();
      this.#failures += 1;
      const { message: reason, code, fatal } = failure;
      this.dispatchEvent(new CustomEvent('failed', { detail: { reason, code, fatal } }));
      const own = ownDiagnosis(failure);
      if (own) this.#diagnose(own);
      const retryInMs = Math.max(backoff.next(), failure.retryAfterMs);
      if (fatal) {
        this.#life.abort();
        this.#life = null;
        return this.#show('failed', { reason });
      }
      this.#show('retrying', { reason, retryInMs });
      await pause(retryInMs, life, [
        [globalThis, 'online', () => true],
        [document, 'visibilitychange', () => document.visibilityState === 'visible'],
      ]);
    }
  }

  /** One session from start to end. */
  async #playOnce() {
    const { signaling: src, protocol, token, video, relayOnly = false } = this.#options;
    const Signaling = protocol === 'whep' ? WhepSignaling : WebSocketSignaling;
    this.#sessions += 1;
    this.#clock = new ServerClock();
    this.#stages = null;
    this.#before = null;
    this.#stats = {};
    this.#pictures = { firstMs: null, lastMs: 0 };
    this.#show('asking');
    const session = new Session(
      (handlers) => new Signaling({ src, token, userId: this.#userId, handlers }),
      {
        onChange: () => this.#refresh(),
        onTrack: (stream) => this.#onTrack(stream),
        onClock: (sample) => {
          this.#clock.add(sample);
          this.#stages = sample.stages ?? null;
        },
        takeAges: () => watch.takeAges(),
        onDiagnosis: (diagnosis) => this.#onDiagnosis(diagnosis),
      },
    );
    this.#session = session;
    const watch = new PictureWatch(
      video,
      (rtpTimestamp, shownMs) => this.#clock.ageMs(rtpTimestamp, shownMs),
      () => this.#onPicture(),
    );
    const polling = setInterval(() => this.#poll(session, watch), POLL_MS);
    const asking = this.#askClock(session);
    session.start({ iceServers: this.#iceServers(), relayOnly });
    const failure = await session.ended;
    clearInterval(polling);
    asking.abort();
    watch.stop();
    const { firstMs } = this.#pictures;
    // After `disconnect` and `connect` in one breath, the next session is there already.
    if (this.#session === session) this.#session = null;
    return { failure, playedMs: firstMs === null ? 0 : performance.now() - firstMs };
  }

  async #iceServers() {
    const { iceServers, iceServersUrl, signaling, token } = this.#options;
    if (iceServers) return iceServers;
    const origin = new URL(signaling, document.baseURI);
    origin.protocol = origin.protocol.replace(/^ws/, 'http');
    return fetchIceServers(new URL(iceServersUrl ?? '/api/ice-servers', origin), token);
  }

  #askClock(session) {
    const asking = new AbortController();
    const ask = async () => {
      for (let asked = 0; !asking.signal.aborted; ) {
        if (session.phase !== 'asking') {
          session.askClock();
          asked += 1;
        }
        await pause(asked < CLOCK_FIRST ? CLOCK_FIRST_MS : CLOCK_MS, asking.signal);
      }
    };
    ask();
    return asking;
  }

  /** "Nothing is wrong" of a session that has shown nothing yet says nothing about the one before. */
  #onDiagnosis(diagnosis) {
    if (diagnosis || this.#pictures.firstMs !== null) this.#diagnose(diagnosis);
  }

  #diagnose(diagnosis) {
    if (!diagnosis && !this.#diagnosis) return;
    const { signaling } = this.#options;
    const page = diagnosis?.code ? pageOf(diagnosis.code, signaling, document.baseURI) : '';
    this.#diagnosis = diagnosis && { ...diagnosis, page };
    this.dispatchEvent(new CustomEvent('diagnosis', { detail: this.#diagnosis }));
  }

  #onTrack(stream) {
    const { video } = this.#options;
    if (video.srcObject === stream) return;
    video.srcObject = stream;
    this.play();
  }

  #onPicture() {
    const now = performance.now();
    // The first picture settles what was said before it; what it suffers from is said anew.
    if (this.#pictures.firstMs === null) this.#diagnose(null);
    this.#pictures.firstMs ??= now;
    this.#pictures.lastMs = now;
    if (this.#shown.state !== 'playing') this.#refresh();
  }

  async #poll(session, watch) {
    if (session.phase === 'asking') return;
    const report = await session.getStats().catch(() => null);
    if (!report || session !== this.#session) return;
    const now = snapshot(report.values());
    const figures = compare(now, this.#before);
    this.#before = now;
    // Decoding goes on in a hidden page, where no picture is shown.
    if (figures.frames > 0) this.#onPicture();
    const ageMs = watch.takeAge();
    this.#stats = { ...figures, ageMs, shares: shares(ageMs, this.#stages, figures) };
    this.#refresh();
    this.dispatchEvent(new CustomEvent('stats', { detail: this.stats() }));
  }

  #stateNow() {
    const { phase, interrupted } = this.#session;
    if (interrupted) return 'interrupted';
    if (phase !== 'waiting') return phase;
    if (this.#blocked) return 'blocked';
    if (this.#pictures.firstMs === null) return 'waiting';
    return performance.now() - this.#pictures.lastMs > STOPPED_MS ? 'stopped' : 'playing';
  }

  #refresh() {
    if (this.#session) this.#show(this.#stateNow());
  }

  #show(state, detail = {}) {
    const text = stateText(state, detail);
    if (state === this.#shown.state && text === this.#shown.text) return;
    this.#shown = { state, text };
    this.dispatchEvent(new CustomEvent('state', { detail: { state, text, ...detail } }));
  }
}
