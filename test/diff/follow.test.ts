/** A recording that is followed while it is made ends with the result of a comparison afterwards. */
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { openCapture } from '../../src/capture/open.ts';
import { readerWith } from '../../src/capture/reader-with.ts';
import type { Rotation } from '../../src/capture/rotating-writer.ts';
import type { CaptureReader } from '../../src/capture/types.ts';
import { diffCapture, type DiffOptions } from '../../src/diff/diff-capture.ts';
import { DiffFollower } from '../../src/diff/diff-follower.ts';
import { buildCapture } from '../support/capture-builder.ts';
import { testFrame } from '../support/frames.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { single, SMALL, stepsOf, traffic } from './faulty-traffic.ts';
import { delivers, dialect, sends } from './support.ts';

const OPTIONS: DiffOptions = { oldDialect: dialect, newDialect: dialect, scan: SMALL };

const ONE_FILE: Rotation | undefined = undefined;
/** A file for each 5 ms of the recording, which are some five steps. */
const MANY_FILES: Rotation = {
  partBytesMax: undefined,
  partNsMax: 5_000_000n,
  keptParts: undefined,
  diskBytesMax: undefined,
};

test.each([
  ['one file', ONE_FILE, 40],
  ['many files', MANY_FILES, 15],
  ['many files of which only the latest are kept', { ...MANY_FILES, keptParts: 3 }, 15],
])(
  'following %s ends with what a comparison afterwards says, whenever one looked',
  (_, rotation, numRuns) => {
    fc.assert(
      fc.property(
        traffic(true, single),
        fc.integer({ min: 1, max: 40 }),
        fc.boolean(),
        (made, everySteps, asksForResults) => {
          const path = join(temporaryDirectory(), 'live.capture');
          const follower = new DiffFollower(() => openCapture(path), OPTIONS);
          buildCapture(path, {
            connections: ['one', 'two', 'three'],
            steps: stepsOf(made),
            ...(rotation && { rotation }),
            watched: {
              everySteps,
              look: () => {
                follower.advance();
                // Asking changes nothing of what is said later.
                if (asksForResults) follower.result();
              },
            },
          });
          expect(follower.advance().isSealed).toBe(true);
          const followed = follower.result();
          const reader = openCapture(path);
          try {
            expect(followed).toEqual(diffCapture(reader, OPTIONS));
          } finally {
            reader.close();
          }
        },
      ),
      { numRuns },
    );
  },
);

test('what was read once is never read again, and nobody asks for what has not grown', () => {
  const path = join(temporaryDirectory(), 'live.capture');
  let read = 0;
  const asked: (readonly number[])[] = [];
  const counting = (reader: CaptureReader): CaptureReader => {
    const streams: number[] = [];
    asked.push(streams);
    return readerWith(reader, {
      *runs(stream, fromOffset) {
        streams.push(stream);
        for (const run of reader.runs?.(stream, fromOffset) ?? []) {
          read += run.bytes.length;
          yield run;
        }
      },
    });
  };
  const follower = new DiffFollower(() => counting(openCapture(path)), OPTIONS);
  const frames = Array.from({ length: 300 }, (_, at) => testFrame(at + 1));
  const steps = frames.flatMap((frame, at) => [
    ...sends(1, frame),
    ...delivers('old', [1, 2], frame),
    ...(at === 150 ? [] : delivers('new', [1, 2], frame)),
  ]);
  buildCapture(path, {
    connections: ['one', 'two', 'three'],
    steps: [...sends(3, testFrame(1_000)), ...steps],
    watched: { everySteps: 7, look: () => follower.advance() },
  });
  const last = follower.advance();
  expect(last).toMatchObject({ isSealed: true, pairs: 598, open: { old: 2, new: 0 } });
  expect(read).toBe(100 + 300 * 100 + 2 * 300 * 100 + 2 * 299 * 100);
  // The stream of the client that said one thing: when it was new, and when the recording had ended.
  expect(asked.filter((streams) => streams.includes(1))).toHaveLength(2);
  expect(asked.length).toBeGreaterThan(100);
});

test.each([
  ['one file', ONE_FILE],
  ['many files', MANY_FILES],
])('a stream of %s ends behind its last chunk, whenever one looks', (_, rotation) => {
  const path = join(temporaryDirectory(), 'live.capture');
  let looks = 0;
  const steps = Array.from({ length: 60 }, (_frame, at) => [
    ...sends(1, testFrame(at + 1)),
    ...(at % 3 === 0 ? delivers('old', [1, 2], testFrame(at + 1)) : []),
    { waitMs: at % 10 === 9 ? 1_500 : 0 },
  ]).flat();
  buildCapture(path, {
    connections: ['one', 'two'],
    steps,
    ...(rotation && { rotation }),
    watched: {
      everySteps: 5,
      look: () => {
        const reader = openCapture(path);
        for (const { id, endOffset } of reader.streamEnds?.() ?? []) {
          const last = [...reader.chunks(id)].at(-1);
          expect(endOffset).toBe(last === undefined ? 0 : last.offset + last.bytes.length);
          looks++;
        }
        reader.close();
      },
    },
  });
  expect(looks).toBeGreaterThan(20);
});
