/** Watches the pictures that a video element shows, and how old each is. */
import { median } from './stats.js';

/** Ages kept between two figures: two seconds at 120 pictures a second. */
const AGES_MAX = 240;
/** Ages kept between two reports, which is as many as the server takes in one. */
const REPORTED_MAX = 512;

/** Calls back for each picture that is shown, where the browser tells (requestVideoFrameCallback). */
export class PictureWatch {
  #video;
  #ageOf;
  #onPicture;
  #handle = null;
  #ages = [];
  #unreported = [];

  /**
   * @param {HTMLVideoElement} video
   * @param {(rtpTimestamp: number|undefined, shownMs: number) => number|null} ageOf
   * @param {() => void} onPicture
   */
  constructor(video, ageOf, onPicture) {
    this.#video = video;
    this.#ageOf = ageOf;
    this.#onPicture = onPicture;
    this.#next();
  }

  /** The middle age of the pictures shown since the last call, in ms; null where unknown. */
  takeAge() {
    return median(this.#ages.splice(0));
  }

  /** The ages of the pictures shown since the last call, in whole ms, for a report. */
  takeAges() {
    return this.#unreported.splice(0);
  }

  /** Stops watching. */
  stop() {
    if (this.#handle !== null) this.#video.cancelVideoFrameCallback(this.#handle);
    this.#handle = null;
  }

  #next() {
    this.#handle = this.#video.requestVideoFrameCallback?.((now, metadata) => {
      // The picture reaches the eye when the browser expects it to, which may be after `now`.
      const shownMs = Math.max(now, metadata.expectedDisplayTime ?? now);
      const age = this.#ageOf(metadata.rtpTimestamp, shownMs);
      if (age !== null) {
        if (this.#ages.length < AGES_MAX) this.#ages.push(age);
        if (this.#unreported.length < REPORTED_MAX) this.#unreported.push(Math.round(age));
      }
      this.#onPicture();
      this.#next();
    }) ?? null;
  }
}
