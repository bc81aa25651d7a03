/** Starts and stops a server program on a port that was free a moment ago. */
import { spawn } from 'node:child_process';
import { createServer } from 'node:net';
import { Finding, check, sleep, until } from './script.mjs';

const START_MAX_MS = 20_000;
const STOP_MAX_MS = 10_000;

/** A TCP port of loopback that is free now. */
export function freePort() {
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
  #child = null;

  /** @param {string} program and its further arguments; `--listen` is ours */
  constructor(program, args, port) {
    this.#program = program;
    this.#arguments = ['serve', '--listen', `127.0.0.1:${port}`, ...args];
    this.url = `http://127.0.0.1:${port}`;
  }

  /** Starts it and waits until it answers. */
  async start() {
    const child = spawn(this.#program, this.#arguments, { stdio: ['ignore', 'ignore', 'inherit'] });
    this.#child = child;
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
    const child = this.#child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return 0;
    const started = performance.now();
    const gone = new Promise((resolve) => child.once('exit', () => resolve(true)));
    child.kill(signal);
    const inTime = await Promise.race([gone, sleep(STOP_MAX_MS).then(() => false)]);
    if (!inTime) child.kill('SIGKILL');
    this.#child = null;
    check(inTime, `the server did not end within ${STOP_MAX_MS} ms of ${signal}`);
    return performance.now() - started;
  }

  /** The value of a gauge without labels from `/metrics`. */
  async gauge(name) {
    const text = await fetch(`${this.url}/metrics`).then((response) => response.text());
    return Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1]);
  }
}
