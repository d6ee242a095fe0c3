/** Everything that a capture holds, as values that can be compared; and random captures to damage. */
import { copyFileSync, rmSync } from 'node:fs';
import fc from 'fast-check';
import { openCaptureFile } from '../../src/capture/reader.ts';
import type { CaptureEvent, Gap, StreamAccount, StreamKind } from '../../src/capture/types.ts';
import { type CaptureStart, CaptureWriter } from '../../src/capture/writer.ts';
import { OperatingError } from '../../src/lib/operating-error.ts';
import { H3, testFrame } from './frames.ts';

/** Of a capture whose beginning the test does not ask about. */
export const ANY_START: CaptureStart = {
  origin: 'record',
  writer: 'test',
  startedUnixNs: 0n,
  dialect: 'torq-codec',
  layout: H3,
  notes: {},
  protocolSchemas: new Map<string, string>(),
};

/** Which failure of operating it ends with. */
export function codeOf(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    if (error instanceof OperatingError) return error.code;
    throw error;
  }
  return 'no error';
}

export interface ReadChunk {
  readonly ordinal: number;
  readonly timeNs: bigint;
  readonly offset: number;
  readonly hex: string;
}

export interface ReadCapture {
  readonly dialect: string;
  readonly labels: readonly string[];
  /** By `connection/kind`. */
  readonly streams: ReadonlyMap<string, readonly ReadChunk[]>;
  readonly events: readonly CaptureEvent[];
  readonly gaps: readonly Gap[];
  readonly accounts: readonly StreamAccount[];
}

export function readCapture(path: string): ReadCapture {
  const capture = openCaptureFile(path);
  try {
    return {
      dialect: capture.info.dialect,
      labels: capture.connections().map(({ label }) => label),
      streams: new Map(
        capture.streams().map((stream) => [
          `${stream.connection}/${stream.kind}`,
          [...capture.chunks(stream.id)].map(({ ordinal, timeNs, offset, bytes }) => ({
            ordinal,
            timeNs,
            offset,
            hex: Buffer.from(bytes).toString('hex'),
          })),
        ]),
      ),
      events: [...capture.events()],
      gaps: capture.gaps(),
      accounts: capture.accounts(),
    };
  } finally {
    capture.close();
  }
}

/** What a random capture is made of: `rounds` times what one publisher sent and both relays delivered to two clients. */
export interface RandomCapture {
  readonly rounds: number;
  readonly valueBytes: number;
  /** Rounds a flush. */
  readonly flushEvery: number;
  /** Rounds after which one round is in a recording gap; 0: never. */
  readonly gapEvery: number;
  readonly isSealed: boolean;
  readonly hasAccounts: boolean;
}

export const randomCaptures: fc.Arbitrary<RandomCapture> = fc.record({
  rounds: fc.integer({ min: 1, max: 120 }),
  valueBytes: fc.constantFrom(10, 66, 255),
  flushEvery: fc.integer({ min: 1, max: 20 }),
  gapEvery: fc.constantFrom(0, 0, 7),
  isSealed: fc.boolean(),
  hasAccounts: fc.boolean(),
});

/** A second of recording every so many rounds, so that there are segments and journal rows. */
const ROUND_NS = 30_000_000n;
const STREAMS: readonly (readonly [number, StreamKind])[] = [
  [1, 'client'],
  [1, 'old'],
  [2, 'old'],
  [2, 'new'],
];

/** Without its seal it is what a recorder leaves that is killed at that moment. */
export function writeRandomCapture(path: string, random: RandomCapture): void {
  if (random.isSealed) {
    fillRandomCapture(path, random).seal();
    return;
  }
  const live = `${path}.live`;
  fillRandomCapture(live, random).flush();
  for (const suffix of ['', '-wal']) copyFileSync(`${live}${suffix}`, `${path}${suffix}`);
  for (const suffix of ['', '-wal', '-shm']) rmSync(`${live}${suffix}`);
}

function fillRandomCapture(path: string, random: RandomCapture): CaptureWriter {
  const writer = CaptureWriter.create(path, {
    origin: 'record',
    writer: 'test',
    startedUnixNs: 1_700_000_000_000_000_000n,
    dialect: 'torq-codec',
    layout: H3,
    notes: { listen: '/tmp/md.sock' },
    protocolSchemas: new Map([['mine.yaml', 'name: mine\n'.repeat(2_000)]]),
  });
  let ordinal = 0;
  const ends = new Map<string, number>();
  for (const id of [1, 2]) {
    writer.addConnection({ id, label: `client-${id}`, openedNs: 0n });
    ordinal += 1;
    writer.addEvent({
      ordinal,
      timeNs: 0n,
      connection: id,
      stream: 'client',
      kind: 'open',
      details: {},
    });
  }
  for (let round = 1; round <= random.rounds; round++) {
    const bytes = testFrame(round, { valueBytes: random.valueBytes });
    const timeNs = BigInt(round) * ROUND_NS;
    const isLost = random.gapEvery > 0 && round % random.gapEvery === 0;
    for (const [connection, stream] of STREAMS) {
      const offset = ends.get(`${connection}/${stream}`) ?? 0;
      ends.set(`${connection}/${stream}`, offset + bytes.length);
      if (isLost) {
        const span = {
          offset,
          bytes: bytes.length,
          frames: 1,
          firstHeader: bytes.subarray(0, H3.sizeBytes),
          lastHeader: bytes.subarray(0, H3.sizeBytes),
          firstTimeNs: timeNs,
          lastTimeNs: timeNs,
        };
        writer.addGap({ connection, stream, where: 'recording', reason: 'spool-full', ...span });
        continue;
      }
      ordinal += 1;
      writer.addChunk({ connection, stream, ordinal, timeNs, offset, bytes });
    }
    if (round % random.flushEvery === 0) writer.flush();
  }
  if (random.hasAccounts) {
    for (const [connection, stream] of STREAMS) {
      const seenBytes = ends.get(`${connection}/${stream}`) ?? 0;
      const mirroredBytes = stream === 'client' ? seenBytes : undefined;
      writer.addAccount({ connection, stream, seenBytes, mirroredBytes });
    }
  }
  return writer;
}

/** What happens to a file: places and sizes are parts of a million of its length. */
export type Damage =
  | { readonly kind: 'flip'; readonly at: number; readonly bit: number }
  | { readonly kind: 'fill'; readonly at: number; readonly size: number; readonly byte: number }
  | { readonly kind: 'page'; readonly at: number; readonly byte: number }
  | { readonly kind: 'truncate'; readonly at: number };

const place = fc.integer({ min: 0, max: 999_999 });

export const damages: fc.Arbitrary<Damage> = fc.oneof(
  fc.record({ kind: fc.constant('flip' as const), at: place, bit: fc.integer({ min: 0, max: 7 }) }),
  fc.record({
    kind: fc.constant('fill' as const),
    at: place,
    size: fc.integer({ min: 1, max: 200_000 }),
    byte: fc.constantFrom(0, 0xa5, 0xff),
  }),
  fc.record({ kind: fc.constant('page' as const), at: place, byte: fc.constantFrom(0, 0x0d) }),
  fc.record({ kind: fc.constant('truncate' as const), at: place }),
);

const PAGE_BYTES = 8_192;

/** A damaged copy. */
export function damaged(file: Uint8Array, damage: Damage): Uint8Array {
  const copy = Uint8Array.from(file);
  const at = Math.floor((damage.at * copy.length) / 1_000_000);
  switch (damage.kind) {
    case 'flip':
      copy[at] = (copy[at] ?? 0) ^ (1 << damage.bit);
      return copy;
    case 'fill':
      return copy.fill(damage.byte, at, at + Math.ceil((damage.size * copy.length) / 1_000_000));
    case 'page':
      return copy.fill(damage.byte, at - (at % PAGE_BYTES), at - (at % PAGE_BYTES) + PAGE_BYTES);
    case 'truncate':
      return copy.subarray(0, at);
  }
}
