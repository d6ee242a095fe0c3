import { expect, test } from 'vitest';
import { testFrame } from '../support/frames.ts';
import { delivers, diffScenario, kindsOf, sends } from './support.ts';

const HEARTBEAT = testFrame(0, { sequence: 0n, timestamp: 0n });
const [F0, F1, F2] = [testFrame(1), testFrame(2), testFrame(3)];

test('one copy of another client lets one heartbeat float, not all of them', () => {
  const sent = [F0, HEARTBEAT, F1, HEARTBEAT, F2];
  const scenario = (...neu: readonly Uint8Array[]) =>
    diffScenario({
      connections: ['one', 'two'],
      steps: [
        ...sends(1, ...sent),
        ...sends(2, HEARTBEAT),
        ...delivers('old', [1], ...sent, HEARTBEAT),
        ...delivers('new', [1], ...neu),
      ],
    });
  expect(scenario(HEARTBEAT, F0, HEARTBEAT, F1, HEARTBEAT, F2).verdict).toBe('same');
  const early = scenario(HEARTBEAT, HEARTBEAT, HEARTBEAT, F0, F1, F2);
  expect(kindsOf(early)).toEqual(['reordered', 'reordered']);
});

test('bytes that are no frame keep their place among what their one sender sent', () => {
  const [left, right] = [new Uint8Array(50).fill(3), new Uint8Array(60).fill(5)];
  const result = diffScenario({
    steps: [
      ...sends(1, F0, left, F1, right, F2),
      ...delivers('old', [1], F0, left, F1, right, F2),
      ...delivers('new', [1], F0, right, F1, left, F2),
    ],
  });
  expect(new Set(kindsOf(result))).toEqual(new Set(['reordered']));
});

test('without client streams another order is a doubt: nobody knows how many publishers there were', () => {
  const result = diffScenario({
    connections: ['subscriber'],
    steps: [...delivers('old', [1], F0, F1, F2), ...delivers('new', [1], F2, F0, F1)],
  });
  expect(result.divergences).toEqual([]);
  expect(result.verdict).toBe('inconclusive');
  expect(result.reason).toContain('whether 1 message kept their order could not be judged');
});

test('a message that changed and moved says both', () => {
  const changed = Uint8Array.from(F0);
  changed[40] = 99;
  const result = diffScenario({
    steps: [
      ...sends(1, F0, F1, F2),
      ...delivers('old', [1], F0, F1, F2),
      ...delivers('new', [1], F1, F2, changed),
    ],
  });
  expect(kindsOf(result)).toEqual(['modified']);
  expect(result.divergences[0]?.detail).toContain('it also lost its place');
});
