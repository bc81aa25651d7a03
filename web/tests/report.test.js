import assert from 'node:assert/strict';
import { beforeEach, mock, test } from 'node:test';
import { REPORT_MS, REPORT_PLAYING_MS, Reporter, fingerprint, makeReport } from '../report.js';

const offer = 'v=0\r\na=fingerprint:sha-256 AA:BB\r\nm=video 9 x 96\r\na=fingerprint:sha-256 CC\r\n';
const answer = 'v=0\na=fingerprint:sha-256 DD:EE\n';

function connection(stats = []) {
  return {
    iceConnectionState: 'checking',
    connectionState: 'connecting',
    localDescription: { sdp: offer },
    remoteDescription: { sdp: answer },
    stats,
    async getStats() {
      return new Map(this.stats.map((report, at) => [at, report]));
    },
  };
}

const playing = [
  { type: 'transport', selectedCandidatePairId: 'p' },
  { type: 'candidate-pair', id: 'p', localCandidateId: 'l', remoteCandidateId: 'r' },
  { type: 'local-candidate', id: 'l', candidateType: 'host', protocol: 'udp' },
  { type: 'remote-candidate', id: 'r', candidateType: 'srflx', protocol: 'udp' },
  { type: 'inbound-rtp', kind: 'video', bytesReceived: 500, packetsReceived: 5, framesDecoded: 2 },
];

/** Lets everything that is due happen, timers aside. */
const settle = () => new Promise((resolve) => setImmediate(resolve));

async function tick(ms) {
  mock.timers.tick(ms);
  await settle();
}

beforeEach(() => {
  mock.timers.reset();
  mock.timers.enable({ apis: ['setTimeout', 'Date'], now: 1_780_000_000_900 });
});

test('a report has what the server asks for', () => {
  const seen = { errors: [{ url: 'stun:s', code: 701, text: 't' }], types: new Set(['host']), nowMs: 1_999 };
  assert.deepEqual(makeReport(connection(), playing, seen), {
    ice: 'checking', connection: 'connecting', errors: seen.errors, candidate_types: ['host'],
    pair: 'host -> srflx', bytes_received: 500, packets_received: 5, frames_decoded: 2, unix_seconds: 1,
    our_fingerprint: 'sha-256 DD:EE', its_fingerprint: 'sha-256 AA:BB',
    ages_ms: [], buffer_ms: null, buffer_target_ms: null, decode_ms: null,
  });
  const early = makeReport({ ...connection(), remoteDescription: null }, [], { ...seen, errors: [] });
  assert.deepEqual([early.pair, early.frames_decoded, early.our_fingerprint], [null, 0, null]);
});

test('fingerprints are read as they stand', () => {
  assert.equal(fingerprint(offer), 'sha-256 AA:BB');
  assert.equal(fingerprint('v=0\r\n'), null);
  assert.equal(fingerprint(undefined), null);
});

test('it is told at each change and now and then, seldom while it plays', async () => {
  const sent = [];
  const pc = connection();
  const reporter = new Reporter(pc, (report) => sent.push(report));
  reporter.start();
  reporter.changed();
  await tick(300);
  assert.equal(sent.length, 1, 'changes at one time share a report');
  assert.equal(sent[0].unix_seconds, 1_780_000_001);
  await tick(REPORT_MS);
  assert.equal(sent.length, 2);

  Object.assign(pc, { stats: playing, iceConnectionState: 'connected' });
  reporter.changed();
  await tick(300);
  assert.deepEqual([sent.length, sent[2].ice, sent[2].pair], [3, 'connected', 'host -> srflx']);
  await tick(REPORT_MS + 100);
  assert.equal(sent.length, 3);
  await tick(REPORT_PLAYING_MS - REPORT_MS);
  assert.equal(sent.length, 4);

  pc.iceConnectionState = 'failed';
  reporter.stop();
  assert.deepEqual([sent.length, sent[4].ice, sent[4].frames_decoded], [5, 'failed', 2]);
  reporter.changed();
  await tick(60_000);
  assert.equal(sent.length, 5, 'nothing follows');
});

test('each report tells of the pictures since the one before', async () => {
  const sent = [];
  const counters = (frames) => ({
    type: 'inbound-rtp', kind: 'video', framesDecoded: frames, jitterBufferEmittedCount: frames,
    jitterBufferDelay: frames * 0.01, jitterBufferTargetDelay: frames * 0.02, totalDecodeTime: frames * 0.003,
  });
  const pc = connection([counters(100)]);
  const ages = [31, 32, -70_000];
  const reporter = new Reporter(pc, (report) => sent.push(report), () => ages.splice(0));
  reporter.start();
  await tick(300);
  pc.stats = [{ ...counters(200), jitterBufferDelay: 3 }];
  ages.push(40);
  await tick(REPORT_PLAYING_MS);
  reporter.stop();

  const told = sent.map((r) => [r.ages_ms, r.buffer_ms, r.buffer_target_ms, r.decode_ms]);
  assert.deepEqual(told, [
    [[31, 32], null, null, null],
    [[40], 20, 20, 3],
    [[], null, null, null],
  ]);
});

test('changes that do not end are told all the same', async () => {
  const sent = [];
  const reporter = new Reporter(connection(), (report) => sent.push(report));
  reporter.start();
  for (let at = 0; at < 10; at += 1) {
    reporter.changed();
    await tick(100);
  }
  assert.equal(sent.length, 3);
});

test('one that never began holds nothing and tells nothing', async () => {
  const sent = [];
  const reporter = new Reporter(connection(), (report) => sent.push(report));
  reporter.onError({ url: 'stun:s', errorCode: 701 });
  reporter.stop();
  reporter.start();
  await tick(60_000);
  assert.equal(sent.length, 0);
});

test('errors are told once each, and so many only', async () => {
  const sent = [];
  const reporter = new Reporter(connection(), (report) => sent.push(report));
  const error = { url: 'turn:t', errorCode: 401, errorText: 'x'.repeat(999) };
  reporter.onError(error);
  reporter.onError(error);
  for (let at = 0; at < 30; at += 1) reporter.onError({ url: `stun:${at}`, errorCode: 701 });
  reporter.onCandidate({ type: 'host', candidate: 'candidate:1 1 udp 1 a.local 9 typ host' });
  reporter.onCandidate({ candidate: 'candidate:1 1 udp 1 192.0.2.1 9 typ srflx raddr 0.0.0.0' });
  reporter.onCandidate(null);
  await tick(5000);
  assert.equal(sent.length, 0, 'before the answer there is nothing to report on');
  reporter.start();
  await tick(300);

  const [{ errors, candidate_types: types }] = sent;
  assert.equal(errors.length, 16);
  assert.deepEqual([errors[0].code, errors[0].text.length, errors[1].text], [401, 256, '']);
  assert.deepEqual(types, ['host', 'srflx']);
});
