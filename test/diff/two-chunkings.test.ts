/** Two recordings of the same bytes in other writes: what a relay lost is explained by the writes that it was sent. */
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openCapture } from '../../src/capture/open.ts';
import { watchReading } from '../../src/capture/watch-reading.ts';
import { diffCapture } from '../../src/diff/diff-capture.ts';
import { JoinedCapture } from '../../src/diff/two-captures/joined-capture.ts';
import { buildCapture, type CaptureStep } from '../support/capture-builder.ts';
import { testFrame } from '../support/frames.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { delivers, dialect, sends } from './support.ts';

const FRAMES = Array.from({ length: 24 }, (_, at) => testFrame(at + 1));
const SPLIT_AT = 40;

interface Sent {
  readonly writes: readonly Uint8Array[];
  /** What the relay passes on of them. */
  readonly passed: readonly Uint8Array[];
}

const whole = (frame: Uint8Array): Sent => ({ writes: [frame], passed: [frame] });
const lost = (frame: Uint8Array): Sent => ({ writes: [frame], passed: [] });
/** In two writes, of which the generic relay passes on the one that begins with a header. */
const split = (frame: Uint8Array): Sent => {
  const writes = [frame.subarray(0, SPLIT_AT), frame.subarray(SPLIT_AT)];
  return { writes, passed: writes.slice(0, 1) };
};
const splitAndPassed = (frame: Uint8Array): Sent => ({ ...split(frame), passed: [frame] });

function record(sent: readonly Sent[]): string {
  const path = join(temporaryDirectory(), 'c.capture');
  const steps: CaptureStep[] = [
    { connection: 1, event: 'open', on: 'client' },
    { connection: 1, event: 'upstream-open', on: 'old' },
    ...sent.flatMap(({ writes, passed }) => [
      ...sends(1, ...writes),
      ...delivers('old', [1], ...passed),
    ]),
    { waitMs: 2_000 },
    { connection: 1, event: 'close', on: 'client' },
    { connection: undefined, event: 'stop', details: { drained: 1 } },
  ];
  buildCapture(path, { connections: ['publisher'], steps });
  return path;
}

/** `missing x2: cause: evidence` of each group. */
function explained(first: readonly Sent[], second: readonly Sent[]): readonly string[] {
  const layouts = { old: dialect.header, new: dialect.header };
  const [old, neu] = [record(first), record(second)].map((path) => openCapture(path));
  if (old === undefined || neu === undefined) throw new Error('two captures');
  const joined = new JoinedCapture(old, neu, { layouts, newSide: 'old' });
  try {
    // As the command line reads it.
    const watched = watchReading(joined, () => undefined);
    const { groups } = diffCapture(watched, { oldDialect: dialect, newDialect: dialect });
    return groups.map(({ kind, count, cause }) => `${kind} x${count}: ${cause ?? 'unexplained'}`);
  } finally {
    joined.close();
  }
}

test('written whole in the first and in pieces in the second: the pieces are the cause', () => {
  const first = FRAMES.map(whole);
  const second = FRAMES.map((frame, at) => (at % 4 === 1 ? split(frame) : whole(frame)));
  expect(explained(first, second).toSorted()).toEqual([
    'defect x6: read-began-inside-a-frame',
    'missing x6: read-began-inside-a-frame',
  ]);
});

test('written in pieces in the first only: what the second lost is not explained by them', () => {
  const first = FRAMES.map((frame, at) => (at % 4 === 1 ? splitAndPassed(frame) : whole(frame)));
  const second = FRAMES.map((frame, at) => (at % 4 === 1 ? lost(frame) : whole(frame)));
  expect(explained(first, second)).toEqual(['missing x6: unexplained']);
});

test('what each side lost is explained by its own recording', () => {
  const first = FRAMES.map((frame, at) => (at % 4 === 1 ? split(frame) : whole(frame)));
  const second = FRAMES.map((frame, at) => (at % 4 === 2 ? split(frame) : whole(frame)));
  expect(explained(first, second).toSorted()).toEqual([
    'defect x6: read-began-inside-a-frame',
    'defect x6: read-began-inside-a-frame',
    'extra x6: read-began-inside-a-frame',
    'missing x6: read-began-inside-a-frame',
  ]);
});

test('also behind messages that only one of the recordings has', () => {
  const [head, ...rest] = FRAMES;
  const other = testFrame(99);
  if (head === undefined) throw new Error('a frame');
  const first = [whole(head), ...rest.map(whole)];
  const second = [
    splitAndPassed(other),
    ...rest.map((frame, at) => (at % 4 === 1 ? split(frame) : whole(frame))),
  ];
  const found = explained(first, second);
  expect(found).toContain('missing x6: read-began-inside-a-frame');
  expect(found).toContain('defect x6: read-began-inside-a-frame');
});

test('nothing is claimed where the recordings go on in another order', () => {
  const first = FRAMES.map(whole);
  const turned = FRAMES.toReversed();
  const second = turned.map((frame, at) => (at % 4 === 1 ? split(frame) : whole(frame)));
  const causes = explained(first, second);
  expect(causes.filter((one) => one.startsWith('missing'))).toEqual(['missing x6: unexplained']);
});
