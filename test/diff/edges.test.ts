import { expect, test } from 'vitest';
import type { CaptureStep } from '../support/capture-builder.ts';
import { testFrame } from '../support/frames.ts';
import { delivers, diffScenario, kindsOf, sends } from './support.ts';

const FRAMES = Array.from({ length: 20 }, (_, at) => testFrame(at + 1));
const HEARTBEAT = testFrame(0, { sequence: 0n, timestamp: 0n });
const CLIENTS = ['publisher', 'consumer', 'witness'];

function accepted(connection: number, side: 'old' | 'new'): CaptureStep {
  return { connection, event: 'upstream-open', on: side };
}

function leaves(connection: number): CaptureStep {
  return { connection, event: 'close', on: 'client' };
}

test('what the new relay broadcast before a client joined it is left out, with its witness', () => {
  const result = diffScenario({
    connections: CLIENTS,
    steps: [
      accepted(2, 'old'),
      ...sends(1, ...FRAMES.slice(0, 3)),
      ...delivers('old', [2, 3], ...FRAMES.slice(0, 3)),
      ...delivers('new', [3], ...FRAMES.slice(0, 3)),
      accepted(2, 'new'),
      { waitMs: 20 },
      ...sends(1, ...FRAMES.slice(3)),
      ...delivers('old', [2, 3], ...FRAMES.slice(3)),
      ...delivers('new', [2, 3], ...FRAMES.slice(3)),
    ],
  });
  expect(result.verdict).toBe('same');
  expect(result.counts).toMatchObject({ ignored: 3, pairs: 37 });
  expect(result.counts.setAside).toEqual([{ reason: 'edge', side: 'old', frames: 3, others: 0 }]);
  expect(result.ignored?.[0]).toMatchObject({
    connection: 2,
    side: 'old',
    ordinal: 0,
    edge: 'joined',
    witness: { connection: 3 },
  });
});

test('what the new relay broadcast after a client left is left out, with its witness', () => {
  const result = diffScenario({
    connections: CLIENTS,
    steps: [
      ...sends(1, ...FRAMES),
      ...delivers('old', [2, 3], ...FRAMES),
      ...delivers('new', [2, 3], ...FRAMES.slice(0, 15)),
      leaves(2),
      { waitMs: 30 },
      ...delivers('new', [3], ...FRAMES.slice(15)),
    ],
  });
  expect(result.verdict).toBe('same');
  expect(result.counts.ignored).toBe(5);
  expect(result.ignored?.[0]).toMatchObject({ edge: 'left', witness: { connection: 3 } });
});

test('a loss shortly before a client leaves is missing when others got the message in time', () => {
  const result = diffScenario({
    connections: CLIENTS,
    steps: [
      ...sends(1, ...FRAMES),
      ...delivers('old', [2, 3], ...FRAMES),
      ...delivers('new', [3], ...FRAMES),
      ...delivers('new', [2], ...FRAMES.slice(0, 10)),
      { waitMs: 60 },
      leaves(2),
    ],
  });
  expect(result.counts.divergences.missing).toBe(10);
  expect(result.counts.ignored).toBe(0);
});

test('a loss that nobody got, though others were there, is missing however soon the clients leave', () => {
  const result = diffScenario({
    connections: CLIENTS,
    steps: [
      ...sends(1, ...FRAMES),
      ...delivers('old', [2, 3], ...FRAMES),
      ...delivers('new', [2, 3], ...FRAMES.slice(0, 10)),
      { waitMs: 200 },
      leaves(2),
      { waitMs: 200 },
      leaves(3),
    ],
  });
  expect(result.counts.divergences.missing).toBe(20);
});

test('a publisher alone that leaves at once proves neither agreement nor loss', () => {
  const result = diffScenario({
    steps: [
      ...sends(1, ...FRAMES),
      ...delivers('old', [1], ...FRAMES),
      ...delivers('new', [1], FRAMES[0]!),
      { waitMs: 60 },
      leaves(1),
    ],
  });
  expect(result.verdict).toBe('inconclusive');
  expect(result.counts).toMatchObject({ ignored: 0, pairs: 1, gaps: { frames: 19 } });
  expect(result.reason).toContain('19 of them under way while their client joined or left');
});

test('its own messages are missing when the relay had time to answer before it left', () => {
  const result = diffScenario({
    steps: [
      ...sends(1, ...FRAMES),
      ...delivers('old', [1], ...FRAMES),
      ...delivers('new', [1], FRAMES[0]!),
      { waitMs: 1_500 },
      leaves(1),
    ],
  });
  expect(kindsOf(result)).toEqual(Array.from({ length: 19 }, () => 'missing'));
});

test('a heartbeat lost long before its client leaves is missing, though a later copy was in flight', () => {
  const beats = Array.from({ length: 30 }, (_, at): CaptureStep[] => [
    { waitMs: 1_000 },
    ...sends(1, HEARTBEAT),
    ...delivers('old', [2], HEARTBEAT),
    ...(at % 2 === 0 ? [] : delivers('new', [2], HEARTBEAT)),
  ]).flat();
  const result = diffScenario({ connections: CLIENTS, steps: [...beats, leaves(2)] });
  expect(result.counts.divergences.missing).toBe(15);
  expect(result.counts.ignored).toBe(0);
});

test('a copy sent long before a client joined excuses no later loss of it', () => {
  const beats = Array.from({ length: 10 }, (): CaptureStep[] => [
    { waitMs: 1_000 },
    ...sends(1, HEARTBEAT),
    ...delivers('old', [2], HEARTBEAT),
  ]).flat();
  const result = diffScenario({
    connections: CLIENTS,
    steps: [
      ...sends(1, HEARTBEAT),
      { waitMs: 20 },
      accepted(2, 'old'),
      accepted(2, 'new'),
      ...beats,
      ...sends(1, FRAMES[0]!),
      ...delivers('old', [2], FRAMES[0]!),
      ...delivers('new', [2], FRAMES[0]!),
    ],
  });
  expect(result.counts.divergences.missing).toBe(10);
});

test('of equal heartbeats the one that is lost is named by its time', () => {
  const beats = Array.from({ length: 20 }, (_, at): CaptureStep[] => [
    { waitMs: 1_000 },
    ...sends(1, HEARTBEAT),
    ...delivers('old', [1], HEARTBEAT),
    ...(at === 5 ? [] : delivers('new', [1], HEARTBEAT)),
  ]).flat();
  const result = diffScenario({ steps: beats });
  expect(kindsOf(result)).toEqual(['missing']);
  expect(result.divergences[0]?.old?.ordinal).toBe(5);
  expect(result.divergences[0]?.detail).toContain('by the times this one of 20');
});

test('bytes that nobody sent are extra, however near to the end of their connection', () => {
  const result = diffScenario({
    connections: CLIENTS,
    steps: [
      ...sends(1, FRAMES[0]!),
      ...delivers('old', [2, 3], FRAMES[0]!),
      ...delivers('new', [2, 3], FRAMES[0]!, FRAMES[1]!),
      leaves(2),
      leaves(3),
    ],
  });
  expect(kindsOf(result)).toEqual(['extra', 'extra']);
});

test('messages still under way when the recording is cut off are not judged', () => {
  const steps = (details: { drained: number }): CaptureStep[] => [
    ...sends(1, ...FRAMES),
    ...delivers('old', [2, 3], ...FRAMES),
    ...delivers('new', [2, 3], ...FRAMES.slice(0, 12)),
    { connection: undefined, event: 'stop', details },
  ];
  const cut = diffScenario({ connections: CLIENTS, steps: steps({ drained: 0 }) });
  expect(cut.verdict).toBe('inconclusive');
  expect(cut.counts.gaps.frames).toBe(16);
  const drained = diffScenario({
    connections: CLIENTS,
    steps: steps({ drained: 1 }).toSpliced(-1, 0, { waitMs: 250 }),
  });
  expect(drained.counts.divergences.missing).toBe(16);
});

test('two sides that the end cut inside one frame are not judged', () => {
  const [first, second] = [FRAMES[0]!, FRAMES[1]!];
  const result = diffScenario({
    steps: [
      ...sends(1, first, second),
      ...delivers('old', [1], first, second.subarray(0, 40)),
      ...delivers('new', [1], first, second.subarray(0, 60)),
    ],
  });
  expect(result.verdict).toBe('inconclusive');
  expect(result.divergences).toEqual([]);
  expect(result.reason).toContain('2 pieces of no frame could not be judged');
});

test('a copy that came before an equal message was sent is a copy, and not that message', () => {
  const alone = testFrame(0, { source: 9, sequence: 0n, timestamp: 0n });
  const result = diffScenario({
    connections: CLIENTS,
    steps: [
      ...sends(3, alone),
      ...delivers('old', [2, 3], alone),
      ...delivers('new', [2, 3], alone),
      ...delivers('new', [2], alone),
      { waitMs: 100 },
      leaves(2),
      { waitMs: 2_000 },
      ...sends(3, alone),
      ...delivers('old', [3], alone),
      ...delivers('new', [3], alone),
    ],
  });
  expect(kindsOf(result)).toEqual(['duplicated']);
  expect(result.counts.ignored).toBe(0);
});
