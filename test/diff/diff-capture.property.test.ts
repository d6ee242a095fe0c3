import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { DiffResult, DivergenceKind } from '../../src/diff/types.ts';
import { concat, testFrame } from '../support/frames.ts';
import { processorSeconds } from '../support/processor-seconds.ts';
import { delivers, diffScenario, kindsOf, sends } from './support.ts';

const RUNS = { numRuns: 40 };

interface Traffic {
  /** Frames of both publishers in the order in which old delivered them. */
  readonly old: readonly Uint8Array[];
}

/** Two publishers, one of which may write neither sequence nor time; all frames differ. */
const traffic: fc.Arbitrary<Traffic> = fc
  .record({
    publishers: fc.array(fc.constantFrom(4, 9), { minLength: 2, maxLength: 30 }),
    isNumbered: fc.boolean(),
  })
  .map(({ publishers, isNumbered }) => ({
    old: publishers.map((source, at) =>
      testFrame(at + 1, {
        source,
        checksum: source === 4 ? 'zero' : 'valid',
        ...(isNumbered ? {} : { sequence: 0n, timestamp: 0n }),
      }),
    ),
  }));

function compare(old: readonly Uint8Array[], neu: readonly Uint8Array[]): DiffResult {
  const sentBy = (source: number): readonly Uint8Array[] =>
    old.filter((frame) => frame[6] === source);
  return diffScenario({
    connections: ['four', 'nine'],
    steps: [
      ...sends(1, ...sentBy(4)),
      ...sends(2, ...sentBy(9)),
      ...delivers('old', [1], ...old),
      ...delivers('new', [1], ...neu),
    ],
  });
}

const position = fc.nat({ max: 1_000_000 });

test('the same on both sides is the same', () => {
  fc.assert(
    fc.property(traffic, ({ old }) => {
      expect(compare(old, old).verdict).toBe('same');
    }),
    RUNS,
  );
});

test('one dropped frame is one missing, and mirrored one extra', () => {
  fc.assert(
    fc.property(traffic, position, ({ old }, at) => {
      const lost = at % old.length;
      const neu = old.filter((_, index) => index !== lost);
      const result = compare(old, neu);
      expect(kindsOf(result)).toEqual(['missing']);
      expect(result.divergences[0]?.old?.ordinal).toBe(lost);
      expect(kindsOf(compare(neu, old))).toEqual(['extra']);
    }),
    RUNS,
  );
});

test('one inserted frame is one extra, one repeated frame one duplicated', () => {
  fc.assert(
    fc.property(traffic, position, position, fc.boolean(), ({ old }, from, to, isCopy) => {
      const source = old[from % old.length] ?? new Uint8Array();
      const added = isCopy ? source : testFrame(150, { source: source[6] ?? 4 });
      const result = compare(old, old.toSpliced(to % (old.length + 1), 0, added));
      expect(kindsOf(result)).toEqual([isCopy ? 'duplicated' : 'extra']);
      expect(result.counts.pairs).toBe(old.length);
    }),
    RUNS,
  );
});

test('one moved frame is one reordered, as far as it passed frames of its own publisher', () => {
  fc.assert(
    fc.property(traffic, position, position, ({ old }, from, to) => {
      const index = from % old.length;
      const frame = old[index] ?? new Uint8Array();
      const rest = old.toSpliced(index, 1);
      const target = to % old.length;
      const neu = rest.toSpliced(target, 0, frame);
      const passed = rest
        .slice(Math.min(index, target), Math.max(index, target))
        .filter((other) => other[6] === frame[6]).length;
      const result = compare(old, neu);
      expect(kindsOf(result)).toEqual(passed === 0 ? [] : ['reordered']);
      if (passed > 0) expect(result.divergences[0]?.detail).toContain(`${passed} message`);
    }),
    RUNS,
  );
});

test('one changed byte is one changed message, in the field of that byte', () => {
  const framing = new Set([0, 1, 2, 3, 24, 25, 26, 27, 32, 33]);
  fc.assert(
    fc.property(
      traffic,
      position,
      position,
      fc.integer({ min: 1, max: 255 }),
      (made, at, place, bits) => {
        const { old } = made;
        const changed = Uint8Array.from(old[at % old.length] ?? []);
        const offset = place % changed.length;
        fc.pre(!framing.has(offset));
        changed[offset] = (changed[offset] ?? 0) ^ bits;
        const result = compare(old, old.with(at % old.length, changed));
        expect(result.divergences).toHaveLength(1);
        const [divergence] = result.divergences;
        const expected: DivergenceKind[] = ['modified', 'encoding'];
        expect(expected).toContain(divergence?.kind);
        const fields = divergence?.differences ?? [];
        expect(fields).toHaveLength(1);
        const [bytes] = fields.map((field) => field.bytes);
        expect(bytes && bytes.offset <= offset && offset < bytes.offset + bytes.length).toBe(true);
      },
    ),
    { numRuns: 100 },
  );
});

test('the result does not depend on the chunks in which the sides delivered', () => {
  fc.assert(
    fc.property(
      traffic,
      fc.array(fc.integer({ min: 1, max: 150 }), { minLength: 1, maxLength: 40 }),
      ({ old }, sizes) => {
        const neu = old.toSpliced(old.length >> 1, 1).toReversed();
        const whole = compare(old, [concat(neu)]);
        const cut = compare(old, split(concat(neu), sizes));
        expect(withoutTimes(cut)).toEqual(withoutTimes(whole));
      },
    ),
    RUNS,
  );
});

function split(bytes: Uint8Array, sizes: readonly number[]): readonly Uint8Array[] {
  const chunks: Uint8Array[] = [];
  for (let offset = 0, turn = 0; offset < bytes.length; turn++) {
    const size = sizes[turn % sizes.length] ?? 1;
    chunks.push(bytes.subarray(offset, offset + size));
    offset += size;
  }
  return chunks;
}

/** All that is left when nobody looks at a clock: the kinds, places and words of every divergence. */
function withoutTimes(result: DiffResult): unknown {
  const told = result.divergences.map(({ kind, connection, old, new: neu, detail, differences }) =>
    JSON.stringify([kind, connection, old?.offset, neu?.offset, detail, differences]),
  );
  const groups = result.groups.map(({ title, count, cause }) => `${title} ${count} ${cause}`);
  return [result.counts, told.sort(), groups.sort()];
}

test('ten thousand messages on three connections are compared in seconds, and agree', () => {
  const frames = Array.from({ length: 10_000 }, (_, at) =>
    testFrame(at + 1, { source: at % 2 === 0 ? 4 : 9, checksum: 'zero' }),
  );
  const blocks: Uint8Array[] = [];
  for (let at = 0; at < frames.length; at += 100) blocks.push(concat(frames.slice(at, at + 100)));
  const seconds = processorSeconds(() => {
    const result = diffScenario({
      connections: ['publisher', 'consumer-1', 'consumer-2'],
      steps: [
        ...sends(1, ...blocks),
        ...delivers('old', [1, 2, 3], ...blocks),
        ...delivers('new', [1, 2, 3], ...blocks),
      ],
    });
    expect(result.verdict).toBe('same');
    expect(result.counts.identical).toBe(30_000);
  });
  expect(seconds).toBeLessThan(10);
});
