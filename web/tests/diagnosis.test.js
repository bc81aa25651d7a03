import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ownDiagnosis, pageOf, readDiagnosis } from '../diagnosis.js';
import { Failure, failureOfResponse, notReachable } from '../failure.js';

const said = {
  type: 'pinhole_diagnosis', user_id: 'u', code: 'forward-missing', severity: 'failed',
  sentence: 'Nothing arrives.', advice: 'Tell somebody.', fix: 'Forward it.', evidence: ['a', 'b'],
};

test('what the server says is taken as it is', () => {
  const { code, severity, sentence, advice, fix, evidence } = said;
  assert.deepEqual(readDiagnosis(said), { code, severity, sentence, advice, fix, evidence });
});

test('a viewer is told less, and nothing where nothing is wrong', () => {
  const { fix, evidence, ...viewer } = said;
  const read = readDiagnosis({ ...viewer, severity: 'degraded' });
  assert.deepEqual([read.fix, read.evidence, read.severity], ['', [], 'degraded']);
  assert.equal(readDiagnosis({ code: null }), null);
  assert.equal(readDiagnosis(null), null);
});

test('what cannot be shown is not shown', () => {
  assert.equal(readDiagnosis({ ...said, code: '../x' }), null);
  assert.equal(readDiagnosis({ ...said, sentence: 7 }), null);
  const odd = readDiagnosis({ ...said, advice: {}, evidence: [1, 'x', null], severity: 'dance' });
  assert.deepEqual([odd.advice, odd.evidence, odd.severity], ['', ['x'], 'failed']);
  const long = readDiagnosis({ ...said, sentence: 'x'.repeat(5000), evidence: Array(99).fill('y') });
  assert.deepEqual([long.sentence.length, long.evidence.length], [1000, 40]);
});

test('where the server cannot be asked the player says what it knows', () => {
  const own = ownDiagnosis(notReachable());
  assert.match(own.sentence, /cannot be reached/);
  assert.equal(own.code, '');
  assert.equal(ownDiagnosis(new Failure('no path', { code: 'no-path' })), null, 'the server knows better');
});

test('a refused offer says its verdict, over WHEP in a header', async () => {
  const headers = { 'content-type': 'text/plain', 'pinhole-verdict': 'no-h264' };
  const refused = new Response('the offer has no H.264\n', { status: 422, headers });
  const own = ownDiagnosis(await failureOfResponse(refused));
  assert.deepEqual([own.code, own.sentence], ['no-h264', 'the offer has no H.264']);
  const other = await failureOfResponse(new Response('no', { status: 400 }));
  assert.equal(other.diagnosis, null);
});

test('the page on a verdict is at the server that gave it', () => {
  const base = 'http://page.example/x/';
  assert.equal(pageOf('a-b', '/ws', base), 'http://page.example/verdicts/a-b');
  assert.equal(pageOf('a-b', 'wss://gpu.example:8443/ws', base), 'https://gpu.example:8443/verdicts/a-b');
  assert.equal(pageOf('a-b', 'http://gpu.example/whep', base), 'http://gpu.example/verdicts/a-b');
});
