import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Backoff, PAUSE_MAX_MS, PAUSE_MIN_MS, pause } from '../retry.js';

test('pauses double from half a second to at most five', () => {
  const backoff = new Backoff(() => 0);
  const pauses = Array.from({ length: 6 }, () => backoff.next());
  assert.deepEqual(pauses, [500, 1000, 2000, 4000, 4000, 4000]);
});

test('jitter stretches a pause and never leaves the bounds', () => {
  for (const random of [0, 0.3, 0.999999]) {
    const backoff = new Backoff(() => random);
    for (let i = 0; i < 2000; i += 1) {
      const ms = backoff.next();
      assert.ok(ms >= PAUSE_MIN_MS && ms <= PAUSE_MAX_MS, `${ms} ms after ${i} with ${random}`);
    }
  }
  assert.notEqual(new Backoff(() => 0).next(), new Backoff(() => 0.9).next());
});

test('after a reset the pause is short again', () => {
  const backoff = new Backoff(() => 0);
  backoff.next();
  backoff.next();
  backoff.reset();
  assert.equal(backoff.next(), PAUSE_MIN_MS);
});

test('a pause ends early by an event that counts, and lets go of its listeners', async () => {
  const target = new EventTarget();
  const started = performance.now();
  let counts = false;
  let asked = 0;
  const counting = () => {
    asked += 1;
    return counts;
  };
  const waiting = pause(10_000, new AbortController().signal, [[target, 'wake', counting]]);
  target.dispatchEvent(new Event('wake'));
  counts = true;
  target.dispatchEvent(new Event('wake'));
  await waiting;
  target.dispatchEvent(new Event('wake'));
  assert.ok(performance.now() - started < 5000);
  assert.equal(asked, 2);
});

test('a pause ends when the player is told to stop, also before it begins', async () => {
  const life = new AbortController();
  const waiting = pause(10_000, life.signal);
  life.abort();
  await waiting;
  await pause(10_000, life.signal);
});
