import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compare, median, shares, snapshot } from '../stats.js';

function chromiumReport({ timestamp, frames, bytes }) {
  return [
    { id: 'T', type: 'transport', selectedCandidatePairId: 'P2' },
    { id: 'P1', type: 'candidate-pair', state: 'succeeded', localCandidateId: 'L', remoteCandidateId: 'R' },
    { id: 'P2', type: 'candidate-pair', state: 'succeeded', localCandidateId: 'L', remoteCandidateId: 'R',
      currentRoundTripTime: 0.004 },
    { id: 'L', type: 'local-candidate', candidateType: 'prflx', protocol: 'udp' },
    { id: 'R', type: 'remote-candidate', candidateType: 'srflx', protocol: 'udp' },
    { id: 'C', type: 'codec', mimeType: 'video/H264', sdpFmtpLine: 'packetization-mode=1' },
    { id: 'A', type: 'inbound-rtp', kind: 'audio', framesDecoded: 7 },
    { id: 'V', type: 'inbound-rtp', kind: 'video', codecId: 'C', timestamp, framesDecoded: frames,
      bytesReceived: bytes, packetsLost: 0, freezeCount: 0, keyFramesDecoded: 1,
      jitterBufferDelay: frames * 0.012, jitterBufferEmittedCount: frames,
      jitterBufferTargetDelay: frames * 0.02,
      totalDecodeTime: frames * 0.002, frameWidth: 1280, frameHeight: 720 },
  ];
}

test('rates come from the growth between two moments', () => {
  const before = snapshot(chromiumReport({ timestamp: 10_000, frames: 100, bytes: 1_000_000 }));
  const now = snapshot(chromiumReport({ timestamp: 12_000, frames: 160, bytes: 1_750_000 }));
  const figures = compare(now, before);
  assert.equal(figures.fps, 30);
  assert.equal(figures.bitrateBps, 3_000_000);
  assert.ok(Math.abs(figures.jitterBufferMs - 12) < 1e-6);
  assert.ok(Math.abs(figures.bufferTargetMs - 20) < 1e-6);
  assert.ok(Math.abs(figures.decodeMs - 2) < 1e-6);
  assert.equal(figures.frames, 60);
});

test('the first moment has counters and no rates', () => {
  const figures = compare(snapshot(chromiumReport({ timestamp: 1, frames: 3, bytes: 9 })), null);
  assert.equal(figures.framesDecoded, 3);
  assert.equal(figures.fps, null);
  assert.equal(figures.bitrateBps, null);
});

test('a counter that goes back gives no rate', () => {
  const before = snapshot(chromiumReport({ timestamp: 1000, frames: 100, bytes: 100 }));
  const now = snapshot(chromiumReport({ timestamp: 2000, frames: 5, bytes: 5 }));
  assert.equal(compare(now, before).fps, null);
});

test('no time between two moments gives no rate', () => {
  const now = snapshot(chromiumReport({ timestamp: 1000, frames: 100, bytes: 100 }));
  assert.equal(compare(now, now).fps, null);
});

test('the path is the pair that the transport has selected', () => {
  const now = snapshot(chromiumReport({ timestamp: 1, frames: 1, bytes: 1 }));
  assert.equal(now.path, 'prflx → srflx, udp');
  assert.equal(now.roundTripMs, 4);
});

test('Firefox marks the selected pair itself', () => {
  const now = snapshot([
    { id: 'P1', type: 'candidate-pair', state: 'succeeded', nominated: true, localCandidateId: 'L',
      remoteCandidateId: 'R' },
    { id: 'P2', type: 'candidate-pair', state: 'succeeded', selected: true, localCandidateId: 'L2',
      remoteCandidateId: 'R' },
    { id: 'L', type: 'local-candidate', candidateType: 'host', protocol: 'udp' },
    { id: 'L2', type: 'local-candidate', candidateType: 'relay', protocol: 'udp', relayProtocol: 'tls' },
    { id: 'R', type: 'remote-candidate', candidateType: 'host', protocol: 'udp' },
  ]);
  assert.equal(now.path, 'relay → host, tls');
});

test('an empty report gives nulls, not zeros', () => {
  const now = compare(snapshot([]), snapshot([]));
  assert.equal(now.packetsLost, null);
  assert.equal(now.fps, null);
  assert.equal(now.path, null);
});

test('the parts of an age add up to it, the rest being the display', () => {
  const stages = { encode: 8, queue: 0.2, packetize: 0.1, first_packet: 0.2, last_packet: 0.5, travel_estimated: 1 };
  const figures = { jitterBufferMs: 9, decodeMs: 2 };
  const parts = shares(34, stages, figures);
  assert.deepEqual(parts.map(([name]) => name), ['encode', 'send', 'travel', 'buffer', 'decode', 'display']);
  assert.deepEqual(parts.map(([, ms]) => Math.round(ms * 10) / 10), [8, 1, 1, 9, 2, 13]);
  assert.equal(shares(15, stages, figures).at(-1)[1], 0, 'never below nothing');
});

test('an age is not parted where something is not known', () => {
  const figures = { jitterBufferMs: 9, decodeMs: 2 };
  assert.deepEqual(shares(null, { encode: 8 }, figures), []);
  assert.deepEqual(shares(34, null, figures), []);
  assert.deepEqual(shares(34, {}, figures), []);
  assert.deepEqual(shares(34, { encode: 8 }, { ...figures, decodeMs: null }), []);
});

test('the median of nothing is unknown', () => {
  assert.equal(median([]), null);
  assert.equal(median([3, 1, 2]), 2);
});
