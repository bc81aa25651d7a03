/** Watches the page at `/` for a while, in whichever browser, and judges what it saw. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { lookAt } from './pixels.mjs';
import { check, pageUrl, sleep, until } from './script.mjs';
import { watchStamps } from './stamp.mjs';

const PLAYING_MAX_MS = 15_000;
/** The page's own figure for the age, by clocks and RTP times, against that read from the picture. */
const AGE_DIFFERENCE_MAX_MS = 25;
/** On a machine that has too much to do both vary, and they are not taken in the same second. */
const AGE_DIFFERENCE_SHARE = 0.5;
/** A single freeze, and shorter than what people take for one. */
const FREEZE_SECONDS_MAX = 0.5;

/** Keyframes that have a reason, on loopback, within a watch: more than that is a server that makes them for nothing. */
const KEYFRAMES_MAX = 4;

const stats = (page) => page.evaluate(() => window.pinhole?.stats());

/** The text of the overlay, as a person sees it: empty while it is hidden. */
const overlayText = (page) => page.evaluate(() => {
  const overlay = document.querySelector('pinhole-player').shadowRoot.querySelector('.overlay');
  return getComputedStyle(overlay).display === 'none' ? '' : overlay.innerText;
});

/** Two pictures of the stage half a second apart, the overlay put away by its key and brought back. */
async function takeScreenshots(page, directory, name) {
  await page.keyboard.press('s');
  check((await overlayText(page)) === '', 'the key s does not hide the overlay');
  const clip = await page.evaluate(() => {
    const { x, y, width, height } = document.querySelector('pinhole-player').getBoundingClientRect();
    return { x, y, width, height };
  });
  const first = await page.screenshot({ clip });
  await sleep(500);
  const second = await page.screenshot({ clip });
  await page.keyboard.press('s');
  if (directory) {
    await mkdir(directory, { recursive: true });
    await until(3000, 'the overlay does not come back', () => overlayText(page));
    await sleep(300); // The button fades.
    await page.screenshot({ path: join(directory, `${name}.png`) });
  }
  return [first, second];
}

/** What the counters say about the time between two moments. */
function between(before, after) {
  const seconds = (after.atMs - before.atMs) / 1000;
  const grown = (name) => after[name] - before[name];
  const delay = grown('jitterBufferDelay') / grown('jitterBufferEmittedCount');
  return {
    seconds,
    decodedFps: grown('framesDecoded') / seconds,
    bitrateBps: (grown('bytesReceived') * 8) / seconds,
    jitterBufferMs: delay * 1000,
  };
}

/** Why the server made keyframes, of all that it made: a busy machine gives it reasons that an idle one does not. */
async function keyframeReasons(url) {
  const text = await fetch(new URL('/metrics', url)).then((response) => response.text());
  const reason = /^pinhole_(?:keyframes_wanted_total\{cause="(\w+)"\}|encoder_(keyframes_unasked|frames_lost)_total) (\d+)$/gm;
  const found = [...text.matchAll(reason)].map(([, cause, other, count]) => [cause ?? other, Number(count)]);
  return Object.fromEntries(found.filter(([, count]) => count > 0));
}

/** Opens the page and waits for the first picture. */
export async function openPage(page, options) {
  await page.goto(pageUrl(options));
  await until(PLAYING_MAX_MS, 'no picture is playing', async () => {
    const now = await stats(page);
    return now?.state === 'playing' && now.framesDecoded > 0;
  });
}

/**
 * Watches for `options.seconds` and fills `measured`.
 * @returns nothing; throws a `Finding` for the first thing that is not as it should be
 */
export async function watch(page, problems, options, measured, name) {
  await openPage(page, options);
  const before = await stats(page);
  measured.firstFrameMs = Math.round(before.firstPictureMs);
  // A third of the time for the stamps: reading pixels costs what decoding should have.
  await sleep(options.seconds * 1000 * (2 / 3));
  measured.stamps = await watchStamps(page, options.seconds * 1000 * (1 / 3));
  const after = await stats(page);
  measured.overlay = await overlayText(page);
  Object.assign(measured, between(before, after));
  const copied = ['keyFramesDecoded', 'packetsLost', 'freezes', 'freezeSeconds', 'framesDropped', 'plis', 'nacks',
    'sessions', 'roundTripMs', 'path', 'ageMs', 'width', 'height', 'codec'];
  for (const field of copied) measured[field] = after[field];
  measured.keyframeReasons = await keyframeReasons(options.url);
  const screenshots = await takeScreenshots(page, options.screenshots, name);
  await page.goto('about:blank');
  measured.picture = await lookAt(page, screenshots);
  measured.problems = problems;
  judge(measured, options);
}

function judge(m, options) {
  const fps = m.decodedFps.toFixed(2);
  check(m.decodedFps >= options.expectFps, `${fps} fps were decoded, not ${options.expectFps}`);
  // Chromium counts a pause of 180 ms, which a busy machine makes by itself.
  const isShort = m.freezes <= 1 && m.freezeSeconds < FREEZE_SECONDS_MAX;
  check(!m.freezes || isShort, `the picture froze ${m.freezes} times, ${m.freezeSeconds} s in all`);
  check(m.packetsLost === 0, `${m.packetsLost} packets were lost on loopback`);
  check(m.sessions === 1, `it took ${m.sessions} sessions`);
  if (!options['any-keyframes'] && m.keyFramesDecoded !== null) {
    const explained = Object.values(m.keyframeReasons).reduce((sum, count) => sum + count, 0);
    const most = Math.min(explained, KEYFRAMES_MAX + (m.plis ?? 0));
    check(m.keyFramesDecoded >= 1 && m.keyFramesDecoded <= most,
      `${m.keyFramesDecoded} keyframes came: ${JSON.stringify(m.keyframeReasons)}`);
  }
  check(!m.picture.flat, `the screenshots are flat: ${m.picture.levels} levels of grey`);
  check(m.picture.changed > 0.001, 'two screenshots half a second apart are the same');
  for (const label of ['frame rate', 'bit rate', 'round trip', 'path', 'frame age']) {
    check(m.overlay.includes(label), `the overlay lacks "${label}": ${JSON.stringify(m.overlay)}`);
  }
  judgeStamps(m);
  check(m.problems.length === 0, `the console shows errors: ${m.problems.join('; ')}`);
  check(m.firstFrameMs <= options.firstFrameMs,
    `the first picture came after ${m.firstFrameMs} ms, not ${options.firstFrameMs}`);
}

function judgeStamps({ stamps, ageMs }) {
  if (stamps.read === 0) return;
  const { read, shown, backwards, ageP50Ms } = stamps;
  check(read >= 0.95 * shown, `only ${read} of ${shown} pictures had a stamp that could be read`);
  check(backwards === 0, `${backwards} pictures were older than the one before`);
  if (ageMs === null) return;
  const difference = Math.abs(ageMs - ageP50Ms);
  check(difference <= AGE_DIFFERENCE_MAX_MS + AGE_DIFFERENCE_SHARE * ageP50Ms,
    `the overlay says ${ageMs.toFixed(1)} ms of age, the picture says ${ageP50Ms} ms`);
}
