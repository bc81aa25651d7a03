/**
 * The server's clock as seen from here, and how old a picture is on it.
 *
 * The server is asked for its time now and then; the fastest of the recent round trips bounds the
 * error to half of its duration (RFC 5905 §8 reasons the same way). RTP times tick at 90 kHz and
 * wrap at 2^32, so they are only ever compared by signed difference.
 */

/** Samples kept; older ones make room. */
const SAMPLES_MAX = 16;
/** A sample is forgotten after this long, because clocks drift (50 ppm is 1.5 ms in 30 s). */
const SAMPLE_LIFE_MS = 30_000;
const RTP_TICKS_PER_MS = 90;

/** Returns the signed number of ticks from `from` to `to`, both RTP times modulo 2^32. */
export function rtpDifference(to, from) {
  return (to - from) | 0;
}

/** Estimates the offset of the server's clock and maps RTP times onto it. */
export class ServerClock {
  #samples = [];
  #anchor = null;

  /**
   * Takes one answer of the server.
   * @param {{sent: number, received: number, serverMs: number,
   *   rtpTime?: number, rtpMs?: number}} sample `sent` and `received` on the local clock, in ms
   */
  add({ sent, received, serverMs, rtpTime, rtpMs }) {
    const roundTripMs = received - sent;
    if (![sent, received, serverMs].every(Number.isFinite) || roundTripMs < 0) return;
    this.#samples.push({ received, roundTripMs, offsetMs: serverMs - (sent + received) / 2 });
    if (this.#samples.length > SAMPLES_MAX) this.#samples.shift();
    if (Number.isFinite(rtpTime) && Number.isFinite(rtpMs)) this.#anchor = { rtpTime, rtpMs };
  }

  /** The fastest recent round trip, with the offset it gave; null before the first. */
  best() {
    const newest = this.#samples.at(-1);
    if (!newest) return null;
    return this.#samples
      .filter((s) => newest.received - s.received <= SAMPLE_LIFE_MS)
      .reduce((a, b) => (b.roundTripMs < a.roundTripMs ? b : a));
  }

  /** The server's time, in ms, at the local time `localMs`; null while unknown. */
  serverMs(localMs) {
    const best = this.best();
    return best && localMs + best.offsetMs;
  }

  /** The server's time at which the picture with this RTP time was captured; null while unknown. */
  captureMs(rtpTime) {
    if (!this.#anchor || !Number.isFinite(rtpTime)) return null;
    const ticks = rtpDifference(rtpTime, this.#anchor.rtpTime);
    return this.#anchor.rtpMs + ticks / RTP_TICKS_PER_MS;
  }

  /** How old the picture with this RTP time is at the local time `localMs`; null while unknown. */
  ageMs(rtpTime, localMs) {
    const now = this.serverMs(localMs);
    const captured = this.captureMs(rtpTime);
    return now === null || captured === null ? null : now - captured;
  }
}
