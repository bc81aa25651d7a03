/**
 * Glass to glass: how old the test picture is when headless Chromium shows it, and where that time
 * goes. The picture carries the moment of its capture as blocks, which are read back; the server's part
 * comes from the histograms of its /metrics, the browser's from its own statistics.
 *
 *   PINHOLE=target/release/pinhole node latency.mjs [--size 1280x720] [--fps 30] [--seconds 20]
 *        [--p50-ms 45] [--p99-ms 70] [--screenshots DIR]
 *
 * With `--p50-ms` or `--p99-ms` more than that is a failure. A browser that shows nothing always is.
 */
import { loadavg } from 'node:os';
import { join } from 'node:path';
import { withChromium } from './lib/browsers.mjs';
import { histograms, quantileMs, since } from './lib/histograms.mjs';
import { check, readArguments, run, sleep, withDirectory } from './lib/script.mjs';
import { withServer } from './lib/server.mjs';
import { quantile, watchPictures } from './lib/stamp.mjs';
import { openPage } from './lib/watch.mjs';

/** The first seconds have a keyframe, a clock that is not known yet, and a browser that warms up. */
const SETTLE_MS = 3000;
/** The stamp is in whole milliseconds, cut off. */
const CAPTURE_ERROR_MAX_MS = 2;
const RTP_TICKS_PER_MS = 90;
/** From the epoch of NTP to that of Unix. */
const NTP_MS = 2_208_988_800_000;
const FAMILIES = ['pinhole_latency_stage_seconds', 'pinhole_latency_shown_seconds'];

const options = readArguments({
  size: { type: 'string', default: '1280x720' },
  fps: { type: 'string', default: '30' },
  'p50-ms': { type: 'string' },
  'p99-ms': { type: 'string' },
});

const round = (value) => (Number.isFinite(value) ? Math.round(value * 10) / 10 : null);

/** Quantiles and mean of a list; null of an empty one. */
function summary(values) {
  const sorted = values.filter(Number.isFinite).sort((a, b) => a - b);
  if (sorted.length === 0) return null;
  const [p50, p95, p99] = [0.5, 0.95, 0.99].map((share) => round(quantile(sorted, share)));
  return { p50, p95, p99, mean: round(sorted.reduce((a, b) => a + b) / sorted.length) };
}

/** The same of a histogram. */
function summaryOf(histogram) {
  if (!(histogram?.count > 0)) return null;
  const [p50, p95, p99] = [0.5, 0.95, 0.99].map((share) => round(quantileMs(histogram, share)));
  return { p50, p95, p99, mean: round((histogram.sum / histogram.count) * 1000) };
}

const metrics = (url) => fetch(`${url}/metrics`).then((response) => response.text());

/** What the server counted between two texts of its metrics. */
function serverStages(before, after) {
  const stages = {};
  for (const family of FAMILIES) {
    const old = histograms(before, family);
    for (const [stage, histogram] of histograms(after, family)) {
      stages[stage || 'shown'] = summaryOf(since(histogram, old.get(stage)));
    }
  }
  return stages;
}

/** What the browser says of the time between two moments, as means. */
function browserStages(before, after) {
  const grown = (name) => after[name] - before[name];
  const per = (name, count) => round((grown(name) / grown(count)) * 1000);
  return {
    buffer: per('jitterBufferDelay', 'jitterBufferEmittedCount'),
    bufferTarget: per('jitterBufferTargetDelay', 'jitterBufferEmittedCount'),
    decode: per('totalDecodeTime', 'framesDecoded'),
    fps: round((grown('framesDecoded') / grown('atMs')) * 1000),
  };
}

/** Keeps the page's connections, to ask them what the page does not. */
function keepConnections() {
  const Original = window.RTCPeerConnection;
  window.connections = [];
  window.RTCPeerConnection = class extends Original {
    constructor(...args) {
      super(...args);
      window.connections.push(this);
    }
  };
}

/** The capture time that came with a recent packet (abs-capture-time), if the browser tells it. */
const toldCapture = (page) => page.evaluate(() => {
  const [receiver] = window.connections.at(-1)?.getReceivers() ?? [];
  const [source] = receiver?.getSynchronizationSources() ?? [];
  return source && { ntpMs: source.captureTimestamp, rtpTime: source.rtpTimestamp };
});

/** By how much that is off, in ms: the picture before says the same of another RTP time. */
function captureError(told, { stampMs, rtpTime }) {
  if (!Number.isFinite(told?.ntpMs)) return null;
  const capturedMs = stampMs + ((told.rtpTime - rtpTime) | 0) / RTP_TICKS_PER_MS;
  return round(told.ntpMs - NTP_MS - capturedMs);
}

async function measure(page, url, measured) {
  await page.addInitScript(keepConnections);
  await openPage(page, { url });
  await sleep(SETTLE_MS);
  const stats = () => page.evaluate(() => window.pinhole.stats());
  const [before, textBefore] = [await stats(), await metrics(url)];
  const { shown, stamps } = await watchPictures(page, options.seconds * 1000);
  const [after, textAfter] = [await stats(), await metrics(url)];
  if (options.screenshots) {
    await page.screenshot({ path: join(options.screenshots, 'latency.png') });
  }
  check(shown > 0, 'the browser showed nothing');
  check(stamps.length > 0, `none of ${shown} pictures had a stamp that could be read`);
  const of = (read) => summary(stamps.map(read));
  Object.assign(measured, {
    load: loadavg().map(round),
    shown,
    read: stamps.length,
    glassToGlass: of(({ ageMs }) => ageMs),
    toReceived: of(({ receivedMs, stampMs }) => receivedMs - stampMs),
    receivedToPresented: of(({ receivedMs, presentedMs }) => presentedMs - receivedMs),
    presentedToShown: of(({ presentedMs, shownMs }) => shownMs - presentedMs),
    captureErrorMs: captureError(await toldCapture(page), stamps.at(-1)),
    server: serverStages(textBefore, textAfter),
    browser: browserStages(before, after),
    pageSays: { ageMs: round(after.ageMs), shares: after.shares?.map(([name, ms]) => [name, round(ms)]) },
  });
}

/** Whether all that should be measured was. */
function judge({ server, captureErrorMs }) {
  for (const [stage, of] of Object.entries(server)) {
    // Pages report every five seconds.
    if (stage === 'shown' && options.seconds < 6) continue;
    check(of !== null, `/metrics counted nothing of ${stage}`);
  }
  check(captureErrorMs !== null, 'the browser was told no capture time');
  check(Math.abs(captureErrorMs) <= CAPTURE_ERROR_MAX_MS,
    `the capture time that it was told is ${captureErrorMs} ms off`);
}

/** A table for people. */
function table(m) {
  const cell = (value) => String(value ?? '–').padStart(8);
  const line = (name, s, from) =>
    `${name.padEnd(26)}${['p50', 'p95', 'p99', 'mean'].map((k) => cell(s?.[k])).join('')}  ${from}`;
  const rows = [
    line('glass to glass', m.glassToGlass, 'blocks in the picture'),
    line('  until received', m.toReceived, 'blocks, receiveTime'),
    ...Object.entries(m.server).filter(([name]) => name !== 'shown')
      .map(([name, s]) => line(`    ${name}`, s, '/metrics')),
    line('  until presented', m.receivedToPresented, 'receiveTime, presentationTime'),
    line('    buffer', { mean: m.browser.buffer }, 'getStats'),
    line('    decode', { mean: m.browser.decode }, 'getStats'),
    line('  until on the screen', m.presentedToShown, 'presentationTime, expectedDisplayTime'),
    line('as the page reports it', m.server.shown, '/metrics'),
  ];
  const head = `${'ms'.padEnd(26)}${['p50', 'p95', 'p99', 'mean'].map(cell).join('')}`;
  const facts = `${m.read} pictures read of ${m.shown} shown, ${m.browser.fps} fps decoded, load ${m.load.join(' ')}`;
  return [head, ...rows, facts, ''].join('\n');
}

await run((options.seconds + 90) * 1000, async (measured) => {
  const args = ['--source', 'test', '--size', options.size, '--fps', options.fps];
  await withServer({ program: options.program, args }, ({ url }) =>
    withDirectory((profile) =>
      withChromium(profile, (page) => measure(page, url, measured))));
  process.stderr.write(table(measured));
  judge(measured);
  const { p50, p99 } = measured.glassToGlass;
  for (const [name, is, most] of [['p50', p50, options['p50-ms']], ['p99', p99, options['p99-ms']]]) {
    check(most === undefined || is <= Number(most), `${name} is ${is} ms, more than ${most}`);
  }
});
