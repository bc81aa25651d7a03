/**
 * Chromium as a viewer in a host of the NAT lab: speaks as viewer.py does, which says how.
 *
 *   node chromium.mjs [--ice-server stun:192.0.2.1] [--ice-server turn:192.0.2.1,lab,lab] [--ca cert.pem]
 *                     [--relay-only] [--plain-hosts]
 *
 * Runs under `ip netns exec`: the browser is driven over a pipe, and the page is about:blank. --ca stands for
 * "believe the lab's certificate". Host candidates are mDNS names, as in real life, unless --plain-hosts is given.
 */
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { chromium } from 'playwright-core';
import { findProgram } from '../lib/script.mjs';

const START_MAX_MS = 60_000;
const GATHER_MAX_MS = 5000;

const { values: options } = parseArgs({
  options: {
    'ice-server': { type: 'string', multiple: true, default: [] },
    ca: { type: 'string' },
    'relay-only': { type: 'boolean', default: false },
    'plain-hosts': { type: 'boolean', default: false },
  },
});

const iceServers = options['ice-server'].map((text) => {
  const [urls, username, credential] = text.split(',');
  return username === undefined ? { urls } : { urls, username, credential };
});

/** Runs in the page. `window.say` brings an event out. */
function install({ configuration, gatherMaxMs }) {
  const POLL_MS = 20;
  const REPORT_MS = 250;
  let viewing = null;

  /** The selected pair, and the frames decoded so far. */
  async function look(connection) {
    const stats = [...(await connection.getStats()).values()];
    const byId = (id) => stats.find((entry) => entry.id === id);
    const transport = stats.find(({ type }) => type === 'transport');
    const pair = byId(transport?.selectedCandidatePairId);
    const end = (candidate) => candidate && {
      type: candidate.candidateType, address: candidate.address, port: candidate.port,
      transport: candidate.protocol, relay_transport: candidate.relayProtocol,
    };
    const video = stats.find(({ type, kind }) => type === 'inbound-rtp' && kind === 'video');
    return {
      pair: pair ? { local: end(byId(pair.localCandidateId)), remote: end(byId(pair.remoteCandidateId)) } : null,
      frames: video?.framesDecoded ?? 0,
    };
  }

  class Viewing {
    constructor() {
      this.connection = new RTCPeerConnection(configuration);
      this.connection.addTransceiver('video', { direction: 'recvonly' });
      this.connection.addEventListener('iceconnectionstatechange', () => this.onState());
      this.connection.addEventListener('connectionstatechange', () => this.onState());
      this.connection.addEventListener('track', ({ streams }) => this.show(streams[0]));
      Object.assign(this, { connected: false, frames: 0, lastFrame: 0, longestGap: 0, lastReport: 0 });
    }

    /** The offer goes out with its candidates, or with those that came in time. */
    async offer() {
      await this.connection.setLocalDescription();
      const deadline = performance.now() + gatherMaxMs;
      while (this.connection.iceGatheringState !== 'complete' && performance.now() < deadline) {
        await new Promise((resolve) => setTimeout(resolve, POLL_MS));
      }
      window.say({ event: 'offer', sdp: this.connection.localDescription.sdp });
    }

    /** The offer of a restart goes out at once, and candidates follow as they are found. */
    async restart() {
      this.connection.onicecandidate = ({ candidate }) => {
        if (candidate?.candidate) window.say({ event: 'candidate', candidate: candidate.candidate });
      };
      this.connection.restartIce();
      await this.connection.setLocalDescription();
      window.say({ event: 'offer', sdp: this.connection.localDescription.sdp });
    }

    /** Time counts from the first answer; a later one is that of a restart. */
    async accept(sdp) {
      this.answered ??= performance.now();
      await this.connection.setRemoteDescription({ type: 'answer', sdp });
      this.timer ??= setInterval(() => this.poll(), POLL_MS);
    }

    async onState() {
      const { iceConnectionState: ice, connectionState } = this.connection;
      if (!this.connected && (ice === 'connected' || ice === 'completed')) {
        this.connected = true;
        const ms = performance.now() - this.answered;
        window.say({ event: 'connected', ms, pair: (await look(this.connection)).pair });
      }
      window.say({ event: 'state', ice, connection: connectionState });
    }

    show(stream) {
      const video = Object.assign(document.createElement('video'), { srcObject: stream, muted: true });
      document.body.replaceChildren(video);
      video.play();
    }

    async poll() {
      const { pair, frames } = await look(this.connection);
      const now = performance.now();
      if (frames > this.frames) {
        if (this.frames === 0) window.say({ event: 'first_frame', ms: now - this.answered });
        else this.longestGap = Math.max(this.longestGap, now - this.lastFrame);
        Object.assign(this, { frames, lastFrame: now });
      }
      if (this.frames === 0 || now - this.lastReport < REPORT_MS) return;
      this.lastReport = now;
      const since = now - this.lastFrame;
      const gap = Math.max(this.longestGap, since);
      window.say({ event: 'frames', total: frames, since_ms: since, longest_gap_ms: gap, pair });
    }

    close() {
      clearInterval(this.timer);
      this.connection.close();
    }
  }

  window.command = async (command) => {
    if ('answer' in command) await viewing.accept(command.answer);
    else if ('restart' in command) await viewing.restart();
    else if ('candidate' in command) await viewing.connection.addIceCandidate({ candidate: command.candidate, sdpMLineIndex: 0 });
    else if ('mark' in command) {
      viewing.longestGap = 0;
      window.say({ event: 'marked' });
    } else if ('again' in command) {
      viewing?.close();
      viewing = new Viewing();
      await viewing.offer();
    }
  };
}

const args = ['--no-sandbox', '--autoplay-policy=no-user-gesture-required'];
if (options.ca) args.push('--ignore-certificate-errors');
if (options['plain-hosts']) args.push('--disable-features=WebRtcHideLocalIpsWithMdns');
const executablePath = await findProgram('CHROMIUM', ['/usr/bin/chromium', '/usr/bin/google-chrome']);
const browser = await chromium.launch({ executablePath, args, timeout: START_MAX_MS });
try {
  const page = await browser.newPage();
  await page.exposeFunction('say', (event) => process.stdout.write(`${JSON.stringify(event)}\n`));
  page.on('pageerror', (error) => process.stderr.write(`${error}\n`));
  await page.evaluate(install, {
    configuration: { iceServers, iceTransportPolicy: options['relay-only'] ? 'relay' : 'all' },
    gatherMaxMs: GATHER_MAX_MS,
  });
  const send = (command) => page.evaluate((text) => window.command(JSON.parse(text)), JSON.stringify(command));
  await send({ again: true });
  for await (const line of createInterface({ input: process.stdin })) {
    const command = JSON.parse(line);
    if ('end' in command) break;
    await send(command);
  }
} finally {
  await browser.close();
}
