/**
 * Signalling by WHEP (draft-ietf-wish-whep): the offer is POSTed, the answer comes back with a
 * `Location`, candidates follow by PATCH (RFC 8840 fragments), DELETE ends the session.
 *
 * A PATCH with new credentials restarts ICE (RFC 9725 §4.3.3). Left out: the counter-offer of a 406.
 * The server cannot speak of its own accord, and there is no clock, so the age of a picture is not known.
 * A report of what this browser sees is POSTed to the session's `/report`, an extra of ours; the answer
 * is what the server thinks is wrong. A server that does not know it is not asked again.
 */
import { readDiagnosis } from './diagnosis.js';
import { Failure, failureOfResponse, notReachable } from './failure.js';

const ANSWER_MAX_MS = 10_000;
const FRAGMENT = 'application/trickle-ice-sdpfrag';
/** Candidates found within this time share one PATCH. */
const GATHER_MS = 20;

/** The value of the first `a=name:value` line in an SDP text. */
function attribute(sdp, name) {
  return new RegExp(`^a=${name}:(.*?)\\r?$`, 'm').exec(sdp)?.[1];
}

/**
 * The body of a trickle PATCH: RFC 8840 §9.
 * @param {string} sdp our offer, for its credentials and its media line
 * @param {Array<{candidate: string, sdpMid: string}|null>} candidates null marks the end of them
 */
export function sdpFragment(sdp, candidates) {
  const media = /^m=.*?(?=\r?$)/m.exec(sdp)?.[0] ?? 'm=video 9 UDP/TLS/RTP/SAVPF 0';
  const mid = candidates.find((c) => c?.sdpMid)?.sdpMid ?? attribute(sdp, 'mid') ?? '0';
  const lines = [
    `a=ice-ufrag:${attribute(sdp, 'ice-ufrag')}`,
    `a=ice-pwd:${attribute(sdp, 'ice-pwd')}`,
    media,
    `a=mid:${mid}`,
    ...candidates.map((c) => (c?.candidate ? `a=${c.candidate}` : 'a=end-of-candidates')),
  ];
  return lines.join('\r\n') + '\r\n';
}

/**
 * The answer of a session whose ICE was restarted: the one before, with the credentials and the
 * candidates of the fragment that the server sent.
 * @param {string} answer the SDP that is in force
 * @param {string} fragment the body of the response to the PATCH: RFC 8840 §9
 */
export function restartedAnswer(answer, fragment) {
  const [ufrag, pwd] = [attribute(fragment, 'ice-ufrag'), attribute(fragment, 'ice-pwd')];
  if (!ufrag || !pwd) return null;
  const candidates = fragment.split(/\r?\n/).filter((line) => line.startsWith('a=candidate:'));
  const kept = answer.split(/\r?\n/).filter((line) => !/^a=(candidate:|end-of-candidates)/.test(line));
  let media = 0;
  const lines = kept.flatMap((line) => {
    if (line.startsWith('m=')) media += 1;
    if (line.startsWith('a=ice-ufrag:')) return [`a=ice-ufrag:${ufrag}`];
    // Everything travels with the first media section (BUNDLE).
    if (line.startsWith('a=ice-pwd:')) return [`a=ice-pwd:${pwd}`, ...(media <= 1 ? candidates : [])];
    return [line];
  });
  return lines.join('\r\n');
}

/** One session's signalling by HTTP requests. */
export class WhepSignaling {
  #url;
  #token;
  #handlers;
  #offer = '';
  #resource = null;
  #etag = null;
  #queued = [];
  #timer = null;
  #patching = false;
  #restarting = false;
  #trickles = true;
  #reports = true;
  #closed = new AbortController();

  /** @param {{src: string, token?: string, handlers: {onDiagnosis: Function, onEnd: Function}}} options */
  constructor({ src, token, handlers }) {
    this.#url = new URL(src, document.baseURI).href;
    this.#token = token;
    this.#handlers = handlers;
  }

  /** Nothing to open. */
  async open() {}

  /** Sends the offer; resolves with the SDP of the answer. */
  async exchange(sdp) {
    this.#offer = sdp;
    const response = await this.#fetch(this.#url, {
      method: 'POST',
      headers: { 'content-type': 'application/sdp', accept: 'application/sdp' },
      body: sdp,
    });
    if (response.status !== 201) throw await failureOfResponse(response);
    const location = response.headers.get('location');
    // `response.url` is where redirects led, which is what Location is relative to.
    this.#resource = location && new URL(location, response.url).href;
    this.#etag = response.headers.get('etag');
    const answer = await response.text();
    if (this.#closed.signal.aborted) this.#delete();
    this.#trickle();
    return answer;
  }

  /**
   * Restarts ICE by PATCH; resolves with the SDP of the answer, made of the one in force.
   * Candidates that are found meanwhile follow with the new credentials.
   */
  async restart(sdp, answer) {
    if (!this.#resource) throw new Failure('the server cannot restart', { code: 'no-restart' });
    this.#offer = sdp;
    this.#queued = [];
    // Trickling waits: the ETag changes with the answer.
    this.#restarting = true;
    try {
      const headers = { 'content-type': FRAGMENT, 'if-match': '"*"' };
      const body = sdpFragment(sdp, []);
      const response = await this.#fetch(this.#resource, { method: 'PATCH', headers, body });
      if (response.status !== 200) throw await failureOfResponse(response);
      this.#etag = response.headers.get('etag') ?? this.#etag;
      const restarted = restartedAnswer(answer, await response.text());
      if (!restarted) throw new Failure('the server did not restart', { code: 'no-restart' });
      return restarted;
    } finally {
      this.#restarting = false;
      this.#trickle();
    }
  }

  /** Sends one of our candidates; null is the end of them. */
  sendCandidate(candidate) {
    this.#queued.push(candidate?.candidate ? candidate : null);
    this.#trickle();
  }

  /** Tells what this browser sees, and hears what the server thinks of it. */
  async report(report) {
    if (!this.#resource || !this.#reports) return;
    try {
      const response = await this.#fetch(`${this.#resource}/report`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(report),
      });
      if (response.ok) return void this.#handlers?.onDiagnosis(readDiagnosis(await response.json()));
      this.#reports = response.status === 429 || response.status === 503;
    } catch {
      // The next report may get through.
    }
  }

  /** Ends the session, also while the page goes away. */
  close() {
    if (this.#closed.signal.aborted) return;
    clearTimeout(this.#timer);
    this.#handlers = null;
    this.#closed.abort();
    this.#delete();
  }

  #headers(more) {
    return this.#token ? { ...more, authorization: `Bearer ${this.#token}` } : more;
  }

  /** A request that ends with the session, except the POST: its Location is needed to DELETE. */
  async #fetch(url, { headers, ...init }) {
    const deadline = new AbortController();
    const timer = setTimeout(() => deadline.abort(), ANSWER_MAX_MS);
    try {
      return await fetch(url, { ...init, headers: this.#headers(headers), signal: deadline.signal });
    } catch {
      if (!deadline.signal.aborted) throw notReachable();
      throw new Failure('the server does not answer', { code: 'no-answer' });
    } finally {
      clearTimeout(timer);
    }
  }

  #trickle() {
    if (!this.#resource || !this.#trickles || this.#patching || this.#timer) return;
    if (this.#restarting) return;
    if (this.#queued.length === 0 || this.#closed.signal.aborted) return;
    this.#timer = setTimeout(() => {
      this.#timer = null;
      if (!this.#restarting && this.#queued.length > 0) this.#patch();
    }, GATHER_MS);
  }

  async #patch() {
    this.#patching = true;
    const body = sdpFragment(this.#offer, this.#queued.splice(0));
    const headers = { 'content-type': FRAGMENT };
    if (this.#etag) headers['if-match'] = this.#etag;
    try {
      const response = await this.#fetch(this.#resource, { method: 'PATCH', headers, body });
      // Servers need not support trickling; they then find our address by our checks.
      this.#trickles = response.ok;
    } catch {
      this.#trickles = false;
    }
    this.#patching = false;
    this.#trickle();
  }

  #delete() {
    if (!this.#resource) return;
    const init = { method: 'DELETE', headers: this.#headers({}), keepalive: true };
    fetch(this.#resource, init).catch(() => {}); // The server notices a vanished viewer by itself.
    this.#resource = null;
  }
}
