/**
 * The program's own page in Chromium, on a host of the NAT lab: says what the page says of a diagnosis.
 *
 *   node page.mjs http://127.0.0.1:41234/ [--no-h264] [--own-ice-servers] [--ice-server turn:192.0.2.1,lab,lab]
 *
 * Events on standard output, a line of JSON each, at each change:
 *   {"event": "shown", "code", "sentence", "advice", "state"}    code null: nothing is shown
 * --no-h264: a browser that offers VP8 alone. --own-ice-servers: the page is told those of the --ice-server options,
 * or none, in place of the server's. Ends when standard input ends.
 */
import { parseArgs } from 'node:util';
import { chromium } from 'playwright-core';
import { findProgram } from '../lib/script.mjs';

const START_MAX_MS = 60_000;
const POLL_MS = 100;

const { values: options, positionals: [url] } = parseArgs({
  allowPositionals: true,
  options: {
    'no-h264': { type: 'boolean', default: false },
    'own-ice-servers': { type: 'boolean', default: false },
    'ice-server': { type: 'string', multiple: true, default: [] },
  },
});

/** Runs in the page. */
function offerVp8Alone() {
  const { addTransceiver } = RTCPeerConnection.prototype;
  RTCPeerConnection.prototype.addTransceiver = function (...args) {
    const transceiver = addTransceiver.apply(this, args);
    const { codecs } = RTCRtpReceiver.getCapabilities('video');
    transceiver.setCodecPreferences(codecs.filter(({ mimeType }) => mimeType === 'video/VP8'));
    // The page has preferences of its own.
    transceiver.setCodecPreferences = () => {};
    return transceiver;
  };
}

/** Runs in the page: what a viewer reads there. */
function shown() {
  const player = document.querySelector('pinhole-player');
  const card = player?.shadowRoot?.querySelector('.card');
  const state = player?.player?.state ?? null;
  if (!card || card.hidden) return { code: null, sentence: '', advice: '', state };
  const text = (name) => card.querySelector(name).innerText.trim();
  return { code: text('.code'), sentence: text('.sentence'), advice: text('.advice'), state };
}

const args = ['--no-sandbox', '--autoplay-policy=no-user-gesture-required'];
const executablePath = await findProgram('CHROMIUM', ['/usr/bin/chromium', '/usr/bin/google-chrome']);
const browser = await chromium.launch({ executablePath, args, timeout: START_MAX_MS });
try {
  const page = await browser.newPage();
  page.on('console', (message) => process.stderr.write(`${message.text()}\n`));
  if (options['no-h264']) await page.addInitScript(offerVp8Alone);
  if (options['own-ice-servers']) {
    const servers = options['ice-server'].map((text) => {
      const [urls, username, credential] = text.split(',');
      return username === undefined ? { urls } : { urls, username, credential };
    });
    await page.route('**/api/ice-servers*', (route) => route.fulfill({ json: servers }));
  }
  await page.goto(url);
  let open = true;
  process.stdin.on('end', () => { open = false; }).resume();
  let last = '';
  while (open) {
    const now = JSON.stringify({ event: 'shown', ...(await page.evaluate(shown)) });
    if (now !== last) process.stdout.write(`${now}\n`);
    last = now;
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
} finally {
  await browser.close();
}
