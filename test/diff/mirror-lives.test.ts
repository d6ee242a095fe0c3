/** A mirror that went away and came back, and parts of the traffic that it was not to see. */
import { describe, expect, test } from 'vitest';
import type { CaptureEvent, StreamKind } from '../../src/capture/types.ts';
import type { DiffResult } from '../../src/diff/types.ts';
import type { CaptureStep } from '../support/capture-builder.ts';
import { testFrame } from '../support/frames.ts';
import { delivers, diffScenario, sends } from './support.ts';

const FRAMES = Array.from({ length: 20 }, (_, at) => testFrame(at + 1));
const frames = (from: number, to: number): readonly Uint8Array[] => FRAMES.slice(from - 1, to);

function on(
  connection: number,
  kind: CaptureEvent['kind'],
  stream: StreamKind,
  details: CaptureEvent['details'] = {},
): CaptureStep {
  return { connection, event: kind, on: stream, details };
}

function opens(...connections: readonly number[]): CaptureStep[] {
  return connections.flatMap((connection) => [
    on(connection, 'upstream-open', 'old'),
    on(connection, 'upstream-open', 'new'),
  ]);
}

function mirrorGap(reason: string, offset: number, bytes: number, connection = 1): CaptureStep {
  return {
    gap: {
      connection,
      stream: 'client',
      where: 'mirror',
      reason,
      offset,
      bytes,
      frames: bytes / 100,
      firstHeader: FRAMES[offset / 100]?.slice(0, 32),
      lastHeader: FRAMES[(offset + bytes) / 100 - 1]?.slice(0, 32),
      firstTimeNs: 5n,
      lastTimeNs: 6n,
    },
  };
}

/** Everything agrees: sent by connection 1, delivered to all. */
function agreed(to: readonly number[], ...some: readonly Uint8Array[]): CaptureStep[] {
  return [...sends(1, ...some), ...delivers('old', to, ...some), ...delivers('new', to, ...some)];
}

function expectConserved({ counts }: DiffResult): void {
  const { missing, extra, duplicated } = counts.divergences;
  const leftOut = counts.leftOut?.frames ?? 0;
  expect(counts.old + counts.new).toBe(
    2 * counts.pairs + missing + extra + duplicated + counts.ignored + counts.gaps.frames + leftOut,
  );
}

describe('a new relay that is restarted while two clients live', () => {
  const restart: readonly CaptureStep[] = [
    ...opens(1, 2),
    ...agreed([1, 2], ...frames(1, 3)),
    { waitMs: 5_000 },
    on(1, 'close', 'new'),
    on(2, 'close', 'new'),
    on(1, 'upstream-failed', 'new', { code: 'ECONNREFUSED' }),
    ...sends(1, ...frames(4, 6)),
    mirrorGap('mirror-closed', 300, 300),
    ...delivers('old', [1, 2], ...frames(4, 6)),
    on(1, 'upstream-open', 'new', { life: 2, downMs: 100, offset: 300 }),
    // The publisher is there again, the other one not yet: this one only the publisher can hear.
    ...sends(1, ...frames(7, 7)),
    ...delivers('old', [1, 2], ...frames(7, 7)),
    ...delivers('new', [1], ...frames(7, 7)),
    on(2, 'upstream-open', 'new', { life: 2, downMs: 150, offset: 300 }),
    { waitMs: 5_000 },
    ...agreed([1, 2], ...frames(8, 9)),
  ];

  test('is no difference, but leaves open what it would have delivered meanwhile', () => {
    const result = diffScenario({ connections: ['publisher', 'consumer'], steps: restart });
    expect(result.divergences).toEqual([]);
    expect(result.verdict).toBe('inconclusive');
    expect(result.reason).toContain('connection 1: the new relay went away at 5.');
    expect(result.counts.setAside).toEqual([
      { reason: 'mirror-gap', side: 'old', frames: 6, others: 0 },
      { reason: 'connection-down', side: 'old', frames: 1, others: 0 },
    ]);
    expectConserved(result);
    expect(result.gaps).toMatchObject([
      {
        where: 'mirror',
        frames: 3,
        first: { domain: 1, source: 4, sequence: '4' },
        last: { domain: 1, source: 4, sequence: '6' },
      },
    ]);
  });

  test('still owes what was sent while it was there', () => {
    const steps = [
      ...restart,
      { waitMs: 5_000 },
      ...sends(1, ...frames(10, 10)),
      ...delivers('old', [1, 2], ...frames(10, 10)),
      ...delivers('new', [1], ...frames(10, 10)),
      { waitMs: 5_000 },
    ];
    const result = diffScenario({ connections: ['publisher', 'consumer'], steps });
    expect(result.divergences).toMatchObject([{ kind: 'missing', connection: 2 }]);
    expectConserved(result);
  });

  test('that does not come back in time for a client is no difference of that client', () => {
    const result = diffScenario({
      connections: ['publisher', 'consumer', 'short-lived'],
      steps: [
        ...opens(1, 2, 3),
        ...agreed([1, 2, 3], ...frames(1, 3)),
        ...[1, 2, 3].map((connection) => on(connection, 'close', 'new')),
        { waitMs: 500 },
        on(3, 'close', 'client'),
        on(3, 'close', 'old'),
        ...[1, 2].map((id) =>
          on(id, 'upstream-open', 'new', { life: 2, downMs: 600, offset: 300 }),
        ),
        ...agreed([1, 2], ...frames(8, 9)),
      ],
    });
    expect(result.divergences).toEqual([]);
    expect(result.reason).toContain('connection 1: the new relay went away');
    expect(result.reason).toContain('more connection');
    expect(result.verdict).toBe('inconclusive');
  });
});

describe('a new relay that closes the connection of one client', () => {
  test('differs by that, but nobody claims that what came meanwhile was lost', () => {
    const result = diffScenario({
      connections: ['publisher', 'kicked', 'third'],
      steps: [
        ...opens(1, 2, 3),
        ...agreed([1, 2, 3], ...frames(1, 3)),
        { waitMs: 5_000 },
        on(2, 'close', 'new'),
        ...sends(1, ...frames(4, 5)),
        ...delivers('old', [1, 2, 3], ...frames(4, 5)),
        ...delivers('new', [1, 3], ...frames(4, 5)),
        on(2, 'upstream-open', 'new', { life: 2, downMs: 100, offset: 300 }),
        { waitMs: 5_000 },
        ...agreed([1, 2, 3], ...frames(6, 7)),
      ],
    });
    expect(result.divergences).toMatchObject([
      { kind: 'connection', connection: 2, subject: 'closed early' },
    ]);
    expect(result.divergences[0]?.detail).toMatch(/it was reached again 0\.\d+ s later$/);
    expect(result.counts.gaps.frames).toBe(2);
    expectConserved(result);
  });

  test('and cuts a frame in two: its beginning belongs to the old life, and is no defect of the relay', () => {
    const result = diffScenario({
      connections: ['publisher', 'kicked', 'third'],
      steps: [
        ...opens(1, 2, 3),
        ...agreed([1, 2, 3], ...frames(1, 3)),
        ...sends(1, ...frames(4, 4)),
        ...delivers('old', [1, 2, 3], ...frames(4, 4)),
        ...delivers('new', [1, 3], ...frames(4, 4)),
        ...delivers('new', [2], FRAMES[3]!.subarray(0, 40)),
        on(2, 'close', 'new'),
        on(2, 'upstream-open', 'new', { life: 2, downMs: 100, offset: 340 }),
        { waitMs: 5_000 },
        ...agreed([1, 2, 3], ...frames(6, 7)),
      ],
    });
    expect(result.divergences.map(({ kind }) => kind)).toEqual(['connection']);
    expect(result.counts.setAside).toEqual([
      { reason: 'connection-down', side: 'old', frames: 1, others: 0 },
      { reason: 'connection-down', side: 'new', frames: 0, others: 1 },
    ]);
    expect(result.counts.identical).toBe(3 * 5 + 2);
  });
});

describe('a part of the traffic that was not to be mirrored', () => {
  const notSelected = (connection: number): CaptureStep =>
    on(connection, 'note', 'new', { mirror: 'not-selected' });

  test('is left out of the verdict about the rest, which says so', () => {
    const result = diffScenario({
      connections: ['publisher', 'not mirrored'],
      steps: [
        ...opens(1),
        on(2, 'upstream-open', 'old'),
        notSelected(2),
        ...agreed([1], ...frames(1, 3)),
        ...delivers('old', [2], ...frames(1, 3)),
        ...sends(2, ...frames(4, 5)),
        mirrorGap('not-selected', 0, 200, 2),
        ...delivers('old', [1, 2], ...frames(4, 5)),
        { waitMs: 5_000 },
      ],
    });
    expect(result.verdict).toBe('same');
    expect(result.reason).toBe(
      'Old and new delivered the same 3 messages of what was mirrored; as asked for 1 of 2 connections were not mirrored: 7 messages of old were not compared.',
    );
    expect(result.counts.leftOut).toEqual({ connections: 1, listeners: 0, bytes: 200, frames: 7 });
    expect(result.counts.gaps).toEqual({ frames: 0, bytes: 0, inside: 0 });
    expectConserved(result);
  });

  test('hides nothing that is lost of the rest', () => {
    const result = diffScenario({
      connections: ['publisher', 'not mirrored'],
      steps: [
        ...opens(1),
        on(2, 'upstream-open', 'old'),
        notSelected(2),
        { waitMs: 5_000 },
        ...sends(1, ...frames(1, 3)),
        ...delivers('old', [1, 2], ...frames(1, 3)),
        ...delivers('new', [1], ...frames(1, 2)),
        { waitMs: 5_000 },
      ],
    });
    expect(result.divergences).toMatchObject([{ kind: 'missing', connection: 1 }]);
    expectConserved(result);
  });

  test('may be what one client sends, while it listens', () => {
    const result = diffScenario({
      connections: ['publisher', 'withheld'],
      steps: [
        ...opens(1, 2),
        on(2, 'note', 'new', { mirror: 'withheld', source: 9 }),
        ...agreed([1, 2], ...frames(1, 3)),
        ...sends(2, ...frames(4, 5)),
        mirrorGap('not-selected', 0, 200, 2),
        ...delivers('old', [1, 2], ...frames(4, 5)),
        { waitMs: 5_000 },
      ],
    });
    expect(result.verdict).toBe('same');
    expect(result.reason).toContain('what 1 of 2 sent was kept from new: 4 messages');
    expect(result.counts.pairs).toBe(6);
  });

  test('may be everything, and then nothing can be said', () => {
    const result = diffScenario({
      connections: ['publisher'],
      steps: [
        on(1, 'upstream-open', 'old'),
        notSelected(1),
        ...sends(1, ...frames(1, 3)),
        ...delivers('old', [1], ...frames(1, 3)),
      ],
    });
    expect(result.verdict).toBe('inconclusive');
    expect(result.reason).toContain('no connection was mirrored, so nothing was compared');
  });
});
