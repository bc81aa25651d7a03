import assert from 'node:assert/strict';
import { test } from 'node:test';
import { failureOfResponse } from '../failure.js';
import { preferH264 } from '../session.js';
import { restartedAnswer, sdpFragment } from '../signaling-whep.js';
import { randomId, socketUrl } from '../signaling-ws.js';

test('the socket address gets a session id, the scheme of the page and the token', () => {
  assert.equal(socketUrl('/ws', 'http://h:8080/x/', 'abc'), 'ws://h:8080/ws/abc');
  assert.equal(socketUrl('/ws/', 'https://h/', 'abc', 'a b&c'), 'wss://h/ws/abc?token=a+b%26c');
  assert.equal(socketUrl('wss://other/ws', 'https://h/', 'abc'), 'wss://other/ws/abc');
});

test('an address that names its session is kept', () => {
  assert.equal(socketUrl('/ws/mine', 'http://h/', 'abc'), 'ws://h/ws/mine');
});

test('session ids are long and differ', () => {
  assert.match(randomId(), /^[0-9a-f]{32}$/);
  assert.notEqual(randomId(), randomId());
});

test('a trickle body carries credentials, media line, mid and candidates', () => {
  const offer = 'v=0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96 97\r\na=ice-ufrag:uf\r\na=ice-pwd:pw\r\na=mid:0\r\n';
  const body = sdpFragment(offer, [{ candidate: 'candidate:1 1 udp 1 192.0.2.1 9 typ host', sdpMid: '0' }, null]);
  assert.equal(body, [
    'a=ice-ufrag:uf',
    'a=ice-pwd:pw',
    'm=video 9 UDP/TLS/RTP/SAVPF 96 97',
    'a=mid:0',
    'a=candidate:1 1 udp 1 192.0.2.1 9 typ host',
    'a=end-of-candidates',
    '',
  ].join('\r\n'));
});

test('a restarted answer has the new credentials and candidates and is the old one otherwise', () => {
  const answer = [
    'v=0', 'o=- 1 1 IN IP4 0.0.0.0', 'm=video 9 UDP/TLS/RTP/SAVPF 96', 'a=mid:0', 'a=ice-ufrag:old',
    'a=ice-pwd:oldpwd', 'a=candidate:1 1 udp 1 192.0.2.1 9 typ host', 'a=end-of-candidates',
    'a=sendonly', 'm=audio 0 UDP/TLS/RTP/SAVPF 0', 'a=mid:1', 'a=ice-ufrag:old', 'a=ice-pwd:oldpwd', '',
  ].join('\r\n');
  const fragment = 'a=ice-ufrag:new\r\na=ice-pwd:newpwd\r\nm=video 9 x 0\r\na=mid:0\r\n'
    + 'a=candidate:2 1 udp 1 192.0.2.2 9 typ host\r\na=candidate:3 1 tcp 1 192.0.2.2 9 typ host tcptype passive\r\n';
  assert.equal(restartedAnswer(answer, fragment), [
    'v=0', 'o=- 1 1 IN IP4 0.0.0.0', 'm=video 9 UDP/TLS/RTP/SAVPF 96', 'a=mid:0', 'a=ice-ufrag:new',
    'a=ice-pwd:newpwd', 'a=candidate:2 1 udp 1 192.0.2.2 9 typ host',
    'a=candidate:3 1 tcp 1 192.0.2.2 9 typ host tcptype passive', 'a=sendonly',
    'm=audio 0 UDP/TLS/RTP/SAVPF 0', 'a=mid:1', 'a=ice-ufrag:new', 'a=ice-pwd:newpwd', '',
  ].join('\r\n'));
  assert.equal(restartedAnswer(answer, 'a=ice-ufrag:new\r\n'), null, 'credentials are missing');
});

test('H.264 in mode 1 comes first and nothing is lost', () => {
  const codecs = [
    { mimeType: 'video/VP8' },
    { mimeType: 'video/H264', sdpFmtpLine: 'profile-level-id=42e01f;packetization-mode=0' },
    { mimeType: 'video/rtx' },
    { mimeType: 'video/H264', sdpFmtpLine: 'packetization-mode=1;profile-level-id=42001f' },
    { mimeType: 'video/H264', sdpFmtpLine: 'packetization-mode=1;profile-level-id=42e01f' },
  ];
  const sorted = preferH264(codecs);
  assert.deepEqual(sorted, [codecs[3], codecs[4], codecs[1], codecs[0], codecs[2]]);
});

test('the words of a refusal are the server\'s own where they can be read', async () => {
  const headers = { 'content-type': 'text/plain; charset=utf-8', 'retry-after': '3' };
  const full = await failureOfResponse(new Response('32 of 32 places are taken\n', { status: 503, headers }));
  assert.equal(full.message, '32 of 32 places are taken');
  assert.equal(full.retryAfterMs, 3000);
  assert.equal(full.fatal, false);
  const denied = await failureOfResponse(new Response('the token is wrong', { status: 401, headers }));
  assert.equal(denied.fatal, true);
});

test('the page of a proxy is not shown as if it were words', async () => {
  const response = new Response('<html>', {
    status: 502, statusText: 'Bad Gateway', headers: { 'content-type': 'text/html' },
  });
  assert.equal((await failureOfResponse(response)).message, 'the server answered 502 Bad Gateway');
});
