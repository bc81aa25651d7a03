import assert from 'node:assert/strict';
import { test } from 'node:test';
import { STATES, bitrate, figure, milliseconds, overlayRows, seconds, stateOfConnection, stateText } from '../words.js';

test('every state has words', () => {
  for (const state of STATES) {
    const text = stateText(state, { reason: 'the server has gone', retryInMs: 2000 });
    assert.match(text, /^[a-z].{3,}/, state);
  }
});

test('a failed attempt says why and when the next one is', () => {
  const detail = { reason: 'the server is not reachable', retryInMs: 2100 };
  assert.equal(stateText('retrying', detail), 'the server is not reachable, trying again in 2 s');
  assert.equal(stateText('failed', { reason: 'wrong token' }), 'wrong token');
});

test('the state before the first picture follows the connection', () => {
  assert.equal(stateOfConnection('new', 'new'), 'connecting');
  assert.equal(stateOfConnection('connecting', 'checking'), 'connecting');
  assert.equal(stateOfConnection('connecting', 'connected'), 'securing');
  assert.equal(stateOfConnection('connecting', 'completed'), 'securing');
  assert.equal(stateOfConnection('connected', 'connected'), 'waiting');
});

test('figures are written for people', () => {
  assert.equal(bitrate(2_964_000), '2.96 Mbit/s');
  assert.equal(bitrate(640_400), '640 kbit/s');
  assert.equal(bitrate(null), '–');
  assert.equal(figure(29.97, 'fps', 1), '30.0 fps');
  assert.equal(figure(null, 'ms'), '–');
  assert.equal(figure(NaN, 'ms'), '–');
  assert.equal(milliseconds(3.96), '4.0 ms');
  assert.equal(milliseconds(38.4), '38 ms');
  assert.equal(milliseconds(undefined), '–');
  assert.equal(seconds(500), '0.5 s');
  assert.equal(seconds(999), '1 s');
  assert.equal(seconds(4100), '4 s');
});

test('the overlay leaves troubles out while there are none', () => {
  const calm = { width: 1280, height: 720, fps: 30, freezes: 0, packetsLost: 0, framesDropped: null };
  const labels = overlayRows(calm).map(([label]) => label);
  assert.ok(!labels.includes('freezes') && !labels.includes('packets lost'));
  const rows = Object.fromEntries(overlayRows({ ...calm, freezes: 2, packetsLost: 17 }));
  assert.equal(rows.freezes, '2');
  assert.equal(rows['packets lost'], '17');
});

test('the parts of the age stand in the place of the buffer', () => {
  const plain = overlayRows({ jitterBufferMs: 9 }).map(([label]) => label);
  assert.equal(plain.at(-1), 'buffer');
  const rows = overlayRows({ ageMs: 30, jitterBufferMs: 9, shares: [['encode', 8.25], ['buffer', 9]] });
  assert.deepEqual(rows.slice(-3), [['frame age', '30 ms'], ['encode', '8.3 ms', 'part'], ['buffer', '9.0 ms', 'part']]);
});

test('the overlay shows a dash for what the browser does not tell', () => {
  const rows = Object.fromEntries(overlayRows({}));
  assert.equal(rows['frame age'], '–');
  assert.equal(rows['round trip'], '–');
  assert.equal(rows.picture, '–');
});
