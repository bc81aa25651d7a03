/**
 * Headless Chromium on the page at `/`.
 *
 *   node chromium.mjs http://127.0.0.1:8080 [--seconds 20] [--expect-fps 29] [--first-frame-ms 1000]
 *        [--whep] [--token T] [--screenshots DIR] [--any-keyframes]
 *
 * `--any-keyframes` is for sources that bring their own, such as a file.
 */
import { withChromium } from './lib/browsers.mjs';
import { readArguments, run, withDirectory } from './lib/script.mjs';
import { watch } from './lib/watch.mjs';

const options = readArguments();

await run((options.seconds + 90) * 1000, (measured) =>
  withDirectory((profile) =>
    withChromium(profile, (page, problems) => watch(page, problems, options, measured, 'chromium'))));
