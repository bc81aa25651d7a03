/** A link in user space between a server and its clients: the program `shaper`, steered by lines. */
import { spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { check } from './script.mjs';

/** A UDP port of loopback that is free now. */
function freeUdpPort() {
  return new Promise((resolve, reject) => {
    const socket = createSocket('udp4');
    socket.on('error', reject);
    socket.bind(0, '127.0.0.1', () => {
      const { port } = socket.address();
      socket.close(() => resolve(port));
    });
  });
}

/** The program, beside the server's. */
const program = () => process.env.SHAPER ?? join(dirname(process.env.PINHOLE ?? ''), 'shaper');

/**
 * Calls `use(link)` with a link of 40 ms each way and 200 ms of queue, as fast as it likes at first. `link.args` are
 * what a server needs to be behind it.
 */
export async function withShaper(use) {
  const serverPort = await freeUdpPort();
  const child = spawn(program(), [serverPort, 40, 200], { stdio: ['pipe', 'pipe', 'inherit'] });
  let failure = null;
  child.on('error', (error) => { failure = error.message; });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  try {
    const { value } = await lines.next();
    check(value?.startsWith('port '), `the shaper does not start: ${failure ?? value}`);
    const port = Number(value.slice(5));
    return await use({
      args: ['--udp-ports', `${serverPort}`, '--tcp-port', 'off', '--advertise', 'public',
        '--map', `${serverPort}/udp=127.0.0.1:${port}`],
      rate: (bits) => child.stdin.write(`rate ${bits}\n`),
      loss: (percent) => child.stdin.write(`loss ${percent}\n`),
      async stats() {
        child.stdin.write('stats\n');
        return JSON.parse((await lines.next()).value);
      },
    });
  } finally {
    child.kill('SIGKILL');
  }
}
