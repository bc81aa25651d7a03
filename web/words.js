/** What the player says about itself, and how it writes figures. */

/** Every state of the player with its words. Functions take the detail of the state. */
const WORDS = {
  idle: () => 'not connected',
  asking: () => 'asking the server',
  connecting: () => 'looking for a path',
  securing: () => 'securing the connection',
  waiting: () => 'waiting for the first picture',
  playing: () => 'playing',
  stopped: () => 'the picture has stopped',
  interrupted: () => 'the path is interrupted',
  blocked: () => 'click to play',
  retrying: ({ reason, retryInMs }) => `${reason}, trying again in ${seconds(retryInMs)}`,
  failed: ({ reason }) => reason,
};

/** The names of the states. */
export const STATES = Object.keys(WORDS);

/** The words for a state; `detail` has `reason` and `retryInMs` where the state needs them. */
export function stateText(state, detail = {}) {
  return WORDS[state](detail);
}

/** The state that a peer connection is in before its first picture, from its two state fields. */
export function stateOfConnection(connectionState, iceConnectionState) {
  if (connectionState === 'connected') return 'waiting';
  const hasPath = iceConnectionState === 'connected' || iceConnectionState === 'completed';
  return hasPath ? 'securing' : 'connecting';
}

/** A duration for people: 0.5 s, 2 s. */
export function seconds(ms) {
  const s = ms / 1000;
  return s < 0.95 ? `${Math.max(0.1, s).toFixed(1)} s` : `${Math.round(s)} s`;
}

/** Shown for what is not known. */
export const UNKNOWN = '–';

const isKnown = (value) => typeof value === 'number' && Number.isFinite(value);

/** A bit rate for people: 2.96 Mbit/s, 640 kbit/s. */
export function bitrate(bitsPerSecond) {
  if (!isKnown(bitsPerSecond)) return UNKNOWN;
  if (bitsPerSecond >= 1e6) return `${(bitsPerSecond / 1e6).toFixed(2)} Mbit/s`;
  return `${Math.round(bitsPerSecond / 1e3)} kbit/s`;
}

/** A number with its unit, or a dash. */
export function figure(value, unit, digits = 0) {
  return isKnown(value) ? `${value.toFixed(digits)} ${unit}` : UNKNOWN;
}

/** A duration in ms: tenths matter where it is short. */
export function milliseconds(value) {
  return figure(value, 'ms', value < 10 ? 1 : 0);
}

/**
 * The rows of the overlay: label, text, and `part` where it is a part of the row before those.
 * Rows that only matter when something is wrong are left out while nothing is.
 */
export function overlayRows(stats) {
  const size = stats.width ? `${stats.width} × ${stats.height}` : UNKNOWN;
  const rows = [
    ['picture', size],
    ['frame rate', figure(stats.fps, 'fps', 1)],
    ['bit rate', bitrate(stats.bitrateBps)],
    ['round trip', milliseconds(stats.roundTripMs)],
    ['path', stats.path ?? UNKNOWN],
    ['frame age', milliseconds(stats.ageMs)],
  ];
  const parts = stats.shares ?? [];
  if (parts.length === 0) rows.push(['buffer', milliseconds(stats.jitterBufferMs)]);
  for (const [name, ms] of parts) rows.push([name, milliseconds(ms), 'part']);
  if (stats.freezes > 0) rows.push(['freezes', String(stats.freezes)]);
  if (stats.packetsLost > 0) rows.push(['packets lost', String(stats.packetsLost)]);
  if (stats.framesDropped > 0) rows.push(['frames dropped', String(stats.framesDropped)]);
  return rows;
}
