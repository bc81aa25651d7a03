/** Looks at screenshots: whether they are flat, and how much changed from one to the next. */

/** A picture with fewer levels of grey than this, or a smaller spread, is flat. */
const LEVELS_MIN = 20;
const SPREAD_MIN = 8;
/** A pixel has changed when its grey did by more than noise. */
const CHANGE_MIN = 12;

/** Runs in a page: decodes two PNGs (base64) and compares their greys. */
async function comparePngs({ pngs, changeMin }) {
  const greys = [];
  for (const png of pngs) {
    const bytes = Uint8Array.from(atob(png), (c) => c.charCodeAt(0));
    const bitmap = await createImageBitmap(new Blob([bytes], { type: 'image/png' }));
    const context = new OffscreenCanvas(bitmap.width, bitmap.height).getContext('2d');
    context.drawImage(bitmap, 0, 0);
    const { data } = context.getImageData(0, 0, bitmap.width, bitmap.height);
    const grey = new Uint8Array(data.length / 4);
    for (let i = 0; i < grey.length; i += 1) {
      grey[i] = (data[4 * i] * 2 + data[4 * i + 1] * 5 + data[4 * i + 2]) >> 3;
    }
    greys.push(grey);
  }
  const about = greys.map((grey) => {
    const mean = grey.reduce((a, b) => a + b, 0) / grey.length;
    const variance = grey.reduce((a, b) => a + (b - mean) ** 2, 0) / grey.length;
    return { levels: new Set(grey).size, spread: Math.sqrt(variance) };
  });
  const [a, b] = greys;
  let changed = 0;
  for (let i = 0; i < a.length; i += 1) changed += Math.abs(a[i] - b[i]) > changeMin ? 1 : 0;
  return { about, changed: changed / a.length, sameSize: a.length === b.length };
}

/**
 * Compares two screenshots.
 * @param page any page in which scripts may run
 * @param {Array<Uint8Array>} pngs two
 * @returns {Promise<{flat: boolean, changed: number, levels: number, spread: number}>} `changed` is
 *   the share of pixels
 */
export async function lookAt(page, pngs) {
  const texts = pngs.map((png) => Buffer.from(png).toString('base64'));
  const { about, changed, sameSize } = await page.evaluate(comparePngs, {
    pngs: texts,
    changeMin: CHANGE_MIN,
  });
  const levels = Math.min(...about.map((a) => a.levels));
  const spread = Math.min(...about.map((a) => a.spread));
  return { flat: levels < LEVELS_MIN || spread < SPREAD_MIN, changed, levels, spread, sameSize };
}
