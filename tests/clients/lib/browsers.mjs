/** Starts the browsers, each with a fresh profile and with what it needs for H.264 offline. */
import { chromium } from 'playwright-core';
import puppeteer from 'puppeteer-core';
import { findProgram } from './script.mjs';

const START_MAX_MS = 60_000;
const VIEWPORT = { width: 1280, height: 800 };

/** The sandbox of Chromium refuses to run as root, which containers often are. */
const sandbox = () => (process.getuid?.() === 0 ? ['--no-sandbox'] : []);

/** Fills `problems` with what a developer would see in red. */
function listen(page, problems) {
  page.on('console', (message) => {
    const { url } = typeof message.location === 'function' ? message.location() : message;
    // Browsers ask for an icon where a page that is not ours names none.
    if (message.type() !== 'error' || url?.endsWith('/favicon.ico')) return;
    problems.push(message.text());
  });
  page.on('pageerror', (error) => problems.push(String(error)));
}

/** Headless Chromium; calls `use(page, problems)`, with a list that fills with what goes wrong. */
export async function withChromium(profile, use) {
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: await findProgram('CHROMIUM', ['/usr/bin/chromium', '/usr/bin/google-chrome']),
    args: sandbox(),
    viewport: VIEWPORT,
    timeout: START_MAX_MS,
  });
  try {
    const page = context.pages()[0] ?? (await context.newPage());
    const problems = [];
    listen(page, problems);
    return await use(page, problems, context);
  } finally {
    await context.close();
  }
}

/** Preferences without which Firefox has no H.264 until it has downloaded a codec. */
const FIREFOX_PREFERENCES = {
  'media.webrtc.hw.h264.enabled': true,
  'gfx.blacklist.webrtc.hw.acceleration.h264': 1,
  // Nothing of a test leaves this machine.
  'network.captive-portal-service.enabled': false,
  'network.connectivity-service.enabled': false,
  'app.normandy.enabled': false,
  'browser.safebrowsing.downloads.remote.enabled': false,
  'media.gmp-manager.updateEnabled': false,
};

/** Headless Firefox over WebDriver BiDi; calls `use(page, problems)`. */
export async function withFirefox(profile, use) {
  const browser = await puppeteer.launch({
    browser: 'firefox',
    executablePath: await findProgram('FIREFOX', ['/usr/bin/firefox-esr', '/usr/bin/firefox']),
    headless: true,
    userDataDir: profile,
    extraPrefsFirefox: FIREFOX_PREFERENCES,
    defaultViewport: VIEWPORT,
    timeout: START_MAX_MS,
    protocolTimeout: START_MAX_MS,
  });
  try {
    const page = await browser.newPage();
    const problems = [];
    listen(page, problems);
    return await use(page, problems, browser);
  } finally {
    await browser.close();
  }
}
