/** Random recordings, written as recorders write them: every kind of row, whole or rotated, sealed or not. */
import fc from 'fast-check';
import { RotatingWriter } from '../../src/capture/rotating-writer.ts';
import type { CaptureEvent, Gap, StreamKind } from '../../src/capture/types.ts';
import { H3, testFrame } from '../support/frames.ts';

/** One thing that happens. Numbers choose among what there is to choose from. */
export interface Step {
  readonly what:
    | 'frame'
    | 'split'
    | 'coalesced'
    | 'garbage'
    | 'long'
    | 'gap'
    | 'mirror-gap'
    | 'event'
    | 'reconnect'
    | 'flush';
  readonly connection: number;
  readonly stream: StreamKind;
  readonly number: number;
  readonly pauseNs: number;
}

export interface Recording {
  readonly origin: string;
  readonly steps: readonly Step[];
  /** Files of a rotated recording cover this time; 0: one file. */
  readonly partNs: number;
  readonly hasAccounts: boolean;
  /** False: what a recorder leaves that is still at it. */
  readonly isSealed: boolean;
  readonly note: string;
}

const CONNECTIONS = [1, 2, 3] as const;
const EVENTS: readonly CaptureEvent['kind'][] = ['open', 'end', 'close', 'error', 'note', 'start'];

export const recordings: fc.Arbitrary<Recording> = fc.record({
  origin: fc.constantFrom('record', 'record', 'tap', 'replay'),
  steps: fc.array(
    fc.record({
      what: fc.constantFrom<Step['what']>(
        'frame',
        'frame',
        'split',
        'coalesced',
        'garbage',
        'gap',
        'mirror-gap',
        'event',
        'reconnect',
        'flush',
      ),
      connection: fc.constantFrom(...CONNECTIONS),
      stream: fc.constantFrom<StreamKind>('client', 'old', 'new'),
      number: fc.integer({ min: 0, max: 60 }),
      pauseNs: fc.constantFrom(0, 1, 999, 250_000, 400_000_000),
    }),
    { minLength: 0, maxLength: 50 },
  ),
  partNs: fc.constantFrom(0, 0, 500_000_000),
  hasAccounts: fc.boolean(),
  isSealed: fc.constantFrom(true, true, false),
  note: fc.string({ unit: 'grapheme', maxLength: 12 }),
});

/** What recorders never do, but a capture can hold. */
export const ODD_STEPS: readonly Step[] = [
  { what: 'long', connection: 1, stream: 'old', number: 7, pauseNs: 5 },
  { what: 'split', connection: 1, stream: 'old', number: 8, pauseNs: 5 },
];

export function writeRecording(path: string, recording: Recording): void {
  const rotation =
    recording.partNs === 0
      ? undefined
      : {
          partBytesMax: undefined,
          partNsMax: BigInt(recording.partNs),
          keptParts: undefined,
          diskBytesMax: undefined,
        };
  const writer = new RotatingWriter(
    path,
    {
      origin: recording.origin,
      writer: '0.0.1',
      startedUnixNs: 1_700_000_000_123_456_789n,
      dialect: 'torq-codec',
      layout: H3,
      notes: { listen: '/tmp/md.sock', 'free text': recording.note },
      protocolSchemas: new Map([['mine.yaml', 'name: mine\n# ü\n'.repeat(8_000)]]),
    },
    rotation,
  );
  new Play(writer).all(recording);
  if (recording.isSealed) writer.seal({ drained: 'yes' });
  else writer.flush();
}

class Play {
  readonly #writer: RotatingWriter;
  readonly #ends = new Map<string, number>();
  #ordinal = 0;
  #timeNs = 0n;
  #lives = 1;

  constructor(writer: RotatingWriter) {
    this.#writer = writer;
    for (const id of CONNECTIONS)
      writer.addConnection({ id, label: `client ${id}`, openedNs: BigInt(id) });
  }

  all({ steps, hasAccounts }: Recording): void {
    for (const step of steps) this.#step(step);
    if (!hasAccounts) return;
    for (const [key, end] of this.#ends) {
      const [connection = '', kind] = key.split('/');
      const stream = kind === 'client' || kind === 'new' ? kind : 'old';
      this.#writer.addAccount({
        connection: Number(connection),
        stream,
        seenBytes: end,
        mirroredBytes: undefined,
      });
    }
  }

  #step(step: Step): void {
    this.#timeNs += BigInt(step.pauseNs);
    const { what, number, connection, stream } = step;
    const first = testFrame(number);
    const second = testFrame(number + 1);
    switch (what) {
      case 'frame':
        return this.#chunks(step, [first]);
      case 'split':
        return this.#chunks(step, [first.subarray(0, 10 + number), first.subarray(10 + number)]);
      case 'coalesced':
        return this.#chunks(step, [Buffer.concat([first, second, first.subarray(0, number)])]);
      case 'garbage':
        return this.#chunks(step, [new Uint8Array(3 + number).fill(number)]);
      case 'long':
        return this.#chunks(step, [new Uint8Array(200_000), new Uint8Array(200_001), first]);
      case 'gap':
        return this.#gap(step, { where: 'recording', bytes: number + 1, frames: undefined });
      case 'mirror-gap':
        return this.#gap(step, { where: 'mirror', bytes: number, frames: 2 });
      case 'event': {
        const kind = EVENTS[number % EVENTS.length] ?? 'note';
        const isOfAll = kind === 'start';
        return this.#event({
          kind,
          connection: isOfAll ? undefined : connection,
          stream: isOfAll || number > 40 ? undefined : stream,
          details:
            number % 2 === 0 ? {} : { code: 'ECONNRESET', number: number * 2 ** 33, part: 0.5 },
        });
      }
      case 'reconnect': {
        const offset = this.#endOf(`${connection}/new`);
        this.#lives += 1;
        const details = { life: this.#lives, offset };
        return this.#event({ kind: 'upstream-open', connection, stream: 'new', details });
      }
      case 'flush':
        this.#writer.flush();
    }
  }

  #chunks(
    { connection, stream }: Pick<Step, 'connection' | 'stream'>,
    pieces: readonly Uint8Array[],
  ): void {
    const key = `${connection}/${stream}`;
    for (const bytes of pieces) {
      if (bytes.length === 0) continue;
      const offset = this.#endOf(key);
      const ordinal = (this.#ordinal += 1);
      this.#writer.addChunk({ connection, stream, ordinal, timeNs: this.#timeNs, offset, bytes });
      this.#ends.set(key, offset + bytes.length);
    }
  }

  #gap(
    { connection, stream }: Pick<Step, 'connection' | 'stream'>,
    { where, bytes, frames }: Pick<Gap, 'where' | 'bytes' | 'frames'>,
  ): void {
    const key = `${connection}/${stream}`;
    const offset = this.#endOf(key);
    const header = frames === undefined ? undefined : testFrame(1).subarray(0, 32);
    this.#writer.addGap({
      connection,
      stream,
      where,
      reason: where === 'mirror' ? 'mirror-overload' : 'spool-full',
      offset,
      bytes,
      frames,
      firstHeader: header,
      lastHeader: header,
      firstTimeNs: this.#timeNs,
      lastTimeNs: this.#timeNs + 10n,
    });
    this.#timeNs += 10n;
    if (where === 'recording') this.#ends.set(key, offset + bytes);
  }

  #event(event: Omit<CaptureEvent, 'ordinal' | 'timeNs'>): void {
    const ordinal = (this.#ordinal += 1);
    this.#writer.addEvent({ ordinal, timeNs: this.#timeNs, ...event });
  }

  #endOf(key: string): number {
    return this.#ends.get(key) ?? 0;
  }
}
