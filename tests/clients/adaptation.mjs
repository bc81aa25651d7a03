/**
 * The stream follows the path: a link of 1.5 Mbit/s, then of 600 kbit/s, then an open one, and then one that loses
 * 2 % at random, between the server and headless Chromium; 40 ms each way, 200 ms of queue.
 *
 *   PINHOLE=target/release/pinhole SHAPER=target/debug/shaper node adaptation.mjs [--strict] [-- x SERVER ARGUMENTS]
 *
 * `--strict` holds it to what it is built for; without it, to what a machine that is busy otherwise reaches too.
 */
import { withChromium } from './lib/browsers.mjs';
import { openPage } from './lib/watch.mjs';
import { check, readArguments, run, sleep, withDirectory } from './lib/script.mjs';
import { withServer } from './lib/server.mjs';
import { withShaper } from './lib/shaper.mjs';
import { quantile, watchPictures } from './lib/stamp.mjs';

const CEILING = 3_000_000;
const FULL_WIDTH = 1280;
/** The path, what of it is looked at for being used, and how much of it must be. */
const PHASES = [
  { name: '1.5 Mbit/s', rate: 1_500_000, seconds: 20, settled: 10, use: 0.85 },
  { name: '600 kbit/s', rate: 600_000, seconds: 20, settled: 10, use: 0.85 },
  { name: 'open', rate: 1_000_000_000, seconds: 32, settled: 25, use: 0.85 },
  { name: '2 % lost', rate: 1_000_000_000, loss: 2, seconds: 15, settled: 3, fps: 28 },
];
const options = readArguments({ strict: { type: 'boolean', default: false } });

const FREEZE_MAX_MS = options.strict ? 500 : 1500;
const AGE_P95_MAX_MS = options.strict ? 400 : 500;
/** What of the wanted use and frame rate is enough. */
const ENOUGH = options.strict ? 1 : 0.7;

/** Without `--strict` there is less to be sure of, and less time for it. */
const timed = (phase) => (options.strict ? phase : {
  ...phase, seconds: Math.ceil(phase.seconds * 0.6), settled: Math.ceil(phase.settled * 0.6),
});

/** Watches one phase. */
async function watchPhase(page, link, phase) {
  link.rate(phase.rate);
  link.loss(phase.loss ?? 0);
  const pictures = watchPictures(page, phase.seconds * 1000, FULL_WIDTH);
  await sleep(phase.settled * 1000);
  const decoded = () => page.evaluate(async () => (await window.pinhole.stats()).framesDecoded);
  const [from, began, before] = [await link.stats(), performance.now(), await decoded()];
  await sleep((phase.seconds - phase.settled) * 1000 - 200);
  const [to, ended, after] = [await link.stats(), performance.now(), await decoded()];
  const seconds = (ended - began) / 1000;
  const used = ((to.bytes - from.bytes) * 8) / seconds;
  const { stamps: shown } = await pictures;
  const gaps = shown.slice(1).map(({ shownMs }, i) => shownMs - shown[i].shownMs);
  const ages = shown.map(({ ageMs }) => ageMs);
  return {
    name: phase.name,
    usedBps: Math.round(used),
    usedShare: Math.round((used / Math.min(phase.rate, CEILING)) * 100) / 100,
    decodedFps: Math.round(((after - before) / seconds) * 10) / 10,
    shownFps: Math.round((shown.length / phase.seconds) * 10) / 10,
    longestGapMs: Math.round(Math.max(...gaps)),
    dropped: to.dropped,
    ages,
    ageP95Ms: Math.round(quantile([...ages].sort((a, b) => a - b), 0.95)),
    width: await page.evaluate(() => window.pinhole.video.videoWidth),
  };
}

function judge(phases, ageP95Ms) {
  for (const [i, { name, usedShare, decodedFps, longestGapMs }] of phases.entries()) {
    const phase = PHASES[i];
    check(longestGapMs <= FREEZE_MAX_MS, `${name}: no new picture for ${longestGapMs} ms`);
    check(!phase.use || usedShare >= phase.use * ENOUGH, `${name}: ${usedShare} of the link is used`);
    check(!phase.fps || decodedFps >= phase.fps * ENOUGH, `${name}: ${decodedFps} pictures a second`);
  }
  check(ageP95Ms < AGE_P95_MAX_MS, `one in twenty pictures is older than ${ageP95Ms} ms`);
}

await run(180_000, (measured) =>
  withShaper((link) =>
    withServer({ args: [...link.args, '--bitrate', `${CEILING}`, ...options.rest] }, ({ url }) =>
      withDirectory((profile) =>
        withChromium(profile, async (page) => {
          await openPage(page, { ...options, url });
          await sleep(3000);
          measured.phases = [];
          const ages = [];
          for (const phase of PHASES) {
            const { ages: seen, ...figures } = await watchPhase(page, link, timed(phase));
            ages.push(...seen);
            measured.phases.push(figures);
          }
          measured.ageP95Ms = Math.round(quantile(ages.sort((a, b) => a - b), 0.95));
          judge(measured.phases, measured.ageP95Ms);
        })))));
