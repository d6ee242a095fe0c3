/** What is said of a capture that a tap made, and what is not. */
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openCapture } from '../../src/capture/open.ts';
import { diffCapture } from '../../src/diff/diff-capture.ts';
import type { DiffResult } from '../../src/diff/types.ts';
import { loadBuiltInProtocol } from '../../src/protocol/files.ts';
import { buildCapture, type CaptureStep } from '../support/capture-builder.ts';
import { testFrame } from '../support/frames.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const JOINED: readonly CaptureStep[] = [
  { connection: 1, event: 'open', on: 'client' },
  { connection: 1, event: 'upstream-open', on: 'old' },
  { connection: 1, event: 'upstream-open', on: 'new' },
];

const LEFT: readonly CaptureStep[] = [
  { connection: 1, event: 'note', details: { tap: 'left' } },
  { connection: 1, event: 'close', on: 'old' },
  { connection: undefined, event: 'stop', details: { clients: 1, drained: 1 } },
  { connection: 1, event: 'close', on: 'client' },
  { connection: 1, event: 'close', on: 'new' },
];

/** The old relay broadcast it, and the tap fed it to the new one. */
function heard(bytes: Uint8Array, connection = 1): readonly CaptureStep[] {
  return [
    { connection, stream: 'client', bytes },
    { connection, stream: 'old', bytes },
  ];
}

function answered(bytes: Uint8Array, connection = 1): CaptureStep {
  return { connection, stream: 'new', bytes };
}

function compare(
  steps: readonly CaptureStep[],
  connections: readonly string[] = ['tap-1'],
): DiffResult {
  const path = join(temporaryDirectory(), 'tapped.capture');
  buildCapture(path, { origin: 'tap', connections, steps });
  const reader = openCapture(path);
  const dialect = loadBuiltInProtocol().dialect(reader.info.dialect);
  const result = diffCapture(reader, { oldDialect: dialect, newDialect: dialect });
  reader.close();
  return result;
}

const [one, two, three] = [testFrame(1), testFrame(2), testFrame(3)];

describe('a tapped capture', () => {
  it('says what it could not see, and that the rest is the same', () => {
    const result = compare([
      ...JOINED,
      ...[one, two].flatMap((frame) => [...heard(frame), answered(frame)]),
      ...LEFT,
    ]);
    expect(result.verdict).toBe('same');
    expect(result.capture.notSeen).toHaveLength(6);
  });

  it('does not hold the pieces against the new relay that the tap cut off when it came and went', () => {
    const result = compare([
      ...JOINED,
      ...heard(one.slice(60)),
      ...heard(two),
      answered(two),
      ...heard(three.slice(0, 60)),
      ...LEFT,
    ]);
    expect(result.verdict).toBe('same');
    expect(result.counts.setAside).toEqual([{ reason: 'edge', side: 'old', frames: 0, others: 2 }]);
  });

  it('owes every message that was fed, however soon after the tap came or before it left', () => {
    const result = compare([
      ...JOINED,
      ...heard(one),
      ...heard(two),
      answered(two),
      ...heard(three),
      ...LEFT,
    ]);
    expect(result.counts.divergences.missing).toBe(2);
    expect(result.counts.gaps.frames).toBe(0);
  });

  it('owes order within a domain only: each has a connection of its own to the new relay', () => {
    const foreign = testFrame(9, { domain: 2 });
    const heardAll = [one, foreign, two, three].flatMap((frame) => heard(frame));
    const floating = [one, two, three, foreign].map((frame) => answered(frame));
    expect(compare([...JOINED, ...heardAll, ...floating, ...LEFT]).verdict).toBe('same');
    const moved = [one, foreign, three, two].map((frame) => answered(frame));
    const { divergences } = compare([...JOINED, ...heardAll, ...moved, ...LEFT]);
    expect(divergences.map(({ kind }) => kind)).toEqual(['reordered']);
    expect(divergences[0]?.detail).toContain('than it was fed');
  });

  it('claims no difference of connections: the tap comes and goes for reasons of its own', () => {
    const steps: readonly CaptureStep[] = [
      ...JOINED,
      ...heard(one),
      answered(one),
      { connection: 1, event: 'close', on: 'new' },
      ...LEFT,
    ];
    expect(compare(steps).verdict).toBe('same');
  });

  it('is inconclusive when the old relay had ended the connection: what was missed nobody knows', () => {
    const lost: readonly CaptureStep[] = [
      ...JOINED,
      ...heard(one),
      answered(one),
      { connection: 1, event: 'close', on: 'old' },
      { connection: 1, event: 'note', details: { tap: 'lost' } },
      { connection: 1, event: 'note', details: { tap: 'drained', drained: 1 } },
      { connection: 1, event: 'close', on: 'client' },
      { connection: 1, event: 'close', on: 'new' },
      { connection: undefined, event: 'stop', details: { clients: 0, drained: 1 } },
    ];
    const result = compare(lost);
    expect(result.verdict).toBe('inconclusive');
    expect(result.reason).toContain('broadcast to the end of the recording is not known');
  });

  it('says of bytes that are no frame where they were seen, not who sent them', () => {
    const noise = new Uint8Array(50).fill(3);
    const result = compare([
      ...JOINED,
      ...heard(one),
      answered(one),
      ...heard(noise),
      ...heard(two),
      answered(two),
      ...LEFT,
    ]);
    const [defect] = result.divergences;
    expect(defect).toMatchObject({ kind: 'defect', new: null });
    expect(defect?.detail).toContain('old delivered them, new did not');
    expect(JSON.stringify(result.divergences)).not.toMatch(/client|publisher/);
  });

  it('finds causes however long the new relay let the tap wait before it could feed it', () => {
    const frames = Array.from({ length: 40 }, (_, at) => testFrame(at + 1));
    const steps = frames.flatMap((frame, at): CaptureStep[] => {
      const isSplit = at % 4 === 1;
      const chunks = isSplit ? [frame.subarray(0, 40), frame.subarray(40)] : [frame];
      return [
        { connection: 1, stream: 'old', bytes: frame },
        { waitMs: 50 },
        ...chunks.map((bytes): CaptureStep => ({ connection: 1, stream: 'client', bytes })),
        ...(isSplit ? [] : [answered(frame)]),
      ];
    });
    const { groups } = compare([...JOINED, ...steps, { waitMs: 2_000 }, ...LEFT]);
    expect(groups.map(({ kind, cause }) => [kind, cause])).toEqual([
      ['missing', 'read-began-inside-a-frame'],
    ]);
  });
});
