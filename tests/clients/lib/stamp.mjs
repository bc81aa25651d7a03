/**
 * Reads the frame number and the clock that the test picture carries in its corner, to know how old
 * each picture is when it is shown. The layout is that of the encoder's test picture: 16 columns and
 * 6 rows of cells of 16x16 pixels from pixel (16, 16): 8 bits of marker, 32 of frame number, 48 of
 * milliseconds since 1970, 8 of CRC-8.
 */

/**
 * Runs in a page: reads each shown picture of the player's video for `ms` milliseconds. `fullWidth` is how
 * wide the source is, where the server may make its pictures smaller.
 */
async function readStamps({ ms, fullWidth }) {
  const [ORIGIN, CELL, COLUMNS, BYTES, MARKER] = [16, 16, 16, 12, 0b10110010];
  const { video } = window.pinhole;
  const [width, height] = [2 * ORIGIN + COLUMNS * CELL, 128];
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext('2d', { willReadFrequently: true });
  const stamps = [];
  let shown = 0;

  const crc8 = (bytes) => bytes.reduce((crc, byte) => {
    let rest = crc ^ byte;
    for (let i = 0; i < 8; i += 1) rest = ((rest << 1) ^ (rest & 0x80 ? 0x07 : 0)) & 0xff;
    return rest;
  }, 0);
  const luma = (data, i) => (data[i] * 77 + data[i + 1] * 150 + data[i + 2] * 29) / 256;
  const read = () => {
    const scale = video.videoWidth / (fullWidth ?? video.videoWidth);
    context.drawImage(video, 0, 0, width * scale, height * scale, 0, 0, width, height);
    const { data } = context.getImageData(0, 0, width, height);
    const bytes = new Uint8Array(BYTES);
    for (let bit = 0; bit < BYTES * 8; bit += 1) {
      const left = ORIGIN + (bit % COLUMNS) * CELL + CELL / 4;
      const top = ORIGIN + Math.floor(bit / COLUMNS) * CELL + CELL / 4;
      let sum = 0;
      for (let y = top; y < top + CELL / 2; y += 1) {
        for (let x = left; x < left + CELL / 2; x += 1) sum += luma(data, 4 * (y * width + x));
      }
      if (sum > 128 * (CELL / 2) ** 2) bytes[bit >> 3] |= 0x80 >> (bit % 8);
    }
    if (bytes[0] !== MARKER || crc8(bytes.subarray(1, 11)) !== bytes[11]) return null;
    const number = (from, to) => bytes.subarray(from, to).reduce((n, byte) => n * 256 + byte, 0);
    return { frame: number(1, 5), unixMs: number(5, 11) };
  };

  await new Promise((resolve) => {
    const until = performance.now() + ms;
    const unix = (ms) => (ms === undefined ? null : performance.timeOrigin + ms);
    const onPicture = (now, metadata) => {
      const stamp = read();
      shown += 1;
      if (stamp) {
        const shownMs = unix(Math.max(now, metadata.expectedDisplayTime));
        stamps.push({
          frame: stamp.frame,
          ageMs: shownMs - stamp.unixMs,
          stampMs: stamp.unixMs,
          shownMs,
          receivedMs: unix(metadata.receiveTime),
          presentedMs: unix(metadata.presentationTime),
          rtpTime: metadata.rtpTimestamp,
        });
      }
      if (now < until) video.requestVideoFrameCallback(onPicture);
      else resolve();
    };
    video.requestVideoFrameCallback(onPicture);
    setTimeout(resolve, ms + 1000);
  });
  return { shown, stamps };
}

/**
 * Watches for `ms` milliseconds.
 * @returns {Promise<{shown: number, stamps: object[]}>} the number of pictures, and of each whose stamp
 *   could be read its number and the moments that the stamp and the browser tell of it, in ms since 1970
 */
export const watchPictures = (page, ms, fullWidth) => page.evaluate(readStamps, { ms, fullWidth });

/** The value below which the given share of a sorted list lies. */
export const quantile = (sorted, share) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];

/**
 * Watches for `ms` milliseconds.
 * @returns {Promise<{shown: number, read: number, ageP50Ms?: number, ageP99Ms?: number,
 *   backwards?: number}>} `read` pictures carried a stamp; 0 where the source is not the test picture
 */
export async function watchStamps(page, ms) {
  const { shown, stamps } = await watchPictures(page, ms);
  if (stamps.length === 0) return { shown, read: 0 };
  const ages = stamps.map(({ ageMs }) => ageMs).sort((a, b) => a - b);
  const backwards = stamps.filter(({ frame }, i) => i > 0 && frame < stamps[i - 1].frame).length;
  const round = (value) => Math.round(value * 10) / 10;
  return {
    shown,
    read: stamps.length,
    ageP50Ms: round(quantile(ages, 0.5)),
    ageP99Ms: round(quantile(ages, 0.99)),
    backwards,
  };
}
