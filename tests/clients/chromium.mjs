/**
 * Headless Chromium on the page at `/`.
 *
 *   node chromium.mjs http://127.0.0.1:8080 [--seconds 20] [--expect-fps 29] [--first-frame-ms 1000]
 *        [--whep] [--token T] [--screenshots DIR] [--any-keyframes]
 *   PINHOLE=target/release/pinhole node chromium.mjs      starts a server of its own
 *
 * `--any-keyframes` is for sources that bring their own, such as a file.
 */
import { withChromium } from './lib/browsers.mjs';
import { readArguments, run, withDirectory } from './lib/script.mjs';
import { withUrl } from './lib/server.mjs';
import { watch } from './lib/watch.mjs';

const options = readArguments();

await run((options.seconds + 90) * 1000, (measured) =>
  withUrl(options, (url) =>
    withDirectory((profile) =>
      withChromium(profile, (page, problems) =>
        watch(page, problems, { ...options, url }, measured, 'chromium')))));
