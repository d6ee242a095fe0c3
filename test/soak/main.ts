/**
 * `npm run soak -- NAME [options]`: long runs of what the test suite does in small. Exit code 1 when something went
 * wrong. `npm run soak -- swap --connects 10000 --swaps 100`.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { swap, type SwapAccount } from './swap.ts';

/** By name: runs with the arguments that follow it, and answers whether all went well. */
const SOAKS: Readonly<Record<string, (args: readonly string[]) => Promise<boolean>>> = {
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

async function soakSwap(swapArgs: readonly string[]): Promise<boolean> {
  const { values } = parseArgs({
    args: [...swapArgs],
    options: {
      connects: { type: 'string', default: '10000' },
      swaps: { type: 'string', default: '100' },
      loops: { type: 'string', default: '4' },
    },
  });
  const directory = mkdtempSync(join(tmpdir(), 'rd-swap-'));
  const startMs = performance.now();
  let told = 0;
  const line = (account: SwapAccount): string =>
    [
      `${account.swaps} swaps`,
      `${account.connects} connects (${account.recorded} through a recorder)`,
      `${account.roundTrips} round trips`,
      `slowest ${account.slowestMs.toFixed(0)} ms`,
      `${account.failures.length} failures`,
      `${((performance.now() - startMs) / 1_000).toFixed(0)} s`,
    ].join(', ');
  try {
    const account = await swap({
      connects: Number(values.connects),
      swaps: Number(values.swaps),
      loops: Number(values.loops),
      directory,
      report: (current) => {
        if (current.swaps % 10 === 0 || current.failures.length > told) console.log(line(current));
        for (; told < current.failures.length; told++) console.error(current.failures[told]);
      },
    });
    console.log(`done: ${line(account)}`);
    return account.failures.length === 0;
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
