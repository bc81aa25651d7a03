/**
 * What is wrong, for people: the server's diagnosis, or what the player knows by itself where the
 * server cannot be asked.
 *
 * A diagnosis has `code`, `severity` (`failed` or `degraded`), `sentence`, `advice` (may be empty),
 * and from a server on this machine `fix` and `evidence`.
 */

/** Longest text and list of a server that are shown. */
const TEXT_MAX = 1000;
const LINES_MAX = 40;

/** What this side knows when signalling itself fails, by the code of the failure. */
const OWN = {
  'not-reachable': [
    'The server cannot be reached.',
    'Look whether it is running and the address is right, and whether this device is online.',
  ],
  gone: ['The server has gone.', 'It may be starting anew; this page goes on trying.'],
  'no-answer': ['The server does not answer.', 'It may be overloaded, or something between holds it back.'],
  'http-401': ['The server does not take this token.', 'Ask whoever runs it for the right address.'],
  shutting_down: ['The server is shutting down.', 'This page goes on trying.'],
};

const text = (value) => (typeof value === 'string' ? value.slice(0, TEXT_MAX) : '');

/** What a server says: null where nothing is wrong, or where it cannot be read. */
export function readDiagnosis(message) {
  const code = text(message?.code);
  if (!/^[a-z0-9-]{1,64}$/.test(code)) return null;
  const sentence = text(message.sentence);
  if (!sentence) return null;
  const evidence = Array.isArray(message.evidence) ? message.evidence.map(text) : [];
  return {
    code,
    severity: message.severity === 'degraded' ? 'degraded' : 'failed',
    sentence,
    advice: text(message.advice),
    fix: text(message.fix),
    evidence: evidence.filter(Boolean).slice(0, LINES_MAX),
  };
}

/** What a failure of this side says by itself; null where the server's word is better. */
export function ownDiagnosis(failure) {
  if (failure.diagnosis) return failure.diagnosis;
  const own = OWN[failure.code];
  if (!own) return null;
  const [sentence, advice] = own;
  // No page in the docs: the server that has them is the one that is away.
  return { code: '', severity: 'failed', sentence, advice, fix: '', evidence: [] };
}

/** The address of the page on a verdict, at the server that gave it. */
export function pageOf(code, signaling, base) {
  const url = new URL(`/verdicts/${code}`, new URL(signaling, base));
  url.protocol = url.protocol.replace(/^ws/, 'http');
  return url.href;
}
