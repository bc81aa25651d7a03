/** How long to wait before the next attempt. */

/** The shortest and the longest pause, jitter included. */
export const PAUSE_MIN_MS = 500;
export const PAUSE_MAX_MS = 5000;
/** Pauses are stretched by up to this share, so that viewers of a restarted server spread out. */
const JITTER = 0.25;

/** Doubles from `PAUSE_MIN_MS` to `PAUSE_MAX_MS`, with jitter, until something worked. */
export class Backoff {
  #failures = 0;
  #random;

  /** @param {() => number} random gives numbers in [0, 1) */
  constructor(random = Math.random) {
    this.#random = random;
  }

  /** The pause before the next attempt, in ms; each call counts as one more failure. */
  next() {
    const longest = PAUSE_MAX_MS / (1 + JITTER);
    // The exponent is bounded, because 2 ** 1100 is Infinity and a page may be left open for days.
    const pause = Math.min(longest, PAUSE_MIN_MS * 2 ** Math.min(this.#failures, 16));
    this.#failures += 1;
    return pause * (1 + JITTER * this.#random());
  }

  /** Starts again from the shortest pause. */
  reset() {
    this.#failures = 0;
  }
}

/**
 * Waits `ms`, or less where `signal` aborts or one of `wakers` fires.
 * @param {number} ms
 * @param {AbortSignal} signal
 * @param {Array<[EventTarget, string, () => boolean]>} wakers target, event, and whether it counts
 */
export function pause(ms, signal, wakers = []) {
  return new Promise((resolve) => {
    const listening = new AbortController();
    const done = () => {
      clearTimeout(timer);
      listening.abort();
      resolve();
    };
    const timer = setTimeout(done, ms);
    if (signal.aborted) return done();
    const { signal: until } = listening;
    signal.addEventListener('abort', done, { signal: until });
    for (const [target, event, counts] of wakers) {
      target.addEventListener(event, () => counts() && done(), { signal: until });
    }
  });
}
