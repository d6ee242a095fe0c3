/** A little of `npm run fuzz`, the seed corpus, and the inputs that are made to be slow. */
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { loadBuiltInProtocol } from '../../src/protocol/files.ts';
import { FrameReader } from '../../src/wire/frame-reader.ts';
import type { HeaderLayout } from '../../src/wire/types.ts';
import { processorSeconds } from '../support/processor-seconds.ts';
import { HOSTILE } from './inputs.ts';
import { checkLaws } from './laws.ts';
import { makeRandom } from './random.ts';
import { fuzz } from './run.ts';

const protocol = loadBuiltInProtocol();
const dialects = protocol.dialectNames.map((name) => protocol.dialect(name));
const CORPUS = new URL('corpus/', import.meta.url);
const files = readdirSync(CORPUS).filter((name) => name.endsWith('.bin'));

describe('frame reader and decoder', () => {
  it('keep every law on twenty thousand seeded inputs', () => {
    const options = { seed: 1, first: 0, runs: 20_000, dialects, reportEvery: 20_000 };
    const { account, found } = fuzz({ ...options, report: () => undefined });
    expect(found).toBeUndefined();
    expect(account.runs).toBe(20_000);
  });

  it.each(files)('keep every law on %s, in every dialect', (file) => {
    const input = new Uint8Array(readFileSync(new URL(file, CORPUS)));
    for (const dialect of dialects) {
      // Several draws: each checks another part of the laws, and splits elsewhere.
      for (let run = 0; run < 12; run++) checkLaws(dialect, input, makeRandom(1, run));
    }
  });
});

const HOSTILE_BYTES = 2_097_152;
/** It takes a tenth of that; before the work had a bound, some took half a minute. */
const HOSTILE_SECONDS = 4;

function outlineOf(layout: HeaderLayout, input: Uint8Array, chunkBytes: number): string {
  const reader = new FrameReader(layout);
  const spans: string[] = [];
  for (let at = 0; at < input.length; at += chunkBytes) {
    for (const { kind, bytes } of reader.push(input.subarray(at, at + chunkBytes)))
      spans.push(`${kind} ${bytes.length}`);
  }
  for (const { kind, bytes } of reader.flush()) spans.push(`${kind} ${bytes.length}`);
  return spans.join('\n');
}

describe.each(['torq-types', 'alphapulse-v2-seqfirst'])('two hostile mebibytes in %s', (name) => {
  const dialect = protocol.dialect(name);

  it.each(HOSTILE.map((make, index) => [index, make] as const))(
    'recipe %i is read in bounded time, and alike in any chunks',
    (_, make) => {
      for (const variant of [1, 60]) {
        const input = make(dialect, HOSTILE_BYTES, variant);
        let whole = '';
        const seconds = processorSeconds(() => {
          whole = outlineOf(dialect.header, input, input.length);
        });
        expect(seconds).toBeLessThan(HOSTILE_SECONDS);
        expect(outlineOf(dialect.header, input, 65_536)).toBe(whole);
        expect(outlineOf(dialect.header, input, 997)).toBe(whole);
      }
    },
  );
});
