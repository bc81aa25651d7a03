/**
 * The frame of every script here: arguments in, one JSON line out, exit code 0 or 1, and never
 * longer than its deadline.
 */
import { access, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

const OPTIONS = {
  seconds: { type: 'string', default: '20' },
  screenshots: { type: 'string' },
  token: { type: 'string' },
  whep: { type: 'boolean', default: false },
  'expect-fps': { type: 'string', default: '29' },
  'first-frame-ms': { type: 'string', default: '1000' },
  'any-keyframes': { type: 'boolean', default: false },
};

/** A finding of the test, as a sentence; not a fault of the script. */
export class Finding extends Error {}

/** Throws a `Finding` unless `holds`. */
export function check(holds, sentence) {
  if (!holds) throw new Finding(sentence);
}

/**
 * Reads the command line: the options above and `more`, numbers as numbers. The first word is given
 * as `url` and as `program`, the others as `rest`.
 */
export function readArguments(more = {}) {
  const { values, positionals } = parseArgs({
    options: { ...OPTIONS, ...more },
    allowPositionals: true,
  });
  const number = (name) => {
    const value = Number(values[name]);
    if (!Number.isFinite(value) || value < 0) throw new Error(`--${name} takes a number`);
    return value;
  };
  return {
    ...values,
    url: positionals[0]?.replace(/\/$/, ''),
    program: positionals[0],
    rest: positionals.slice(1),
    seconds: number('seconds'),
    expectFps: number('expect-fps'),
    firstFrameMs: number('first-frame-ms'),
  };
}

/** The address of the page with the choices that it takes from its query. */
export function pageUrl({ url, whep, token }) {
  const query = new URLSearchParams();
  if (whep) query.set('whep', '');
  if (token) query.set('token', token);
  return `${url}/?${query}`;
}

/** The first of these programs that is there. */
export async function findProgram(variable, paths) {
  for (const path of [process.env[variable], ...paths].filter(Boolean)) {
    if (await access(path).then(() => true, () => false)) return path;
  }
  throw new Error(`none of ${paths.join(', ')} is installed; set ${variable} to the program`);
}

/** Calls `use` with a fresh directory that is gone afterwards. */
export async function withDirectory(use) {
  const directory = await mkdtemp(join(tmpdir(), 'pinhole-client-'));
  try {
    return await use(directory);
  } finally {
    // A browser may still be writing its last words.
    await rm(directory, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  }
}

/** Waits. */
export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Asks until the answer is truthy, and returns it; a `Finding` with `sentence` after `ms`. */
export async function until(ms, sentence, ask) {
  const deadline = performance.now() + ms;
  for (;;) {
    const answer = await ask();
    if (answer) return answer;
    check(performance.now() < deadline, `${sentence} within ${ms} ms`);
    await sleep(50);
  }
}

/**
 * Runs `main(measured)`, which writes what it finds into `measured`, and exits.
 * @param {number} limitMs the whole script may take this long
 */
export async function run(limitMs, main) {
  const measured = {};
  const end = (failure) => {
    process.stdout.write(`${JSON.stringify({ ok: !failure, ...(failure && { failure }), ...measured })}\n`);
    if (failure) process.stderr.write(`${failure}\n`);
    process.exit(failure ? 1 : 0);
  };
  setTimeout(() => end(`the script did not end within ${limitMs} ms`), limitMs);
  try {
    await main(measured);
    end(null);
  } catch (error) {
    end(error instanceof Finding ? error.message : String(error.stack ?? error));
  }
}
