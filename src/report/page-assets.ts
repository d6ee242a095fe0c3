/**
 * Reads the built program of the page. The only file of the report that touches the disk: esbuild writes
 * `dist/report/page/`, beside this module when it is built, or seen from the sources when it is not.
 */
import { readFileSync } from 'node:fs';
import { OperatingError, systemErrorCode } from '../lib/operating-error.ts';
import type { PageAssets } from './html.ts';

const LOCATIONS = ['./page/', '../../dist/report/page/'];

export function readPageAssets(): PageAssets {
  for (const location of LOCATIONS) {
    const script = readIfThere(new URL(`${location}main.js`, import.meta.url));
    const style = readIfThere(new URL(`${location}main.css`, import.meta.url));
    if (script !== undefined && style !== undefined) return { script, style };
  }
  throw new OperatingError('INPUT_UNREADABLE', 'the program of the report page is not built', {
    hint: 'Run `npm run build` and try again.',
  });
}

function readIfThere(url: URL): string | undefined {
  try {
    return readFileSync(url, 'utf8');
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}
