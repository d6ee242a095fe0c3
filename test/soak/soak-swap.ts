/** `npm run soak -- swap`: many recorders put into a live path and taken out again; see swap.ts. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { swap, type SwapAccount } from './swap.ts';

export async function soakSwap(swapArgs: readonly string[]): Promise<boolean> {
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
