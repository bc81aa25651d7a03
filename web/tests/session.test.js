import assert from 'node:assert/strict';
import { beforeEach, mock, test } from 'node:test';
import { Failure } from '../failure.js';
import { Session } from '../session.js';

/** A peer connection that does what the test says and remembers what it was told. */
class FakeConnection {
  /** What its transceivers can do besides. */
  static extras = {};
  connectionState = 'new';
  iceConnectionState = 'new';
  offers = 0;
  restarts = 0;
  remote = [];
  candidates = [];
  closed = false;

  constructor() {
    FakeConnection.last = this;
  }

  addTransceiver() {
    return { receiver: {}, setCodecPreferences() {}, ...FakeConnection.extras };
  }

  getReceivers() {
    return [];
  }

  async createOffer() {
    this.offers += 1;
    return { type: 'offer', sdp: `offer ${this.offers}, restart ${this.restarts}` };
  }

  async setLocalDescription(description) {
    this.localDescription = description;
  }

  async setRemoteDescription(description) {
    this.remoteDescription = description;
    this.remote.push(description.sdp);
  }

  async addIceCandidate(candidate) {
    this.candidates.push([candidate, this.remote.length]);
  }

  async getStats() {
    return new Map();
  }

  restartIce() {
    this.restarts += 1;
  }

  close() {
    this.closed = true;
  }

  become(iceConnectionState, connectionState = 'connected') {
    Object.assign(this, { iceConnectionState, connectionState });
    this.oniceconnectionstatechange?.();
  }
}

/** Signalling whose restart is answered when the test says so. */
class FakeSignaling {
  restarts = [];
  reports = [];

  constructor(handlers) {
    this.handlers = handlers;
  }

  async open() {}

  async exchange(sdp) {
    return `answer to ${sdp}`;
  }

  restart(sdp, answer) {
    return new Promise((resolve, reject) => this.restarts.push({ sdp, answer, resolve, reject }));
  }

  sendCandidate() {}

  report(report) {
    this.reports.push(report);
  }

  close() {}
}

/** Lets everything that is due happen, timers aside. */
const settle = () => new Promise((resolve) => setImmediate(resolve));

async function playing(onDiagnosis = () => {}) {
  let signaling;
  const handlers = { onChange() {}, onTrack() {}, onClock() {}, onDiagnosis };
  const session = new Session((ours) => (signaling = new FakeSignaling(ours)), handlers);
  await session.start({ iceServers: Promise.resolve([]), relayOnly: false });
  const connection = FakeConnection.last;
  connection.become('connected');
  let ended = null;
  session.ended.then((failure) => { ended = failure; });
  return { session, signaling, connection, end: () => ended };
}

beforeEach(() => {
  globalThis.RTCPeerConnection = FakeConnection;
  FakeConnection.extras = {};
  mock.timers.reset();
  mock.timers.enable({ apis: ['setTimeout'] });
});

test('a server that asks for it gets a restart of the same connection, and the session goes on', async () => {
  const { session, signaling, connection, end } = await playing();

  signaling.handlers.onRestartWanted();
  signaling.handlers.onRestartWanted();
  await settle();
  assert.equal(signaling.restarts.length, 1, 'one at a time');
  const [restart] = signaling.restarts;
  assert.equal(restart.sdp, 'offer 2, restart 1');
  assert.equal(restart.answer, 'answer to offer 1, restart 0');
  signaling.handlers.onCandidate('early');
  restart.resolve('new answer');
  await settle();

  assert.deepEqual(connection.remote, ['answer to offer 1, restart 0', 'new answer']);
  assert.deepEqual(connection.candidates, [['early', 2]], 'a candidate waits for its answer');
  assert.equal(session.phase, 'waiting');
  assert.equal(end(), null);
  signaling.handlers.onRestartWanted();
  await settle();
  assert.equal(signaling.restarts.length, 2, 'and again later');
});

test('a path that is silent for two seconds is looked for anew, and a short silence is not', async () => {
  const { session, signaling, connection, end } = await playing();

  connection.become('disconnected');
  mock.timers.tick(1900);
  connection.become('connected');
  mock.timers.tick(60_000);
  await settle();
  assert.equal(connection.restarts, 0);

  connection.become('disconnected');
  assert.equal(session.interrupted, true);
  mock.timers.tick(2000);
  await settle();
  assert.equal(connection.restarts, 1);
  signaling.restarts[0].resolve('new answer');
  await settle();
  connection.become('connected');
  mock.timers.tick(60_000);
  await settle();

  assert.equal(session.interrupted, false);
  assert.equal(end(), null);
  assert.equal(connection.closed, false);
});

test('a restart that finds no path ends the session in time', async () => {
  const { signaling, connection, end } = await playing();

  connection.become('disconnected');
  mock.timers.tick(2000);
  await settle();
  signaling.restarts[0].resolve('new answer');
  await settle();
  mock.timers.tick(7900);
  await settle();
  assert.equal(end(), null);
  mock.timers.tick(200);
  await settle();
  assert.equal(signaling.reports.at(-1).connection, 'failed', 'the server hears of it');
  assert.equal(end(), null, 'and may say why');
  mock.timers.tick(700);
  await settle();

  assert.equal(end().code, 'path-broken');
  assert.equal(connection.closed, true);
});

test('a connection that fails ends as soon as the server has said why', async () => {
  const told = [];
  const { signaling, connection, end } = await playing((diagnosis) => told.push(diagnosis));

  connection.connectionState = 'failed';
  connection.onconnectionstatechange();
  signaling.handlers.onDiagnosis(null);
  await settle();
  assert.equal(end(), null);
  signaling.handlers.onDiagnosis({ code: 'path-cut' });
  await settle();

  assert.deepEqual(told, [null, { code: 'path-cut' }]);
  assert.equal(end().code, 'path-broken');
});

test('a server that refuses the restart, or has gone, ends the session at once with its words', async () => {
  const { signaling, connection, end } = await playing();
  connection.become('disconnected');
  mock.timers.tick(2000);
  await settle();

  signaling.restarts[0].reject(new Failure('there is no such session', { code: 'http-404' }));
  await settle();

  assert.equal(end().message, 'there is no such session');
});

test('a session that has ended is not restarted', async () => {
  const { session, signaling, connection } = await playing();
  connection.become('disconnected');
  session.end(new Failure('closed'));

  mock.timers.tick(60_000);
  signaling.handlers.onRestartWanted();
  await settle();

  assert.equal(connection.restarts, 0);
});

test('a browser that knows the moment of capture is made to ask for it, and no other extension changes', async () => {
  const uri = 'http://www.webrtc.org/experiments/rtp-hdrext/abs-capture-time';
  const known = [{ uri: 'urn:a', direction: 'sendrecv' }, { uri, direction: 'stopped' }];
  let asked = null;
  FakeConnection.extras = {
    getHeaderExtensionsToNegotiate: () => structuredClone(known),
    setHeaderExtensionsToNegotiate: (extensions) => { asked = extensions; },
  };
  await playing();
  assert.deepEqual(asked, [known[0], { uri, direction: 'sendrecv' }]);

  known.pop();
  asked = null;
  await playing();
  assert.equal(asked, null, 'one that does not know it is left alone');

  FakeConnection.extras.getHeaderExtensionsToNegotiate = () => { throw new TypeError('not yet'); };
  const { session } = await playing();
  assert.equal(session.phase, 'waiting');
});
