/**
 * What this browser sees of a connection, for the server's diagnosis: whether ICE got anywhere, what
 * the STUN and TURN servers answered, what arrived. Sent at each change, and now and then between.
 */
import { compare, snapshot } from './stats.js';

/** Between two reports, without and with a picture. */
export const REPORT_MS = 2000;
export const REPORT_PLAYING_MS = 5000;
/** Changes that come within this time share one report; the server takes five a second. */
const GATHER_MS = 250;
/** Bounds of the server; what is beyond them is left out here. */
const LIST_MAX = 16;
const TEXT_MAX = 256;
/** The same bound of durations. */
const MS_MAX = 60_000;

/** A duration as the server takes it, to hundredths of a millisecond; null where it takes none. */
const duration = (ms) => (ms === null || Math.abs(ms) > MS_MAX ? null : Math.round(ms * 100) / 100);

/** The value of the first `a=fingerprint` line; null where there is none. */
export function fingerprint(sdp) {
  return /^a=fingerprint:(.*?)\r?$/m.exec(sdp ?? '')?.[1].slice(0, TEXT_MAX) ?? null;
}

/**
 * Puts a report together.
 * @param {RTCPeerConnection} connection
 * @param {Iterable<object>} stats the values of its `RTCStatsReport`
 * @param {{errors: object[], types: Iterable<string>, nowMs: number, before?: object,
 *   ages?: number[]}} seen `before`: the snapshot of the report before; `ages`: of the pictures shown
 *   since, in ms
 */
export function makeReport(connection, stats, { errors, types, nowMs, before = null, ages = [] }) {
  const now = compare(snapshot(stats), before);
  return {
    ice: connection.iceConnectionState,
    connection: connection.connectionState,
    errors,
    candidate_types: [...types].slice(0, LIST_MAX),
    pair: now.pair,
    bytes_received: now.bytesReceived ?? 0,
    packets_received: now.packetsReceived ?? 0,
    frames_decoded: now.framesDecoded ?? 0,
    unix_seconds: Math.floor(nowMs / 1000),
    our_fingerprint: fingerprint(connection.remoteDescription?.sdp),
    its_fingerprint: fingerprint(connection.localDescription?.sdp),
    ages_ms: ages.filter((age) => Math.abs(age) <= MS_MAX),
    buffer_ms: duration(now.jitterBufferMs),
    buffer_target_ms: duration(now.bufferTargetMs),
    decode_ms: duration(now.decodeMs),
  };
}

/** Reports on one connection until it is stopped. */
export class Reporter {
  #connection;
  #send;
  #errors = [];
  #types = new Set();
  #stats = [];
  #before = null;
  #takeAges;
  #timer = null;
  #soon = false;
  #started = false;
  #stopped = false;

  /**
   * @param {RTCPeerConnection} connection
   * @param {(report: object) => void} send
   * @param {() => number[]} [takeAges] the ages of the pictures shown since the last call, in ms
   */
  constructor(connection, send, takeAges = () => []) {
    this.#connection = connection;
    this.#takeAges = takeAges;
    this.#send = send;
  }

  /** Begins; before the answer there is nothing to report on. */
  start() {
    this.#started = true;
    this.changed();
  }

  /** A candidate of ours was found. */
  onCandidate(candidate) {
    const type = candidate?.type ?? / typ (\w+)/.exec(candidate?.candidate ?? '')?.[1];
    if (type) this.#types.add(type);
  }

  /** A STUN or TURN server failed: `icecandidateerror`. */
  onError({ url, errorCode, errorText }) {
    const text = (value) => String(value ?? '').slice(0, TEXT_MAX);
    const error = { url: text(url), code: errorCode ?? 0, text: text(errorText) };
    const known = this.#errors.some((e) => e.url === error.url && e.code === error.code);
    if (known || this.#errors.length >= LIST_MAX) return;
    this.#errors.push(error);
    this.changed();
  }

  /** Something changed that the server should hear of. */
  changed() {
    if (!this.#started || this.#stopped || this.#soon) return;
    this.#soon = true;
    this.#schedule(GATHER_MS);
  }

  /**
   * Ends it with a last report, of how it is now, without waiting for newer statistics.
   * @param {string} [connection] what became of the connection, where this page decides it
   */
  stop(connection) {
    if (this.#stopped) return;
    this.#stopped = true;
    clearTimeout(this.#timer);
    if (this.#started) this.#send({ ...this.#report(), ...(connection && { connection }) });
  }

  #schedule(ms) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#tell(), ms);
  }

  #report() {
    const report = makeReport(this.#connection, this.#stats, {
      errors: this.#errors,
      types: this.#types,
      nowMs: Date.now(),
      before: this.#before,
      ages: this.#takeAges(),
    });
    this.#before = snapshot(this.#stats);
    return report;
  }

  async #tell() {
    this.#soon = false;
    const stats = await this.#connection.getStats().catch(() => null);
    if (this.#stopped) return;
    if (stats) this.#stats = [...stats.values()];
    const report = this.#report();
    this.#send(report);
    if (!this.#soon) this.#schedule(report.frames_decoded > 0 ? REPORT_PLAYING_MS : REPORT_MS);
  }
}
