/**
 * What the real relays did in every case of the transcripts, and why: each divergence lies in a group with its true
 * cause. Where neither relay delivered anything there is nothing to compare, and the result says that.
 */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { openCapture } from '../../src/capture/open.ts';
import { numberingOf } from '../../src/diff/causes/domain-knowledge.ts';
import { diffCapture } from '../../src/diff/diff-capture.ts';
import type { DiffResult } from '../../src/diff/types.ts';
import { loadBuiltInProtocol } from '../../src/protocol/files.ts';
import { runCli } from '../support/processes.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const TRANSCRIPTS = fileURLToPath(
  new URL('../fixtures/transcripts/relay-transcripts.ndjson', import.meta.url),
);
const SAME = { verdict: 'same', causes: [] } as const;
const NOTHING_DELIVERED = { verdict: 'inconclusive', causes: [] } as const;
/** The original signal and execution relays read, and forward nothing at all. */
const ORIGINAL_IS_SILENT = {
  verdict: 'different',
  causes: ['connection x3: side-forwards-nothing', 'extra x3: side-forwards-nothing'],
} as const;

const CASES: Readonly<
  Record<string, { readonly verdict: DiffResult['verdict']; readonly causes: readonly string[] }>
> = {
  'market_data-single-frames': SAME,
  'market_data-coalesced-10k': SAME,
  'market_data-bad-checksum': SAME,
  'market_data-header-only': SAME,
  'market_data-split-after-header': {
    verdict: 'different',
    causes: ['defect x3: read-began-inside-a-frame', 'missing x3: read-began-inside-a-frame'],
  },
  'market_data-split-inside-header': {
    verdict: 'different',
    causes: ['missing x3: read-began-inside-a-frame'],
  },
  'market_data-other-domain-alone': {
    verdict: 'different',
    causes: ['missing x3: other-domain'],
  },
  'market_data-other-domain-first': {
    verdict: 'different',
    causes: ['missing x3: other-domain', 'missing x6: chunk-led-by-another-domain'],
  },
  'market_data-bad-magic-alone': {
    verdict: 'different',
    causes: ['defect x3: chunk-not-a-header'],
  },
  'market_data-short-31-bytes': {
    verdict: 'different',
    causes: ['defect x3: chunk-not-a-header'],
  },
  'signal-domain-1-alone': NOTHING_DELIVERED,
  'signal-domain-2-alone': ORIGINAL_IS_SILENT,
  'signal-domain-3-alone': NOTHING_DELIVERED,
  'execution-domain-1-alone': NOTHING_DELIVERED,
  'execution-domain-2-alone': NOTHING_DELIVERED,
  'execution-domain-3-alone': ORIGINAL_IS_SILENT,
};

const protocol = loadBuiltInProtocol();
const numberings = protocol.dialectNames.map((name) => numberingOf(protocol.dialect(name)));

function outcomeOf(path: string): (typeof CASES)[string] {
  const reader = openCapture(path);
  try {
    const dialect = protocol.dialect(reader.info.dialect);
    const options = { oldDialect: dialect, newDialect: dialect, numberings };
    const { verdict, groups } = diffCapture(reader, options);
    const causes = groups.map(({ kind, count, cause }) => `${kind} x${count}: ${cause}`);
    return { verdict, causes: causes.toSorted() };
  } finally {
    reader.close();
  }
}

it('gives each divergence of every recorded case its true cause', () => {
  const directory = temporaryDirectory();
  const options = ['--format', 'transcript', TRANSCRIPTS, '--out', directory];
  expect(runCli(['import', ...options]).exitCode).toBe(0);
  const files = readdirSync(directory).filter((name) => name.endsWith('.capture'));
  const outcomes = Object.fromEntries(
    files.map((name) => [name.replace('.capture', ''), outcomeOf(join(directory, name))]),
  );
  expect(outcomes).toEqual(CASES);
});
