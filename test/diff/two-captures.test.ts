import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { openCapture } from '../../src/capture/open.ts';
import { RotatingWriter } from '../../src/capture/rotating-writer.ts';
import type { CaptureEvent, StreamKind } from '../../src/capture/types.ts';
import { diffCapture } from '../../src/diff/diff-capture.ts';
import { JoinedCapture } from '../../src/diff/two-captures/joined-capture.ts';
import { matchConnections } from '../../src/diff/two-captures/match-connections.ts';
import { TimeMap } from '../../src/diff/two-captures/time-map.ts';
import type { DiffResult } from '../../src/diff/types.ts';
import { buildCapture, type CaptureStep } from '../support/capture-builder.ts';
import { testFrame } from '../support/frames.ts';
import { ANY_START } from '../support/captures.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { delivers, dialect, sends } from './support.ts';

interface Recorded {
  readonly connections?: readonly string[];
  readonly steps: readonly CaptureStep[];
}

const FRAMES = Array.from({ length: 20 }, (_, at) => testFrame(at + 1));

function record({ connections = ['publisher', 'listener'], steps }: Recorded): string {
  const path = join(temporaryDirectory(), 'c.capture');
  buildCapture(path, { connections, steps });
  return path;
}

function compare(old: string, neu: string, newSide: 'old' | 'new' = 'old'): DiffResult {
  const layouts = { old: dialect.header, new: dialect.header };
  const joined = new JoinedCapture(openCapture(old), openCapture(neu), { layouts, newSide });
  try {
    const { labels } = joined;
    return diffCapture(joined, { oldDialect: dialect, newDialect: dialect, labels });
  } finally {
    joined.close();
  }
}

function on(connection: number, kind: CaptureEvent['kind'], stream: StreamKind): CaptureStep {
  return { connection, event: kind, on: stream };
}

/** Two clients join, one publishes, both hear it, both leave; the relay passes on what `delivered` says. */
function talk(
  sent: readonly Uint8Array[],
  delivered: readonly Uint8Array[] = sent,
  pauseMs = 0,
): readonly CaptureStep[] {
  const steps: CaptureStep[] = [1, 2].flatMap((id) => [
    on(id, 'open', 'client'),
    on(id, 'upstream-open', 'old'),
  ]);
  for (const frame of sent) {
    steps.push(...sends(1, frame), { waitMs: pauseMs });
    if (delivered.includes(frame)) steps.push(...delivers('old', [1, 2], frame));
  }
  steps.push({ waitMs: 2_000 });
  for (const id of [1, 2]) steps.push(on(id, 'close', 'client'), on(id, 'close', 'old'));
  steps.push({ connection: undefined, event: 'stop', details: { drained: 1 } });
  return steps;
}

describe('two recordings of the same traffic', () => {
  test('a recording against itself is the same, and the labels name both', () => {
    const path = record({ steps: talk(FRAMES) });
    const result = compare(path, path);
    expect([result.verdict, result.counts.pairs]).toEqual(['same', 40]);
    expect(result.old.label).toBe(`${path}, old`);
    expect(result.new.label).toBe(`${path}, old`);
    expect(result.capture.name).toBe('c.capture + c.capture');
  });

  test('what the relay of the second one lost is missing, and nothing else', () => {
    const lossy = FRAMES.filter((_frame, at) => at !== 7);
    const result = compare(record({ steps: talk(FRAMES) }), record({ steps: talk(FRAMES, lossy) }));
    expect(result.verdict).toBe('different');
    expect(result.counts.divergences).toMatchObject({ missing: 2, extra: 0, connection: 0 });
    expect(result.counts.pairs).toBe(38);
    const back = compare(record({ steps: talk(FRAMES, lossy) }), record({ steps: talk(FRAMES) }));
    expect(back.counts.divergences).toMatchObject({ missing: 0, extra: 2 });
  });

  test.each([
    ['much slower', 0, 700],
    ['much faster', 700, 0],
  ])('played %s it is the same, and a loss is still a loss', (_name, oldMs, newMs) => {
    const lossy = FRAMES.slice(0, -1);
    const old = record({ steps: talk(FRAMES, FRAMES, oldMs) });
    const same = compare(old, record({ steps: talk(FRAMES, FRAMES, newMs) }));
    expect([same.verdict, same.counts.pairs]).toEqual(['same', 40]);
    const result = compare(old, record({ steps: talk(FRAMES, lossy, newMs) }));
    expect([result.verdict, result.counts.divergences.missing]).toEqual(['different', 2]);
  });

  test('the new side of the second one can be asked for', () => {
    const golden = record({ steps: talk(FRAMES) });
    const steps: CaptureStep[] = [
      ...sends(1, ...FRAMES),
      ...delivers('old', [1, 2], FRAMES[0]!),
      ...delivers('new', [1, 2], ...FRAMES),
    ];
    const both = record({ steps });
    expect(compare(golden, both, 'new')).toMatchObject({
      verdict: 'same',
      new: { label: `${both}, new` },
    });
    expect(compare(golden, both).counts.divergences.missing).toBe(38);
  });

  test('clients are known by what they sent when their names and their order changed', () => {
    const other = record({
      connections: ['first', 'second'],
      steps: [...sends(2, ...FRAMES), ...delivers('old', [1, 2], ...FRAMES)],
    });
    const result = compare(record({ steps: talk(FRAMES) }), other);
    expect([result.verdict, result.counts.pairs]).toEqual(['same', 40]);
    expect(result.connections.map(({ label }) => label)).toEqual(['publisher', 'listener']);
  });

  test('a relay that ends a connection by itself in one of them differs', () => {
    const closes: CaptureStep[] = talk(FRAMES.slice(0, 3)).flatMap((step) =>
      'event' in step && step.event === 'close' && step.on === 'client' && step.connection === 2
        ? [on(2, 'close', 'old'), { waitMs: 3_000 }, step]
        : [step],
    );
    const result = compare(record({ steps: talk(FRAMES.slice(0, 3)) }), record({ steps: closes }));
    expect(result.counts.divergences.connection).toBe(1);
    expect(result.divergences[0]?.subject).toBe('closed early');
  });
});

describe('two recordings whose traffic differs', () => {
  test('what only one of them sent is neither missing nor extra, and it is said', () => {
    const old = record({ steps: talk(FRAMES.slice(0, 18)) });
    const neu = record({ steps: talk(FRAMES.slice(3)) });
    const result = compare(old, neu);
    expect(result.verdict).toBe('inconclusive');
    expect(result.reason).toContain('the client sent 3 messages or pieces');
    expect(result.reason).toContain('the client sent 2 messages or pieces');
    expect(result.counts.pairs).toBe(30);
    expect(result.counts.setAside).toEqual([
      { reason: 'mirror-gap', side: 'old', frames: 6, others: 0 },
      { reason: 'mirror-gap', side: 'new', frames: 4, others: 0 },
    ]);
  });

  test('a loss among what both sent is found all the same', () => {
    const lossy = FRAMES.slice(0, 19).filter((_frame, at) => at !== 5);
    const result = compare(
      record({ steps: talk(FRAMES) }),
      record({ steps: talk(FRAMES.slice(0, 19), lossy) }),
    );
    expect(result.counts.divergences).toMatchObject({ missing: 2, extra: 0 });
    expect(result.reason).toContain('the client sent 1 messages');
  });

  test('a client that only one of them has is told, and its messages are not held against the other', () => {
    const without = record({
      connections: ['publisher'],
      steps: [...sends(1, ...FRAMES), ...delivers('old', [1], ...FRAMES)],
    });
    const extraClient = record({
      connections: ['publisher', 'second publisher'],
      steps: [
        ...sends(1, ...FRAMES),
        ...sends(2, testFrame(100)),
        ...delivers('old', [1, 2], ...FRAMES, testFrame(100)),
      ],
    });
    for (const [old, neu] of [
      [extraClient, without],
      [without, extraClient],
    ] as const) {
      const result = compare(old, neu);
      expect(result.verdict).toBe('inconclusive');
      expect(result.reason).toContain('has this client');
      expect(result.divergences).toEqual([]);
      expect(result.counts.pairs).toBe(20);
    }
  });

  test('whatever two clients sent, a relay that passes on everything loses nothing', () => {
    const messages = fc.array(fc.integer({ min: 0, max: 9 }), { maxLength: 12 });
    fc.assert(
      fc.property(messages, messages, (left, right) => {
        const pick = (those: readonly number[]): readonly Uint8Array[] =>
          those.map((at) => FRAMES[at] ?? new Uint8Array());
        const { counts, verdict } = compare(
          record({ steps: talk(pick(left)) }),
          record({ steps: talk(pick(right)) }),
        );
        expect(counts.divergences).toMatchObject({ missing: 0, extra: 0, modified: 0 });
        const areEqual = left.join() === right.join();
        expect(verdict === 'same').toBe(areEqual && left.length > 0);
      }),
      { numRuns: 40 },
    );
  });
});

test('a rotated recording is compared as one', () => {
  const single = record({
    connections: ['publisher'],
    steps: [...sends(1, ...FRAMES), ...delivers('old', [1], ...FRAMES)],
  });
  const directory = temporaryDirectory();
  const path = join(directory, 'r.capture');
  const writer = new RotatingWriter(path, ANY_START, {
    partBytesMax: undefined,
    partNsMax: 10_000_000n,
    keptParts: undefined,
    diskBytesMax: undefined,
  });
  writer.addConnection({ id: 1, label: 'publisher', openedNs: 0n });
  FRAMES.forEach((bytes, at) => {
    const timeNs = BigInt(at) * 2_000_000n;
    const offset = at * bytes.length;
    writer.addChunk({ connection: 1, stream: 'client', ordinal: 2 * at, timeNs, offset, bytes });
    writer.addChunk({ connection: 1, stream: 'old', ordinal: 2 * at + 1, timeNs, offset, bytes });
    writer.flush();
  });
  writer.seal();
  expect(openCapture(path).info.part).toBeDefined();
  const result = compare(single, path);
  expect([result.verdict, result.counts.pairs]).toEqual(['same', 20]);
});

test('connections are matched by name and bytes, then by bytes, then by name', () => {
  const client = (id: number, label: string, sent: string) => ({
    id,
    label,
    sentBytes: sent.length,
    sentDigest: () => sent,
  });
  const matches = matchConnections(
    [client(1, 'a', 'x'), client(2, 'b', 'y'), client(3, 'c', 'z'), client(4, 'd', 'w')],
    [client(1, 'c', 'other'), client(2, 'a', 'y'), client(3, 'a', 'x'), client(4, 'e', 'v')],
  );
  expect(matches.map((match) => [match.old?.id, match.new?.id])).toEqual([
    [1, 3],
    [2, 2],
    [3, 1],
    [4, undefined],
    [undefined, 4],
  ]);
});

test.each([65_536, 4])(
  'times are laid on those of the other recording in order, and never later than they were; anchors: %i',
  (anchorsMax) => {
    const times = fc.array(fc.tuple(fc.nat(1_000), fc.nat(1_000)), { maxLength: 20 });
    fc.assert(
      fc.property(times, (anchors) => {
        const map = new TimeMap(anchorsMax);
        for (const [from, to] of anchors) map.add(from, to);
        const asked = Array.from({ length: 48 }, (_, index) => index * 23);
        const mapped = map.mapAll(asked);
        const orders = map.ordersOf(asked);
        for (const [index, timeNs] of asked.entries()) {
          const [mappedNs = Number.NaN, orderNs = Number.NaN] = [mapped[index], orders[index]];
          expect(mappedNs).toBe(map.map(timeNs));
          expect(mappedNs).toBeLessThanOrEqual(timeNs);
          expect(mappedNs).toBeGreaterThanOrEqual(mapped[index - 1] ?? 0);
          expect(orderNs).toBeGreaterThanOrEqual(Math.max(mappedNs, orders[index - 1] ?? 0));
          // Whatever had been sent by then comes before it.
          const sent = anchors.filter(([from]) => from <= timeNs).map(([, to]) => to);
          expect(orderNs).toBeGreaterThanOrEqual(Math.max(0, ...sent));
        }
      }),
    );
  },
);
