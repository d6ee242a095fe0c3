/** The search itself, with relays that answer by rule: no process is needed to know what a generic relay passes on. */
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openCapture } from '../../src/capture/open.ts';
import type { Divergence } from '../../src/diff/types.ts';
import {
  type Candidate,
  planSteps,
  type PlannedStep,
  writeCandidate,
} from '../../src/minimize/candidate.ts';
import { type Found, fingerprintOf } from '../../src/minimize/fingerprint.ts';
import { everything, Minimizer, type Minimized, sizeOf } from '../../src/minimize/minimize.ts';
import { readTraffic, type Traffic } from '../../src/minimize/traffic.ts';
import type { Trial } from '../../src/minimize/trials.ts';
import { forwards } from '../../src/simulate/relay-core.ts';
import { delivers, sends } from '../diff/support.ts';
import { buildCapture, type CaptureStep } from '../support/capture-builder.ts';
import { H3, testFrame } from '../support/frames.ts';
import { ANY_START } from '../support/captures.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const COUNT = 400;
const frames = Array.from({ length: COUNT }, (_, index) => testFrame(index + 1));
const foreign = testFrame(9_001, { domain: 2, type: 20 });
const [victim, before] = [frames[240] ?? foreign, frames[239] ?? foreign];

/** Two publishers and a listener; one read brings a message of another domain and one that is lost for it. */
function writeRecording(path: string): void {
  const steps: CaptureStep[] = [];
  frames.forEach((frame, index) => {
    const sender = 1 + (index % 2);
    const isVictim = frame === victim;
    const chunk = isVictim ? Buffer.concat([foreign, frame]) : frame;
    steps.push(...sends(sender, chunk), ...delivers('old', [1, 2, 3], chunk));
    if (!isVictim) steps.push(...delivers('new', [1, 2, 3], chunk));
  });
  buildCapture(path, { connections: ['one', 'two', 'three'], steps });
}

function readRecording(): Traffic {
  const path = join(temporaryDirectory(), 'r.capture');
  writeRecording(path);
  const capture = openCapture(path);
  try {
    return readTraffic(capture, H3);
  } finally {
    capture.close();
  }
}

/** What the generic relay passes on of a plan, and what of that is said to diverge. */
function answer(steps: readonly PlannedStep[]): Found {
  const lost = steps.flatMap((step) => {
    if (step.kind !== 'write') return [];
    const bytes = Buffer.concat(step.parts);
    return forwards('generic', 'market_data', bytes) ? [] : step.ended;
  });
  const divergences = lost.map((unit) => divergenceOf(unit.bytes));
  const group = {
    id: 'g1',
    title: '',
    kind: 'missing' as const,
    count: 1,
    cause: 'x',
    explanation: '',
    evidence: '',
    first: 'd1',
  };
  return { divergences, groups: [group] };
}

function divergenceOf(bytes: Uint8Array): Divergence {
  const hex = Buffer.from(bytes).toString('hex');
  return {
    id: 'd1',
    kind: 'missing',
    severity: 'error',
    connection: 3,
    group: 'g1',
    old: { ordinal: 0, offset: 0, length: bytes.length, arrivalNs: '99999999999999', hex },
    new: null,
    identity: null,
    differences: [],
    detail: '',
    subject: 'Trade',
  };
}

interface Search {
  readonly found: Minimized | undefined;
  readonly tries: number;
  readonly flaky: number;
}

async function search(
  traffic: Traffic,
  judge: (candidate: Candidate, tries: number) => Found,
  isOver: (tries: number) => boolean = () => false,
): Promise<Search> {
  let tries = 0;
  const divergence = divergenceOf(victim);
  const minimizer = new Minimizer({
    traffic,
    divergence,
    wanted: fingerprintOf(answer([]), divergence),
    run: async (candidate): Promise<Trial> => {
      tries += 1;
      return {
        result: judge(candidate, tries),
        promisePath: '',
        answerPath: '',
        failure: undefined,
      };
    },
    isOver: () => isOver(tries),
    onProgress: () => undefined,
  });
  const found = await minimizer.minimize();
  return { found, tries, flaky: minimizer.flaky };
}

describe('minimizing', () => {
  it('finds the one write with its two messages among thousands, in a few tries', async () => {
    const traffic = readRecording();
    const { found, tries, flaky } = await search(traffic, (candidate) =>
      answer(planSteps(traffic, candidate)),
    );
    expect(sizeOf(traffic, everything(traffic))).toEqual({
      clients: 3,
      writes: COUNT,
      messages: COUNT + 1,
    });
    const sent = [...(found?.candidate.units ?? [])].map((id) => traffic.units[id]?.bytes);
    expect(sent.map((bytes) => Buffer.from(bytes ?? []))).toEqual(
      [foreign, victim].map((bytes) => Buffer.from(bytes)),
    );
    expect(found).toMatchObject({ isMinimal: true, shown: 3, tried: 3, timing: 'tight' });
    expect(flaky).toBe(0);
    expect(tries).toBeLessThan(30);
  });

  it('joins writes that need not be apart, and keeps those that must', async () => {
    const traffic = readRecording();
    // Shown when the message before went out earlier, in a write of its own or not.
    const { found } = await search(traffic, (candidate) => {
      const steps = planSteps(traffic, candidate);
      const sent = steps.flatMap((step) => (step.kind === 'write' ? step.ended : []));
      const has = (bytes: Uint8Array): boolean =>
        sent.some((unit) => Buffer.compare(unit.bytes, bytes) === 0);
      return has(before) && has(victim)
        ? answer(planSteps(traffic, everything(traffic)))
        : answer([]);
    });
    // They are of two publishers, and so two writes.
    expect(found === undefined ? undefined : sizeOf(traffic, found.candidate)).toEqual({
      clients: 2,
      writes: 2,
      messages: 2,
    });
  });

  it('says that nothing shows it, that there was no time, and that it is flaky', async () => {
    const traffic = readRecording();
    const never = await search(traffic, () => answer([]));
    expect(never.found).toBeUndefined();
    const always = (candidate: Candidate): Found => answer(planSteps(traffic, candidate));
    const late = await search(traffic, always, (tries) => tries >= 4);
    expect(late.found?.isMinimal).toBe(false);
    const moody = await search(traffic, (candidate, tries) =>
      tries % 3 === 2 ? answer([]) : always(candidate),
    );
    expect(moody.flaky).toBeGreaterThan(0);
    expect(moody.found?.candidate.units.size).toBe(2);
  });

  it('writes of a part what the old relay delivered of it, in its order', () => {
    const traffic = readRecording();
    const candidate: Candidate = {
      clients: new Set([2, 3]),
      units: new Set(
        traffic.units
          .filter(({ connection }) => connection === 2)
          .slice(0, 3)
          .map(({ id }) => id),
      ),
      leaving: new Set(),
      joined: new Set(),
    };
    const path = join(temporaryDirectory(), 'c.capture');
    writeCandidate(path, ANY_START, { traffic, candidate, timing: 'tight' });
    const capture = openCapture(path);
    const streams = capture.streams().map(({ id, connection, kind }) => ({
      name: `${connection}/${kind}`,
      hex: Buffer.concat([...capture.chunks(id)].map(({ bytes }) => bytes)).toString('hex'),
    }));
    capture.close();
    const hex = Buffer.concat([1, 3, 5].map((index) => frames[index] ?? foreign)).toString('hex');
    expect(streams).toEqual([
      { name: '2/client', hex },
      { name: '2/old', hex },
      { name: '3/old', hex },
    ]);
  });
});
