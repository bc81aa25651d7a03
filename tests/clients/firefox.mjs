/**
 * Headless Firefox on the page at `/`. Takes the same arguments as `chromium.mjs`.
 *
 * Firefox needs longer for its first picture than the second that Chromium is held to: its decoder
 * is a process of its own, started for the occasion.
 */
import { withFirefox } from './lib/browsers.mjs';
import { readArguments, run, withDirectory } from './lib/script.mjs';
import { withUrl } from './lib/server.mjs';
import { watch } from './lib/watch.mjs';

const options = readArguments({ 'first-frame-ms': { type: 'string', default: '4000' } });

await run((options.seconds + 120) * 1000, (measured) =>
  withUrl(options, (url) =>
    withDirectory((profile) =>
      withFirefox(profile, (page, problems) =>
        watch(page, problems, { ...options, url }, measured, 'firefox')))));
