/**
 * `npm run soak -- NAME [options]`: long runs of what the test suite does in small. Exit code 1 when something went
 * wrong. `npm run soak -- swap --connects 10000 --swaps 100`, `npm run soak -- faults --runs 200 --kind kill`,
 * `npm run soak -- account --frames 5000000`, `npm run soak -- goldens --runs 100 --kind original`.
 */
import { cpus } from 'node:os';
import { soakAccount } from './soak-account.ts';
import { soakFaults } from './soak-faults.ts';
import { soakGoldens } from './soak-goldens.ts';
import { soakSwap } from './soak-swap.ts';

/** By name: runs with the arguments that follow it, and answers whether all went well. */
const SOAKS: Readonly<Record<string, (args: readonly string[]) => Promise<boolean>>> = {
  account: soakAccount,
  faults: soakFaults,
  goldens: soakGoldens,
  swap: soakSwap,
};

const [name, ...args] = process.argv.slice(2);
const soak = SOAKS[name ?? ''];
if (soak === undefined) {
  console.error(`usage: npm run soak -- ${Object.keys(SOAKS).join('|')} [options]`);
  process.exitCode = 2;
} else {
  console.log(`${name}, Node ${process.version}, ${cpus().length} x ${cpus()[0]?.model.trim()}`);
  if (!(await soak(args))) process.exitCode = 1;
}
