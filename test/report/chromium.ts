/**
 * Starts a real headless Chromium for the tests of the page. Where none is installed the tests are skipped
 * and say so, unless RELAYDIFF_REQUIRE_CHROMIUM=1, as in CI, where a skipped test would be a hole.
 */
import { existsSync } from 'node:fs';
import { chromium, type Browser } from 'playwright-core';

const CHROMIUM_PATHS = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];

const LAUNCH_FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

const executablePath = CHROMIUM_PATHS.find((path) => existsSync(path));

export const isChromiumRequired = process.env['RELAYDIFF_REQUIRE_CHROMIUM'] === '1';

export const isChromiumInstalled = executablePath !== undefined;

export async function launchChromium(): Promise<Browser> {
  if (executablePath === undefined) {
    throw new Error(
      `Chromium is required but not installed; looked for ${CHROMIUM_PATHS.join(', ')}`,
    );
  }
  return chromium.launch({ executablePath, headless: true, args: LAUNCH_FLAGS });
}
