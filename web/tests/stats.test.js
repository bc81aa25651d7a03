import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compare, median, snapshot } from '../stats.js';

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

test('the median of nothing is unknown', () => {
  assert.equal(median([]), null);
  assert.equal(median([3, 1, 2]), 2);
});
