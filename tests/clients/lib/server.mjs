/** Starts and stops the server program on a port that was free a moment ago. */
import { spawn } from 'node:child_process';
import { createServer } from 'node:net';
import { Finding, check, sleep, until } from './script.mjs';

const START_MAX_MS = 20_000;
const STOP_MAX_MS = 10_000;
/** Characters of the log that are kept. */
const LOG_MAX = 100_000;

/** A TCP port of loopback that is free now. */
function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

/** One server program that can be started again on the same port. */
export class Server {
  #program;
  #arguments;
  #input;
  #children = [];
  /** What it wrote to its log, over all starts. */
  log = '';

  /**
   * @param {string} program
   * @param {string[]} args its further arguments; where HTTP listens is ours
   * @param {string[]} [input] a command whose output is the server's standard input
   */
  constructor(program, args, port, input) {
    this.#program = program;
    const log = args.includes('--log') ? [] : ['--log', 'warn'];
    this.#arguments = ['serve', '--listen', `127.0.0.1:${port}`, ...log, ...args];
    this.#input = input;
    this.url = `http://127.0.0.1:${port}`;
  }

  /** Starts it and waits until it answers. */
  async start() {
    const feeding = this.#input ? 'pipe' : 'ignore';
    const child = spawn(this.#program, this.#arguments, { stdio: [feeding, 'ignore', 'pipe'] });
    child.stderr.on('data', (text) => {
      this.log = (this.log + text).slice(-LOG_MAX);
      process.stderr.write(text);
    });
    this.#children = [child];
    if (this.#input) this.#children.push(feed(child, this.#input));
    let failure = null;
    child.on('error', (error) => { failure = error.message; });
    await until(START_MAX_MS, 'the server does not answer', () => {
      const { exitCode } = child;
      if (failure ?? exitCode !== null) throw new Finding(`the server ended: ${failure ?? exitCode}`);
      return fetch(`${this.url}/healthz`).then((response) => response.ok, () => false);
    });
  }

  /** Stops it with a signal, and waits until it is gone; returns the time that took, in ms. */
  async stop(signal) {
    const [child, ...feeders] = this.#children;
    this.#children = [];
    feeders.forEach((feeder) => feeder.kill('SIGKILL'));
    if (!child || child.exitCode !== null || child.signalCode !== null) return 0;
    const started = performance.now();
    const gone = new Promise((resolve) => { child.once('exit', () => resolve(true)); });
    child.kill(signal);
    const inTime = await Promise.race([gone, sleep(STOP_MAX_MS).then(() => false)]);
    if (!inTime) child.kill('SIGKILL');
    check(inTime, `the server did not end within ${STOP_MAX_MS} ms of ${signal}`);
    return performance.now() - started;
  }

  /** The value of a gauge without labels from `/metrics`. */
  async gauge(name) {
    const text = await fetch(`${this.url}/metrics`).then((response) => response.text());
    return Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1]);
  }
}

/** Runs a command into the standard input of `child`. */
function feed(child, [program, ...args]) {
  const feeder = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  // The server may end first; then nobody reads, which is no fault of the feeder.
  child.stdin.on('error', () => {});
  feeder.stdout.pipe(child.stdin);
  return feeder;
}

/**
 * Calls `use(server)` with a running server, and stops it afterwards.
 * @param {object} options
 * @param {string} [options.program] default: what the environment variable PINHOLE names
 * @param {string[]} [options.args] its further arguments
 * @param {string[]} [options.input] a command whose output is its standard input
 * @param {boolean} [options.loopback] whether media goes over 127.0.0.1 alone (default)
 */
export async function withServer(options, use) {
  const { program = process.env.PINHOLE, args = [], input, loopback = true } = options;
  if (!program) throw new Error('name the address of a server, or its program in PINHOLE');
  const bind = loopback ? ['--udp-bind', '127.0.0.1'] : [];
  const server = new Server(program, [...bind, ...args], await freePort(), input);
  try {
    await server.start();
    return await use(server);
  } finally {
    await server.stop('SIGKILL');
  }
}

/** Calls `use(url)`: with the address of the command line, or else with a server of our own. */
export function withUrl(options, use) {
  return options.url ? use(options.url) : withServer(options, ({ url }) => use(url));
}
