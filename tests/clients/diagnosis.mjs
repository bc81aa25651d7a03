/**
 * A viewer that cannot connect is told why: the page, the list of sessions, the metrics and the log
 * agree on one verdict, and the browser's own view of it has reached the server.
 *
 *   node diagnosis.mjs target/release/pinhole [--screenshots DIRECTORY]
 *
 * Once over the WebSocket and once over WHEP. The server tells viewers an address of loopback at which
 * nobody listens, as if a port were not forwarded. Without a first word, the program is what the environment variable PINHOLE names.
 */
import { withChromium } from './lib/browsers.mjs';
import { check, pageUrl, readArguments, run, until, withDirectory } from './lib/script.mjs';
import { withServer } from './lib/server.mjs';

const options = readArguments();
/** The first judgement comes six seconds after the offer. */
const TOLD_MAX_MS = 20_000;
/** Where nobody listens. */
const DEAD = '127.0.0.77';

/** What the page shows of a diagnosis, as a viewer reads it. */
function shown() {
  const root = document.querySelector('pinhole-player').shadowRoot;
  const card = root.querySelector('.card');
  const text = (name) => card.querySelector(name).innerText.trim();
  if (card.hidden) return null;
  return {
    code: text('.code'),
    sentence: text('.sentence'),
    advice: text('.advice'),
    fix: text('.fix'),
    page: card.querySelector('.code').href,
    status: root.querySelector('.words').innerText,
  };
}

const json = (server, path) => fetch(`${server.url}${path}`).then((response) => response.json());

async function watch(page, server, whep, measured) {
  await page.goto(pageUrl({ ...options, whep, url: server.url }));
  const told = await until(TOLD_MAX_MS, 'the page does not say what is wrong', () => page.evaluate(shown));
  measured.shown = told;
  if (options.screenshots) await page.screenshot({ path: `${options.screenshots}/diagnosis.png` });
  check(told.code && told.code !== 'unknown', `the verdict is "${told.code}"`);
  check(told.sentence.length > 20, `the sentence is "${told.sentence}"`);
  check(told.status.startsWith('still trying'), `under it the page says "${told.status}"`);

  const sessions = await json(server, '/api/sessions');
  const session = sessions.find(({ verdict }) => verdict);
  check(session?.verdict === told.code, `the list of sessions says ${JSON.stringify(sessions)}`);
  check(session.sentence === told.sentence, 'the list of sessions has another sentence');
  check(told.fix === session.fix, 'a page of this machine is not told the fix');
  const seen = session.evidence.find((line) => line.startsWith('the browser:')) ?? '';
  check(/ICE (checking|disconnected|failed)/.test(seen), `the browser's view is not there: ${seen}`);

  const metrics = await fetch(`${server.url}/metrics`).then((response) => response.text());
  const counter = `pinhole_verdicts_total{verdict="${told.code}",severity="failed"} 1`;
  check(metrics.includes(counter), `the metrics lack ${counter}`);
  check(metrics.includes(`pinhole_sessions_by_verdict{verdict="${told.code}"} 1`),
    'the gauge does not count the session');

  const lines = server.log.split('\n').filter((line) => line.includes(`[${told.code}] `));
  measured.log = lines;
  check(lines.length === 1, `the log has ${lines.length} lines on ${told.code}`);
  check(/viewer 1: /.test(lines[0]) && lines[0].includes(told.sentence), `the log says: ${lines[0]}`);

  const explained = await fetch(told.page);
  check(explained.ok && (await explained.text()).includes(told.code), `no page at ${told.page}`);

  await until(TOLD_MAX_MS, 'no session has ended', async () => (await json(server, '/api/sessions/ended')).length > 0);
  const [ended] = await json(server, '/api/sessions/ended');
  check(ended.verdict === told.code, `it ended with ${ended.verdict}, not ${told.code}`);
  const after = await page.evaluate(shown);
  check(after?.code === told.code, 'the page forgets what was wrong while it tries again');
}

/** One server, one viewer. */
function tryOnce(whep, measured) {
  const port = 40_000 + Math.floor(Math.random() * 20_000);
  const args = ['--udp-ports', String(port), '--map', `${port}/udp=${DEAD}:${port}`, '--tcp-port', 'off'];
  return withServer({ program: options.program, args }, (server) =>
    withDirectory((profile) => withChromium(profile, (page) => watch(page, server, whep, measured))));
}

await run(120_000, async (measured) => {
  for (const [name, whep] of [['websocket', false], ['whep', true]]) {
    measured[name] = {};
    await tryOnce(whep, measured[name]);
  }
});
