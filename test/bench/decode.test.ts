/** The benchmark works, and its contenders read the same values; how fast they are is nothing for a test. */
import { execFileSync } from 'node:child_process';
import { expect, it } from 'vitest';
import { decodeContests } from '../../bench/decode.ts';
import { compete } from '../../bench/harness.ts';

it('reads the same values with every contender of every contest', async () => {
  const { contests } = await decodeContests(40);
  expect(contests.map(({ name }) => name)).toEqual([
    'framing only, 100 bytes',
    'framing, header and TLV walk, 100 bytes',
    'full decode, Trade',
    'full decode, PoolSwap',
    'full decode, OrderBook',
    'full decode, Trade, checksums computed',
    'fields only, Trade',
    'fields only, PoolSwap',
    'fields only, OrderBook',
    'lines of JSON, Trade',
    'lines of JSON, PoolSwap',
    'lines of JSON, OrderBook',
  ]);
  for (const contest of contests) {
    const { hash, standings } = compete(contest, { samples: 2, sampleMs: 1 });
    expect(hash).toMatch(/^[0-9a-f]{12}$/);
    expect(standings.map(({ name }) => name)).toEqual(contest.contenders.map(({ name }) => name));
    for (const { framesPerSecond } of standings) expect(framesPerSecond).toBeGreaterThan(0);
  }
});

it('runs from the command line on the built product', () => {
  const args = ['scripts/run-tool.mjs', 'bench/main.ts', 'decode', '--quick'];
  const printed = execFileSync(process.execPath, args, { encoding: 'utf8' });
  expect(printed).toContain('full decode, OrderBook');
});
