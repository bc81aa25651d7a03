/**
 * Chromium on everything else that one command can stream: the other event loop, WHEP, a y4m file,
 * y4m on standard input, and an H.264 file that x264 made. The files come from ffmpeg.
 *
 *   PINHOLE=target/release/pinhole node sources.mjs [--seconds 20] [--only smol,whep,y4m,stdin,h264]
 */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { withChromium } from './lib/browsers.mjs';
import { Finding, check, readArguments, run, withDirectory } from './lib/script.mjs';
import { withServer } from './lib/server.mjs';
import { watch } from './lib/watch.mjs';

const NAMES = ['smol', 'whep', 'y4m', 'stdin', 'h264'];
const options = readArguments({ only: { type: 'string', default: NAMES.join(',') } });
const names = options.only.split(',');

const QUIET = ['-hide_banner', '-loglevel', 'error', '-nostdin'];
const PICTURE = ['-f', 'lavfi', '-i', 'testsrc2=size=1280x720:rate=30'];
/** What browsers take everywhere: no B pictures, 4:2:0, one keyframe every two seconds. */
const X264 = ['-c:v', 'libx264', '-profile:v', 'baseline', '-pix_fmt', 'yuv420p', '-g', '60',
  '-tune', 'zerolatency', '-preset', 'veryfast', '-b:v', '3M', '-maxrate', '3M', '-bufsize', '1M'];

/** Runs ffmpeg to its end. */
function ffmpeg(args) {
  return new Promise((resolve, reject) => {
    const child = spawn('ffmpeg', [...QUIET, ...args], { stdio: ['ignore', 'ignore', 'inherit'] });
    child.on('error', reject);
    child.on('exit', (code) => (code === 0 ? resolve() : reject(new Error(`ffmpeg: ${code}`))));
  });
}

/** The server's arguments, its standard input, and what the page is watched with. */
async function setUp(name, directory) {
  const file = join(directory, `clip.${name}`);
  switch (name) {
    case 'smol':
      return { args: ['--runtime', 'smol'] };
    case 'whep':
      return { args: [], watching: { whep: true } };
    case 'y4m':
      await ffmpeg([...PICTURE, '-t', '4', '-pix_fmt', 'yuv420p', '-f', 'yuv4mpegpipe', file]);
      return { args: ['--source', file] };
    case 'stdin':
      return {
        args: ['--source', '-'],
        input: ['ffmpeg', ...QUIET, '-re', ...PICTURE, '-pix_fmt', 'yuv420p', '-f', 'yuv4mpegpipe', '-'],
      };
    case 'h264':
      await ffmpeg([...PICTURE, '-t', '10', ...X264, '-f', 'h264', file]);
      return { args: ['--source', file, '--fps', '30'], watching: { 'any-keyframes': true } };
    default:
      throw new Error(`there is no ${name}; there are ${NAMES.join(', ')}`);
  }
}

/** One stream, in a browser with a fresh profile. */
function watchOne(name, measured) {
  return withDirectory(async (directory) => {
    const { args, input, watching } = await setUp(name, directory);
    await withServer({ args, input }, ({ url }) =>
      withChromium(join(directory, 'profile'), (page, problems) =>
        watch(page, problems, { ...options, ...watching, url }, measured, name)));
  });
}

await run(names.length * (options.seconds + 60) * 1000, async (measured) => {
  const faults = [];
  for (const name of names) {
    measured[name] = {};
    try {
      await watchOne(name, measured[name]);
    } catch (error) {
      if (!(error instanceof Finding)) throw error;
      faults.push(`${name}: ${error.message}`);
    }
  }
  check(faults.length === 0, faults.join('; '));
});
