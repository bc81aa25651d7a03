/**
 * `<pinhole-player src="/ws">`: a player with its picture, its state in words and its overlay.
 *
 * Attributes: `src` (WebSocket or WHEP address), `protocol` (`ws` or `whep`, where the address does
 * not tell), `token`, `ice-servers` (JSON), `relay-only`, `overlay` (shows the figures). The events
 * of the player are sent again from the element. Parts for style: `video`, `overlay`, `notice`,
 * `diagnosis`.
 */
import { playerStyle } from './element-style.js';
import { make } from './make.js';
import { DiagnosisPanel } from './panel.js';
import { PinholePlayer } from './player.js';
import { overlayRows } from './words.js';

/** States in which nothing is under way. */
const STILL = new Set(['idle', 'failed', 'blocked', 'stopped']);
/** States in which a connection is being made. */
const TRYING = new Set(['asking', 'connecting', 'securing', 'waiting']);
/** Rows of the overlay that only appear when something is wrong. */
const BAD_ROWS = new Set(['freezes', 'packets lost', 'frames dropped']);

function playTriangle() {
  const namespace = 'http://www.w3.org/2000/svg';
  const svg = document.createElementNS(namespace, 'svg');
  svg.setAttribute('width', '28');
  svg.setAttribute('height', '28');
  svg.setAttribute('viewBox', '0 0 28 28');
  svg.setAttribute('aria-hidden', 'true');
  const path = document.createElementNS(namespace, 'path');
  path.setAttribute('d', 'M6 3v22l18-11z');
  svg.append(path);
  return svg;
}

/** The custom element. */
export class PinholeElement extends HTMLElement {
  #frame;
  #video;
  #still;
  #words;
  #overlay;
  #panel = new DiagnosisPanel();
  #player = null;

  constructor() {
    super();
    this.#video = make('video', { muted: true, autoplay: true, playsInline: true });
    this.#video.part = 'video';
    this.#video.setAttribute('aria-label', 'live picture');
    this.#still = make('canvas', { width: 0, height: 0 });
    this.#still.setAttribute('aria-hidden', 'true');
    this.#words = make('div', { className: 'words' });
    // Read out by screen readers as it changes.
    this.#words.setAttribute('role', 'status');
    this.#words.setAttribute('aria-live', 'polite');
    const ring = make('div', { className: 'ring' });
    const start = make('button', { className: 'start', type: 'button' }, [playTriangle()]);
    start.setAttribute('aria-label', 'play');
    const status = make('div', { className: 'status' }, [ring, start, this.#words]);
    const notice = make('div', { className: 'notice' }, [this.#panel.element, status]);
    notice.part = 'notice';
    notice.addEventListener('click', () => this.#player?.play());
    this.#overlay = make('dl', { className: 'overlay' });
    this.#overlay.part = 'overlay';
    this.#overlay.setAttribute('aria-label', 'figures of the connection');
    this.#frame = make('div', { className: 'frame fresh away still' });
    const root = this.attachShadow({ mode: 'open' });
    root.adoptedStyleSheets = [playerStyle()];
    this.#frame.append(this.#still, this.#video, notice, this.#overlay);
    root.append(this.#frame);
  }

  /** The player behind the element; null while the element is not in a document. */
  get player() {
    return this.#player;
  }

  /** The state in words. */
  get text() {
    return this.#player?.text ?? '';
  }

  connectedCallback() {
    const attribute = (name) => this.getAttribute(name) ?? undefined;
    const iceServers = attribute('ice-servers');
    this.#player = new PinholePlayer({
      video: this.#video,
      signaling: attribute('src'),
      protocol: attribute('protocol'),
      token: attribute('token'),
      iceServers: iceServers && JSON.parse(iceServers),
      relayOnly: this.hasAttribute('relay-only'),
    });
    for (const name of ['state', 'stats', 'failed', 'diagnosis']) {
      this.#player.addEventListener(name, ({ detail }) => {
        if (name === 'state') this.#onState(detail);
        if (name === 'stats') this.#onStats(detail);
        if (name === 'diagnosis') this.#onDiagnosis(detail);
        this.dispatchEvent(new CustomEvent(name, { detail }));
      });
    }
    this.#player.connect();
  }

  disconnectedCallback() {
    this.#player?.disconnect();
    this.#player = null;
  }

  #onDiagnosis(diagnosis) {
    this.#panel.show(diagnosis);
    this.#frame.classList.toggle('told', diagnosis !== null);
    this.#say(this.#player);
  }

  /** Under a card that says what is wrong, words of progress alone would contradict it. */
  #say({ state, text, diagnosis }) {
    const still = diagnosis && TRYING.has(state);
    // The card has said already what the player says of a failure, and more.
    const told = diagnosis && state === 'retrying' ? text.replace(/^.*, (?=trying again)/, '') : text;
    this.#words.textContent = still ? `still trying: ${text}` : told;
  }

  #onState({ state }) {
    this.#say(this.#player);
    const { classList } = this.#frame;
    if (state === 'retrying' && !classList.contains('fresh')) this.#keepPicture();
    classList.toggle('away', state !== 'playing');
    classList.toggle('still', STILL.has(state));
    classList.toggle('blocked', state === 'blocked');
    if (state === 'playing') classList.remove('fresh', 'kept');
    if (state === 'idle') classList.add('fresh');
    if (state !== 'playing') this.#overlay.replaceChildren();
  }

  /** The browser turns a video black when its session ends; the last picture stays, as a still. */
  #keepPicture() {
    const { videoWidth: width, videoHeight: height } = this.#video;
    if (!width || this.#frame.classList.contains('kept')) return;
    Object.assign(this.#still, { width, height });
    this.#still.getContext('2d').drawImage(this.#video, 0, 0);
    this.#frame.classList.add('kept');
  }

  #onStats(stats) {
    if (stats.state !== 'playing') return;
    const cells = overlayRows(stats).flatMap(([label, text, kind = '']) => {
      const className = BAD_ROWS.has(label) ? 'bad' : kind;
      return [make('dt', { textContent: label, className }), make('dd', { textContent: text, className })];
    });
    this.#overlay.replaceChildren(...cells);
  }
}
