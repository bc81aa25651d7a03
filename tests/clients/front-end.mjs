/**
 * The JavaScript that existing front ends of such servers carry, taken literally, in Chromium:
 * RTCPeerConnection, a recvonly transceiver, `webrtc_offer` over `/ws/{session_id}`, candidates both
 * ways, `event.streams[0]`. Then the same without the transceiver, which must be told what it forgot.
 *
 *   node front-end.mjs http://127.0.0.1:8080 [--seconds 20] [--expect-fps 29] [--token T]
 *   PINHOLE=target/release/pinhole node front-end.mjs      starts a server of its own
 */
import { withChromium } from './lib/browsers.mjs';
import { check, readArguments, run, withDirectory } from './lib/script.mjs';
import { withUrl } from './lib/server.mjs';

const options = readArguments();

/** Runs in a page. Nothing of our player is used here. */
async function frontEnd({ seconds, token, withTransceiver }) {
  const [sessionId, userId] = ['session-1', 'user-1'];
  const query = token ? `?token=${encodeURIComponent(token)}` : '';
  const socket = new WebSocket(`${location.origin.replace('http', 'ws')}/ws/${sessionId}${query}`);
  const connection = new RTCPeerConnection({ iceServers: [] });
  const video = document.body.appendChild(document.createElement('video'));
  Object.assign(video, { muted: true, autoplay: true, playsInline: true });
  const seen = { errors: [], messages: [], serverCandidates: 0, streamId: null };

  connection.ontrack = (event) => {
    seen.streamId = event.streams[0].id;
    video.srcObject = event.streams[0];
  };
  connection.onicecandidate = (event) => {
    if (!event.candidate) return;
    socket.send(JSON.stringify({
      type: 'webrtc_ice_candidate', user_id: userId, candidate: event.candidate,
    }));
  };
  const answered = new Promise((resolve, reject) => {
    socket.onclose = () => resolve('closed');
    socket.onerror = () => reject(new Error('the WebSocket failed'));
    setTimeout(() => resolve('nothing came'), 5000);
    socket.onmessage = async ({ data }) => {
      const message = JSON.parse(data);
      seen.messages.push(message.type);
      if (message.type === 'webrtc_answer') {
        await connection.setRemoteDescription({ type: 'answer', sdp: message.sdp });
        resolve('answer');
      } else if (message.type === 'webrtc_ice_candidate') {
        seen.serverCandidates += 1;
        await connection.addIceCandidate(message.candidate);
      } else if (message.type === 'error') {
        seen.errors.push(message.message);
        resolve('error');
      }
    };
  });
  await new Promise((resolve) => { socket.onopen = resolve; });
  if (withTransceiver) connection.addTransceiver('video', { direction: 'recvonly' });
  const offer = await connection.createOffer();
  await connection.setLocalDescription(offer);
  socket.send(JSON.stringify({
    type: 'webrtc_offer', session_id: sessionId, user_id: userId, sdp: offer.sdp,
  }));
  seen.outcome = await answered;
  if (seen.outcome === 'answer' && withTransceiver) {
    const inbound = async () => [...(await connection.getStats()).values()]
      .find((report) => report.type === 'inbound-rtp') ?? { framesDecoded: 0, timestamp: 0 };
    const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
    for (let i = 0; i < 100 && (await inbound()).framesDecoded < 5; i += 1) await wait(100);
    const before = await inbound();
    await wait(seconds * 1000);
    const after = await inbound();
    seen.decodedFps = (after.framesDecoded - before.framesDecoded)
      / ((after.timestamp - before.timestamp) / 1000);
    seen.framesDecoded = after.framesDecoded;
    seen.packetsLost = after.packetsLost;
    seen.freezes = after.freezeCount;
    seen.size = `${video.videoWidth}x${video.videoHeight}`;
    seen.played = video.currentTime;
  }
  connection.close();
  socket.close();
  return seen;
}

/** Plays, then plays without the transceiver. */
async function watch(page, problems, url, measured) {
  const { seconds, token, expectFps } = options;
  await page.goto(`${url}/healthz`);
  const m = await page.evaluate(frontEnd, { seconds, token, withTransceiver: true });
  Object.assign(measured, m);
  check(m.outcome === 'answer', `the offer was met with: ${m.outcome} ${m.errors.join('; ')}`);
  check(m.streamId, 'event.streams[0] was missing');
  check(m.decodedFps >= expectFps, `${m.decodedFps?.toFixed(2)} fps were decoded, not ${expectFps}`);
  check(m.packetsLost === 0, `${m.packetsLost} packets were lost on loopback`);
  check(!m.freezes, `the picture froze ${m.freezes} times`);
  check(m.played > seconds / 2, `the video element played only ${m.played} s`);
  const forgot = await page.evaluate(frontEnd, { seconds, token, withTransceiver: false });
  measured.withoutTransceiver = forgot.errors;
  check(forgot.outcome === 'error', `an offer without media was met with: ${forgot.outcome}`);
  check(/transceiver/i.test(forgot.errors[0]),
    `the error does not say that a transceiver is missing: ${forgot.errors[0]}`);
  measured.problems = problems;
  check(problems.length === 0, `the console shows errors: ${problems.join('; ')}`);
}

await run((options.seconds + 90) * 1000, (measured) =>
  withUrl(options, (url) =>
    withDirectory((profile) =>
      withChromium(profile, (page, problems) => watch(page, problems, url, measured)))));
