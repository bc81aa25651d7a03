/**
 * Turns the browser's statistics report (W3C webrtc-stats) into the few figures that people read.
 * Browsers leave fields out; what is not known is null and never a made-up zero.
 */

const number = (value) => (typeof value === 'number' && Number.isFinite(value) ? value : null);

/** The candidate pair that carries the media: by the transport, or as Firefox marks it. */
function selectedPair(reports) {
  const transport = reports.find((r) => r.type === 'transport' && r.selectedCandidatePairId);
  if (transport) return reports.find((r) => r.id === transport.selectedCandidatePairId) ?? null;
  const pairs = reports.filter((r) => r.type === 'candidate-pair' && r.state === 'succeeded');
  return pairs.find((r) => r.selected) ?? pairs.find((r) => r.nominated) ?? null;
}

/** "host → srflx, udp": our candidate's kind, the server's, and the transport. */
function describePath(local, remote) {
  if (!local || !remote) return null;
  const transport = local.relayProtocol ?? local.protocol ?? remote.protocol ?? 'udp';
  return `${local.candidateType} → ${remote.candidateType}, ${transport}`;
}

/**
 * Takes the counters of one moment out of a report.
 * @param {Iterable<object>} report the values of an `RTCStatsReport`
 */
export function snapshot(report) {
  const reports = [...report];
  const inbound = reports.find((r) => r.type === 'inbound-rtp' && (r.kind ?? r.mediaType) === 'video');
  const pair = selectedPair(reports);
  const local = pair && reports.find((r) => r.id === pair.localCandidateId);
  const remote = pair && reports.find((r) => r.id === pair.remoteCandidateId);
  const codec = inbound && reports.find((r) => r.id === inbound.codecId);
  const roundTrip = number(pair?.currentRoundTripTime);
  return {
    atMs: number(inbound?.timestamp),
    framesDecoded: number(inbound?.framesDecoded),
    framesDropped: number(inbound?.framesDropped),
    framesReceived: number(inbound?.framesReceived),
    keyFramesDecoded: number(inbound?.keyFramesDecoded),
    bytesReceived: number(inbound?.bytesReceived),
    packetsReceived: number(inbound?.packetsReceived),
    packetsLost: number(inbound?.packetsLost),
    nacks: number(inbound?.nackCount),
    plis: number(inbound?.pliCount),
    freezes: number(inbound?.freezeCount),
    freezeSeconds: number(inbound?.totalFreezesDuration),
    jitterBufferDelay: number(inbound?.jitterBufferDelay),
    jitterBufferTargetDelay: number(inbound?.jitterBufferTargetDelay),
    jitterBufferEmittedCount: number(inbound?.jitterBufferEmittedCount),
    totalDecodeTime: number(inbound?.totalDecodeTime),
    width: number(inbound?.frameWidth),
    height: number(inbound?.frameHeight),
    decoder: inbound?.decoderImplementation ?? null,
    codec: codec ? `${codec.mimeType} ${codec.sdpFmtpLine ?? ''}`.trim() : null,
    roundTripMs: roundTrip === null ? null : roundTrip * 1000,
    path: describePath(local, remote),
    pair: local && remote ? `${local.candidateType} -> ${remote.candidateType}` : null,
  };
}

/** The growth of a counter between two moments; null where either is unknown or it was reset. */
function growth(now, before, field) {
  if (now[field] === null || !before || before[field] === null) return null;
  const grown = now[field] - before[field];
  return grown < 0 ? null : grown;
}

function ratio(part, whole, scale) {
  return part === null || whole === null || whole <= 0 ? null : (part * scale) / whole;
}

/**
 * Puts two moments of the same session side by side.
 * @returns the newer snapshot with `fps`, `bitrateBps`, `jitterBufferMs`, `bufferTargetMs`, `decodeMs`
 *   over the time between them, and `frames`, the number of pictures decoded in it
 */
export function compare(now, before) {
  const elapsedMs = growth(now, before, 'atMs');
  const frames = growth(now, before, 'framesDecoded');
  const emitted = growth(now, before, 'jitterBufferEmittedCount');
  return {
    ...now,
    frames,
    fps: ratio(frames, elapsedMs, 1000),
    bitrateBps: ratio(growth(now, before, 'bytesReceived'), elapsedMs, 8000),
    jitterBufferMs: ratio(growth(now, before, 'jitterBufferDelay'), emitted, 1000),
    bufferTargetMs: ratio(growth(now, before, 'jitterBufferTargetDelay'), emitted, 1000),
    decodeMs: ratio(growth(now, before, 'totalDecodeTime'), frames, 1000),
  };
}

/**
 * Parts a picture's age among what it went through, in ms and in their order: the server's stages as
 * it tells them, the way here, and what this browser measures. What nobody claims is the wait for the
 * screen, together with the error of both clocks.
 * @param {number|null} ageMs
 * @param {object|null} stages `stages_ms` of the server
 * @param {{jitterBufferMs: number|null, decodeMs: number|null}} figures of `compare`
 * @returns {Array<[string, number]>} empty where the age or a part is not known
 */
export function shares(ageMs, stages, { jitterBufferMs, decodeMs }) {
  const of = (...names) => names.reduce((sum, name) => sum + (number(stages?.[name]) ?? 0), 0);
  if (ageMs === null || number(stages?.encode) === null) return [];
  if (jitterBufferMs === null || decodeMs === null) return [];
  const known = [
    ['encode', of('encode')],
    ['send', of('queue', 'packetize', 'first_packet', 'last_packet')],
    ['travel', of('travel_estimated')],
    ['buffer', jitterBufferMs],
    ['decode', decodeMs],
  ];
  const claimed = known.reduce((sum, [, ms]) => sum + ms, 0);
  return [...known, ['display', Math.max(0, ageMs - claimed)]];
}

/** The middle value of a list; null of an empty one. */
export function median(values) {
  if (values.length === 0) return null;
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[sorted.length >> 1];
}
