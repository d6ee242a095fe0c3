/** Which message the bytes that are left of one are told to be of. */
import { expect, test } from 'vitest';
import { testFrame } from '../support/frames.ts';
import { delivers, diffScenario, sends } from './support.ts';

const FRAMES = Array.from({ length: 400 }, (_, at) => testFrame(at + 10));

function detailsOfDefects(lost: readonly number[], bytesLeft: number): readonly string[] {
  const { divergences } = diffScenario({
    steps: FRAMES.flatMap((frame, at) => [
      ...sends(1, frame),
      ...delivers('old', [1], frame),
      ...delivers('new', [1], lost.includes(at) ? frame.subarray(0, bytesLeft) : frame),
    ]),
  });
  return divergences.flatMap(({ kind, detail }) => (kind === 'defect' ? [detail] : []));
}

test('of many that begin like it, of one that nobody got', () => {
  const [detail] = detailsOfDefects([340], 4);
  expect(detail).toMatch(/the beginning of Trade \(domain 1, source 4, sequence 350, 100 bytes\)/);
  expect(detail).toMatch(/less than a header is left: others may begin like this, too/);
});

test('of several that nobody got, of the first that was sent after what came before it', () => {
  const details = detailsOfDefects([20, 100, 380], 4);
  expect(details.map((detail) => /sequence (\d+)/.exec(detail)?.[1])).toEqual(['30', '110', '390']);
});

test('with its header, of that message and no other', () => {
  const [detail] = detailsOfDefects([340], 40);
  expect(detail).toMatch(/sequence 350, 100 bytes\), of which 100 bytes were sent$/);
});

test('whenever they come: two replays of one recording are told alike', () => {
  const lost = [20, 100, 380];
  const { divergences } = diffScenario({
    steps: [
      ...FRAMES.flatMap((frame) => [...sends(1, frame), ...delivers('old', [1], frame)]),
      { waitMs: 500 },
      ...FRAMES.flatMap((frame, at) =>
        delivers('new', [1], lost.includes(at) ? frame.subarray(0, 4) : frame),
      ),
    ],
  });
  const late = divergences.flatMap(({ kind, detail }) => (kind === 'defect' ? [detail] : []));
  expect(late).toEqual(detailsOfDefects(lost, 4));
});
