import { readDiagnosis } from './diagnosis.js';

/** Why a session could not start, or ended. The text is for people. */
export class Failure extends Error {
  /**
   * @param {string} reason what is wrong, as a person would say it
   * @param {{code?: string, fatal?: boolean, retryAfterMs?: number, diagnosis?: object|null}} [detail]
   *   `fatal` where trying again cannot help; `retryAfterMs` where the server said when; `diagnosis`
   *   where it said more than the reason
   */
  constructor(reason, { code = 'failed', fatal = false, retryAfterMs = 0, diagnosis = null } = {}) {
    super(reason);
    this.name = 'Failure';
    this.code = code;
    this.fatal = fatal;
    this.retryAfterMs = retryAfterMs;
    this.diagnosis = diagnosis;
  }
}

/** The server cannot be talked to at all. */
export const notReachable = () =>
  new Failure('the server is not reachable', { code: 'not-reachable' });

/** Longest text of a server that is shown. */
const TEXT_MAX = 300;
/** Refusals that the same request will meet again. */
const FATAL_STATUS = new Set([400, 401, 403, 406, 413, 415, 422]);

/** What an HTTP refusal means: the server's own words where it sent readable ones. */
export async function failureOfResponse(response) {
  const type = response.headers.get('content-type') ?? 'text/plain';
  const body = type.startsWith('text/plain') ? (await response.text().catch(() => '')).trim() : '';
  const retryAfter = Number(response.headers.get('retry-after'));
  const reason = body.slice(0, TEXT_MAX)
    || `the server answered ${response.status} ${response.statusText}`.trim();
  const verdict = response.headers.get('pinhole-verdict');
  return new Failure(
    reason,
    {
      diagnosis: verdict && readDiagnosis({ code: verdict, sentence: reason }),
      code: `http-${response.status}`,
      fatal: FATAL_STATUS.has(response.status),
      retryAfterMs: retryAfter > 0 ? retryAfter * 1000 : 0,
    },
  );
}
