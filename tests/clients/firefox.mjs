/**
 * Headless Firefox on the page at `/`. Takes the same arguments as `chromium.mjs`.
 *
 * Without permission for the camera, Firefox looks for a path from the address of its default route
 * alone, which never reaches 127.0.0.1: a server of our own offers the machine's other addresses too.
 * It also needs longer for its first picture than the second that Chromium is held to: its decoder
 * is a process of its own, started for the occasion.
 */
import { withFirefox } from './lib/browsers.mjs';
import { readArguments, run, withDirectory } from './lib/script.mjs';
import { withUrl } from './lib/server.mjs';
import { watch } from './lib/watch.mjs';

const options = readArguments({ 'first-frame-ms': { type: 'string', default: '4000' } });

await run((options.seconds + 120) * 1000, (measured) =>
  withUrl({ ...options, loopback: false }, (url) =>
    withDirectory((profile) =>
      withFirefox(profile, (page, problems) =>
        watch(page, problems, { ...options, url }, measured, 'firefox')))));
