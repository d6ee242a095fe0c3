/** A part of a recording is a recording: what it holds is what these clients would have sent and heard by themselves. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { openCapture } from '../../src/capture/open.ts';
import type { CaptureReader, StreamKind } from '../../src/capture/types.ts';
import { verifyCapture } from '../../src/capture/verify.ts';
import { copyCapture } from '../../src/golden/copy-capture.ts';
import { type PartRequest, selectPart } from '../../src/golden/select-part.ts';
import { buildCapture, type CaptureStep } from '../support/capture-builder.ts';
import { H3, testFrame } from '../support/frames.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { delivers, sends } from '../diff/support.ts';

const CLIENTS = ['a', 'b', 'c', 'listener'];
const ALL = [1, 2, 3, 4];
const EVERYTHING: PartRequest = {
  clients: undefined,
  fromNs: undefined,
  toNs: undefined,
  firstMessages: undefined,
  oldOnly: false,
  hidesLabels: false,
};

/** Who writes, how many frames at once, and whether the new relay loses them. */
interface Round {
  readonly client: number;
  readonly frames: number;
  readonly content: number;
  readonly lost: boolean;
}

const rounds = fc.array(
  fc.record({
    client: fc.integer({ min: 1, max: 3 }),
    frames: fc.integer({ min: 1, max: 3 }),
    // Few contents: equal messages are sent by several clients.
    content: fc.integer({ min: 1, max: 4 }),
    lost: fc.boolean(),
  }),
  { minLength: 4, maxLength: 12 },
);

function writeOf({ frames, content }: Round): Uint8Array {
  return Buffer.concat(
    Array.from({ length: frames }, (_, index) =>
      testFrame(content * 10 + index, { valueBytes: 8 }),
    ),
  );
}

/** Each round takes 9 ms: one for the write, four for each side, in the order in which they are built. */
function stepsOf(all: readonly Round[]): CaptureStep[] {
  return all.flatMap((round) => {
    const bytes = writeOf(round);
    return [
      ...sends(round.client, bytes),
      ...delivers('old', ALL, bytes),
      ...(round.lost ? [{ waitMs: 4 }] : delivers('new', ALL, bytes)),
    ];
  });
}

interface Part {
  readonly capture: CaptureReader;
  readonly hasNew: boolean;
}

function takePart(
  directory: string,
  steps: readonly CaptureStep[],
  request: Partial<PartRequest>,
): Part {
  const from = join(directory, 'a.capture');
  const path = join(directory, 'part.capture');
  buildCapture(from, { connections: CLIENTS, steps });
  const capture = openCapture(from);
  let hasNew = false;
  try {
    const selection = selectPart(capture, { ...EVERYTHING, ...request }, H3);
    hasNew = selection?.hasNew ?? true;
    copyCapture(capture, {
      path,
      writer: 'test',
      layout: H3,
      selection,
      labels: new Map(),
      protocolSchemas: new Map(),
      notes: {},
    });
  } finally {
    capture.close();
  }
  return { capture: openCapture(path), hasNew };
}

function chunksOf(capture: CaptureReader, client: string, kind: StreamKind): readonly string[] {
  const connection = capture.connections().find(({ label }) => label === client);
  const stream = capture
    .streams()
    .find((each) => each.connection === connection?.id && each.kind === kind);
  if (stream === undefined) return [];
  return Array.from(capture.chunks(stream.id), ({ bytes }) => Buffer.from(bytes).toString('hex'));
}

function hexOf(all: readonly Round[]): readonly string[] {
  return all.map((round) => Buffer.from(writeOf(round)).toString('hex'));
}

/** Some were sent in the part and outside, and the new relay lost one of them. */
function hasDoubt(all: readonly Round[], kept: readonly Round[]): boolean {
  return kept.some(({ content }) => {
    const equal = all.filter((round) => round.content === content);
    return (
      equal.length > kept.filter((round) => round.content === content).length &&
      equal.some(({ lost }) => lost)
    );
  });
}

/** The part must hold exactly these rounds, for these clients. */
function expectPart(
  { capture, hasNew }: Part,
  kept: readonly Round[],
  clients: readonly string[],
): void {
  expect(capture.connections().map(({ label }) => label)).toEqual(clients);
  for (const client of clients) {
    const own = kept.filter((round) => CLIENTS[round.client - 1] === client);
    expect(chunksOf(capture, client, 'client')).toEqual(hexOf(own));
    expect(chunksOf(capture, client, 'old').join('')).toBe(hexOf(kept).join(''));
    const forwarded = kept.filter(({ lost }) => !lost);
    if (hasNew) expect(chunksOf(capture, client, 'new').join('')).toBe(hexOf(forwarded).join(''));
  }
  const verification = verifyCapture(capture.path);
  expect(verification.findings).toEqual([]);
}

describe('a part of a recording', () => {
  it('by time holds the writes that began in it, and what came of them', () => {
    const directory = temporaryDirectory();
    let run = 0;
    fc.assert(
      fc.property(rounds, fc.nat(), fc.nat(), (all, one, other) => {
        const [from = 0, to = 0] = [one % all.length, other % all.length].sort((a, b) => a - b);
        const kept = all.slice(from, to + 1);
        const part = takePart(subdirectory(directory, run++), stepsOf(all), {
          fromNs: BigInt(from * 9) * 1_000_000n,
          toNs: BigInt((to + 1) * 9) * 1_000_000n,
        });
        try {
          expectPart(part, kept, CLIENTS);
          const isSilent = all.every(({ lost }) => lost);
          expect(part.hasNew || isSilent || hasDoubt(all, kept)).toBe(true);
        } finally {
          part.capture.close();
        }
      }),
      { numRuns: 12 },
    );
  });

  it('by clients holds them as if the others had never been there', () => {
    const directory = temporaryDirectory();
    let run = 0;
    fc.assert(
      fc.property(rounds, fc.subarray(['a', 'b', 'c'], { minLength: 1 }), (all, chosen) => {
        const kept = all.filter(({ client }) => chosen.includes(CLIENTS[client - 1] ?? ''));
        fc.pre(kept.length > 0);
        const clients = [...chosen, 'listener'];
        const part = takePart(subdirectory(directory, run++), stepsOf(all), { clients });
        try {
          expectPart(part, kept, clients);
          const isSilent = all.every(({ lost }) => lost);
          expect(part.hasNew || isSilent || hasDoubt(all, kept)).toBe(true);
        } finally {
          part.capture.close();
        }
      }),
      { numRuns: 8 },
    );
  });

  it('of the first messages ends with the write that brings the last of them', () => {
    const all: Round[] = [1, 2, 3, 1].map((client, index) => ({
      client,
      frames: 2,
      content: index + 1,
      lost: false,
    }));
    const part = takePart(temporaryDirectory(), stepsOf(all), { firstMessages: 3 });
    expectPart(part, all.slice(0, 2), CLIENTS);
    part.capture.close();
  });

  it('is refused where pieces may be of either, and then new is left out where only it has them', () => {
    const [one, two, three] = [1, 2, 3].map((sequence) => testFrame(sequence, { valueBytes: 8 }));
    const [head, rest] = [two!.subarray(0, 20), two!.subarray(20)];
    const steps = (side: 'old' | 'new'): CaptureStep[] => [
      ...sends(1, one!),
      ...delivers('old', ALL, one!),
      ...delivers('new', ALL, one!),
      ...sends(2, head, rest),
      ...delivers(side, ALL, rest),
      ...(side === 'old' ? [] : delivers('old', ALL, two!)),
      ...sends(1, three!),
      ...delivers('old', ALL, three!),
      ...delivers('new', ALL, three!),
    ];
    expect(() => takePart(temporaryDirectory(), steps('old'), { clients: ['a'] })).toThrow(
      /cannot be cut here: 1 pieces of frames that old delivered/,
    );
    const part = takePart(temporaryDirectory(), steps('new'), { clients: ['a', 'listener'] });
    expect(part.capture.streams().map(({ kind }) => kind)).not.toContain('new');
    expect(chunksOf(part.capture, 'listener', 'old')).toHaveLength(2);
    part.capture.close();
  });

  it('is refused where old delivers what nobody sent as it is', () => {
    const frames = [1, 2, 3].map((sequence) => testFrame(sequence, { valueBytes: 8 }));
    const stamped = testFrame(2, { valueBytes: 8, timestamp: 99n });
    const steps = frames.flatMap((frame, index) => [
      ...sends(1, frame),
      ...delivers('old', ALL, index === 1 ? stamped : frame),
    ]);
    expect(() => takePart(temporaryDirectory(), steps, { clients: ['a', 'b'] })).toThrow(
      /old delivered 1 messages meanwhile that no client sent as they are/,
    );
  });
});

function subdirectory(directory: string, run: number): string {
  const path = join(directory, String(run));
  mkdirSync(path);
  return path;
}
