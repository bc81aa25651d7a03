/**
 * The page finds its way back: after the server was killed, after it ended in good order, and when
 * the page itself disconnects and connects many times, which must leave nothing behind.
 *
 *   node reconnect.mjs target/release/pinhole [--whep] [--connects 100] [-- further server arguments]
 *
 * Without a first word, the program is what the environment variable PINHOLE names.
 */
import { withChromium } from './lib/browsers.mjs';
import { check, pageUrl, readArguments, run, sleep, until, withDirectory } from './lib/script.mjs';
import { withServer } from './lib/server.mjs';

const options = readArguments({ connects: { type: 'string', default: '100' } });
const connects = Number(options.connects);
/** How long the server stays away: long enough for several attempts. */
const AWAY_MS = 2500;
/** The longest pause between two attempts, and then the time to connect. */
const BACK_MAX_MS = 9000;
/** Without a socket that closes, a vanished server is only noticed by silence. */
const NOTICED_MAX_MS = options.whep ? 20_000 : 3000;
/**
 * What the console says while a server is away; and that there was nothing to DELETE, where the
 * server heard of the end of a WHEP session by DTLS first.
 */
const EXPECTED_PROBLEMS = options.whep ? /ERR_CONNECTION_REFUSED|404/ : /ERR_CONNECTION_REFUSED|WebSocket/;
const HEAP_GROWTH_MAX = 2_000_000;

const isPlaying = (page) => page.evaluate(() => window.pinhole.state === 'playing');

/** Keeps every state that the player says, with its time. */
function recordStates() {
  window.states = [];
  window.pinhole.addEventListener('state', ({ detail: { state, text } }) => {
    window.states.push({ state, text, atMs: performance.now() });
  });
}

/** One round: the server goes by `signal`, stays away, comes back, and so does the picture. */
async function goAndComeBack(page, server, signal) {
  await page.evaluate(() => window.states.splice(0));
  await server.stop(signal);
  await until(NOTICED_MAX_MS, 'the page does not notice that the server is gone', () =>
    page.evaluate(() => window.states.some(({ state }) => state === 'retrying')));
  await sleep(AWAY_MS);
  await server.start();
  const started = performance.now();
  await until(BACK_MAX_MS, 'the picture does not come back', () => isPlaying(page));
  const backMs = Math.round(performance.now() - started);
  const texts = await page.evaluate(() => window.states.map(({ text }) => text));
  const waits = texts.filter((text) => /trying again in [\d.]+ s$/.test(text));
  check(waits.length > 0, `the page does not say when it tries again: ${texts.join(' | ')}`);
  await sleep(1000);
  const sessions = await server.gauge('pinhole_sessions');
  check(sessions === 1, `the server has ${sessions} sessions for one viewer`);
  return { signal, backMs, texts };
}

/** What the page holds, after the garbage is collected. */
async function holdings(devtools) {
  await devtools.send('HeapProfiler.collectGarbage');
  const { metrics } = await devtools.send('Performance.getMetrics');
  const value = (name) => metrics.find((metric) => metric.name === name).value;
  const { result } = await devtools.send('Runtime.evaluate', {
    expression: 'RTCPeerConnection.prototype', objectGroup: 'leaks',
  });
  const { objects } = await devtools.send('Runtime.queryObjects', {
    prototypeObjectId: result.objectId, objectGroup: 'leaks',
  });
  const { result: length } = await devtools.send('Runtime.callFunctionOn', {
    objectId: objects.objectId, functionDeclaration: 'function () { return this.length; }',
  });
  await devtools.send('Runtime.releaseObjectGroup', { objectGroup: 'leaks' });
  return {
    heapBytes: value('JSHeapUsedSize'),
    listeners: value('JSEventListeners'),
    nodes: value('Nodes'),
    connections: length.value,
  };
}

/** Disconnects and connects again, each time up to the first picture. */
async function connectOften(page, times) {
  await page.evaluate(async (count) => {
    for (let i = 0; i < count; i += 1) {
      window.pinhole.disconnect();
      window.pinhole.connect();
      const deadline = performance.now() + 10_000;
      while (window.pinhole.state !== 'playing') {
        if (performance.now() > deadline) throw new Error(`connect ${i} came to nothing`);
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
      window.states.splice(0);
    }
  }, times);
}

async function checkLeaks(page, context, server, measured) {
  const devtools = await context.newCDPSession(page);
  await devtools.send('Performance.enable');
  await connectOften(page, 5);
  const before = await holdings(devtools);
  const started = performance.now();
  await connectOften(page, connects);
  measured.connectMs = Math.round((performance.now() - started) / connects);
  // The last few connections may still be closing.
  await sleep(2000);
  const after = await holdings(devtools);
  measured.holdings = { before, after };
  check(after.connections <= 1, `${after.connections} peer connections are alive, not 1`);
  check(after.listeners <= before.listeners + 2,
    `event listeners grew from ${before.listeners} to ${after.listeners}`);
  check(after.nodes <= before.nodes + 50, `nodes grew from ${before.nodes} to ${after.nodes}`);
  check(after.heapBytes <= before.heapBytes + HEAP_GROWTH_MAX,
    `the heap grew from ${before.heapBytes} to ${after.heapBytes} bytes`);
  const sessions = await server.gauge('pinhole_sessions');
  check(sessions === 1, `the server has ${sessions} sessions for one viewer`);
}

async function watch(page, problems, context, server, measured) {
  await page.goto(pageUrl({ ...options, url: server.url }));
  await until(15_000, 'no picture is playing', () => isPlaying(page));
  await page.evaluate(recordStates);
  measured.rounds = [];
  for (const signal of ['SIGKILL', 'SIGINT', 'SIGKILL']) {
    measured.rounds.push(await goAndComeBack(page, server, signal));
  }
  if (connects > 0) await checkLeaks(page, context, server, measured);
  const others = problems.filter((text) => !EXPECTED_PROBLEMS.test(text));
  check(others.length === 0, `the console shows errors: ${others.join('; ')}`);
}

await run(240_000 + connects * 2000, (measured) =>
  withServer({ program: options.program, args: options.rest }, (server) =>
    withDirectory((profile) =>
      withChromium(profile, (page, problems, context) =>
        watch(page, problems, context, server, measured)))));
