import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ServerClock, rtpDifference } from '../clock.js';

/** One question at local time `sent`, answered by a clock that is `offset` ahead. */
function sample(sent, roundTrip, offset, share = 0.5) {
  return { sent, received: sent + roundTrip, serverMs: sent + roundTrip * share + offset };
}

test('nothing is known before the first answer', () => {
  const clock = new ServerClock();
  assert.equal(clock.serverMs(1000), null);
  assert.equal(clock.captureMs(0), null);
  assert.equal(clock.ageMs(0, 1000), null);
});

test('the fastest round trip decides over the offset', () => {
  const clock = new ServerClock();
  clock.add(sample(0, 400, 5000, 0.95));
  clock.add(sample(500, 2, 5000));
  clock.add(sample(900, 90, 5000, 0.1));
  assert.equal(clock.best().roundTripMs, 2);
  assert.equal(clock.serverMs(1000), 6000);
});

test('the error stays within half of the fastest round trip, wherever the delay is', () => {
  for (const share of [0, 0.2, 0.5, 0.9, 1]) {
    const clock = new ServerClock();
    clock.add(sample(0, 10, -777, share));
    assert.ok(Math.abs(clock.serverMs(100) - (100 - 777)) <= 5, `share ${share}`);
  }
});

test('old samples give way, so that a drifting clock is followed', () => {
  const clock = new ServerClock();
  clock.add(sample(0, 1, 5000));
  clock.add(sample(40_000, 8, 5020));
  assert.equal(clock.serverMs(40_100), 45_120);
});

test('at most sixteen samples are kept', () => {
  const clock = new ServerClock();
  clock.add(sample(0, 1, 5000));
  for (let i = 1; i <= 16; i += 1) clock.add(sample(i, 4, 6000));
  assert.equal(clock.best().roundTripMs, 4);
});

test('an answer from before its question is ignored', () => {
  const clock = new ServerClock();
  clock.add({ sent: 10, received: 5, serverMs: 1 });
  clock.add({ sent: undefined, received: 5, serverMs: 1 });
  assert.equal(clock.best(), null);
});

test('RTP times are compared across the wrap at 2^32', () => {
  assert.equal(rtpDifference(5, 0xfffffffb), 10);
  assert.equal(rtpDifference(0xfffffffb, 5), -10);
  assert.equal(rtpDifference(90_000, 0), 90_000);
});

test('the age of a picture is the server time now less its capture time', () => {
  const clock = new ServerClock();
  // The server is 5000 ms ahead; RTP time 2^32 - 900 was at its 5100; 1800 ticks later is 20 ms on.
  clock.add({ ...sample(100, 0, 5000), rtpTime: 2 ** 32 - 900, rtpMs: 5100 });
  assert.equal(clock.captureMs(900), 5120);
  assert.equal(clock.ageMs(900, 160), 40);
});

test('a picture without an RTP time has no age', () => {
  const clock = new ServerClock();
  clock.add({ ...sample(100, 0, 5000), rtpTime: 0, rtpMs: 5100 });
  assert.equal(clock.ageMs(undefined, 160), null);
});
