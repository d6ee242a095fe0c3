/**
 * What does not agree is analysed in windows; what is said must be what is said when the whole capture is looked at at
 * once. Small limits make windows of a few messages.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { DiffResult } from '../../src/diff/types.ts';
import { frameChecksum, viewOf } from '../../src/wire/header.ts';
import type { CaptureStep } from '../support/capture-builder.ts';
import { testFrame } from '../support/frames.ts';
import {
  cutShort,
  dropped,
  repeated,
  single,
  stepsOf,
  traffic,
  translator,
} from './faulty-traffic.ts';
import { dialect, protocol } from './support.ts';
import { compareBothWays, LIMITS, told } from './windowed.ts';

test.each([false, true])(
  'windows say what the whole says; publishers interleaved: %s',
  (isInterleaved) => {
    fc.assert(
      fc.property(traffic(isInterleaved, fc.oneof(single, single, repeated)), (made) => {
        const { whole, windowed } = compareBothWays(stepsOf(made), LIMITS, made);
        expect(told(windowed)).toEqual(told(whole));
      }),
      { numRuns: 30 },
    );
  },
);

test('and of many messages that are cut short, one behind the other', () => {
  fc.assert(
    fc.property(traffic(false, fc.oneof(cutShort, cutShort, cutShort, dropped), 40), (made) => {
      const { whole, windowed } = compareBothWays(stepsOf(made), LIMITS, made);
      expect(told(windowed)).toEqual(told(whole));
    }),
    { numRuns: 30 },
  );
});

function toldWithoutExamples({ remarks = [], ...result }: DiffResult): unknown {
  return [told(result), remarks.map(({ example: _example, ...counts }) => counts)];
}

/** Another order of the header; other numbers of domains. New computes some checksums. */
test.each(['alphapulse-v2-seqfirst', 'torq-types'])(
  'and where new speaks another dialect: %s',
  (name) => {
    const newDialect = protocol.dialect(name);
    const translate = translator(dialect, newDialect);
    const { header } = newDialect;
    const ofNew = (bytes: Uint8Array): Uint8Array => {
      const said = translate(bytes);
      if (said.length < header.sizeBytes || (said[header.offsets.sequence] ?? 0) % 3 > 0)
        return said;
      viewOf(said).setUint32(header.offsets.checksum, frameChecksum(header, said), true);
      return said;
    };
    let runsThatAgree = 0;
    fc.assert(
      fc.property(traffic(true, fc.oneof(single, single, repeated)), (made) => {
        const of = { sealed: made.sealed, newDialect };
        const { whole, windowed } = compareBothWays(stepsOf(made, ofNew), LIMITS, of);
        // Of equal messages that have other checksums in new, which is the example of a remark is the scan's choice.
        expect(toldWithoutExamples(windowed)).toEqual(toldWithoutExamples(whole));
        if (whole.counts.equivalent > 0) runsThatAgree++;
      }),
      { numRuns: 20 },
    );
    expect(runsThatAgree).toBeGreaterThan(10);
  },
);

/** Messages to three clients, one after the other; `change` says what new makes of each. */
function steps(
  count: number,
  change: (frame: Uint8Array, at: number) => readonly Uint8Array[],
): CaptureStep[] {
  const frames = Array.from({ length: count }, (_, at) => testFrame(at + 1, { checksum: 'zero' }));
  return [
    ...frames.flatMap((frame, at): CaptureStep[] => [
      { connection: 1, stream: 'client', bytes: frame },
      ...[1, 2, 3].map((connection) => ({ connection, stream: 'old' as const, bytes: frame })),
      ...change(frame, at).flatMap((bytes) =>
        [1, 2, 3].map((connection) => ({ connection, stream: 'new' as const, bytes })),
      ),
    ]),
    { connection: undefined, event: 'stop', details: { drained: 1 } },
  ];
}

const flipped = (frame: Uint8Array): Uint8Array => {
  const changed = Uint8Array.from(frame);
  changed[50] = (changed[50] ?? 0) ^ 0xff;
  return changed;
};

test('many windows are one result: all is counted, the first are listed, each cause has its evidence', () => {
  const made = steps(400, (frame, at) => {
    if (at % 40 === 7) return [];
    if (at % 40 === 17) return [flipped(frame)];
    if (at % 40 === 27) return [frame, frame];
    return [frame];
  });
  const { whole, windowed } = compareBothWays(
    made,
    { ...LIMITS, contextMoments: 3 },
    { listed: 10 },
  );
  expect(whole.counts.divergences).toMatchObject({ missing: 30, modified: 30, duplicated: 30 });
  expect(windowed.divergencesOmitted).toBe(80);
  expect(told(windowed)).toEqual(told(whole));
});

test('where nearly everything differs it is cut where it is most alike, and nothing is lost or said twice', () => {
  const made = steps(300, (frame, at) =>
    at % 3 === 0 ? [] : at % 7 === 0 ? [flipped(frame)] : [frame],
  );
  const { whole, windowed } = compareBothWays(made, { ...LIMITS, recordsMax: 400 });
  expect(windowed.counts).toEqual(whole.counts);
  expect(windowed.divergences).toEqual(whole.divergences);
  expect(windowed.groups).toEqual(whole.groups);
});

test('a message that moved farther than a window is said to have, and is one that lacks and one that has it', () => {
  const late: Uint8Array[] = [];
  const made = steps(300, (frame, at) => {
    if (at === 20) late.push(frame);
    return at === 20 ? [] : at === 280 ? [...late, frame] : [frame];
  });
  const { whole, windowed } = compareBothWays(made, { ...LIMITS, recordsMax: 400 });
  expect(whole.counts.divergences).toMatchObject({ reordered: 3, missing: 0, extra: 0 });
  expect(windowed.counts.divergences).toMatchObject({ reordered: 0, missing: 3, extra: 3 });
  expect(windowed.groups.map(({ title }) => title)).toEqual([
    'Trade far out of order in new',
    'Trade far out of order in new',
  ]);
  expect(windowed.divergences[0]?.detail).toContain('new farther away than the order is looked at');
});

test.each([5, 8, 20, 70])('a message that comes %d too early is told with how far', (by) => {
  const frames = Array.from({ length: 120 }, (_, at) => testFrame(at + 1, { checksum: 'zero' }));
  const moved = frames.filter((_, at) => at !== 90).toSpliced(90 - by, 0, ...frames.slice(90, 91));
  const deliver = (side: 'old' | 'new', passed: readonly Uint8Array[]): CaptureStep[] =>
    passed.flatMap((bytes) => [1, 2, 3].map((connection) => ({ connection, stream: side, bytes })));
  const made: CaptureStep[] = [
    ...frames.map((bytes): CaptureStep => ({ connection: 1, stream: 'client', bytes })),
    ...deliver('old', frames),
    ...deliver('new', moved),
    { connection: undefined, event: 'stop', details: { drained: 1 } },
  ];
  const { whole, windowed } = compareBothWays(made, LIMITS);
  expect(whole.divergences.map(({ distance }) => distance)).toEqual([-by, -by, -by]);
  expect(told(windowed)).toEqual(told(whole));
});

test('a side that comes when the other has long ended is read before its time', () => {
  const made = steps(400, (frame, at) =>
    at % 80 === 7 ? [] : at % 80 === 47 ? [flipped(frame)] : [frame],
  );
  const isNew = (step: CaptureStep): boolean => 'stream' in step && step.stream === 'new';
  const behind = [...made.filter((step) => !isNew(step)), ...made.filter(isNew)];
  const { whole, windowed } = compareBothWays(behind, { ...LIMITS, recordsMax: 300 });
  expect(whole.counts.divergences).toMatchObject({ missing: 15, modified: 15 });
  expect(told(windowed)).toEqual(told(whole));
});
