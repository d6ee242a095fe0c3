/** Builds dist/ before the tests when it is not there or older than the sources: end-to-end tests run what users run. */
import { execFileSync } from 'node:child_process';

export function setup(): void {
  execFileSync(process.execPath, ['scripts/build.mjs', '--if-stale'], { stdio: 'inherit' });
}
