/** Random traffic of two publishers with faults, as steps of a capture: what the scan, and following, are tried on. */
import fc from 'fast-check';
import type { ScanOptions } from '../../src/diff/read-contents.ts';
import type { Dialect } from '../../src/protocol/types.ts';
import type { HeaderOffsets } from '../../src/wire/types.ts';
import type { CaptureStep } from '../support/capture-builder.ts';
import { concat, testFrame } from '../support/frames.ts';

/** Limits that make the scan do on forty messages what it does on millions. */
export const SMALL: ScanOptions = {
  wholeBytesMax: 0,
  runMin: 2,
  waitingMax: 64,
  contentsMax: 100_000,
  perConnectionMin: 64,
  windows: {
    contextMoments: 16,
    recordsMax: 65_536,
    bytesMax: 1_000_000,
    keptBytesMax: 10_000_000,
  },
};

export type Fault =
  | { readonly kind: 'drop'; readonly at: number }
  | { readonly kind: 'repeat'; readonly at: number; readonly to: number }
  | { readonly kind: 'insert'; readonly at: number }
  | { readonly kind: 'move'; readonly at: number; readonly to: number }
  | { readonly kind: 'flip'; readonly at: number; readonly byte: number; readonly bits: number }
  | { readonly kind: 'cut'; readonly at: number; readonly byte: number };

export interface Sent {
  readonly source: number;
  /** Of the chunk that carries it: together with the next one of this sender, or split. */
  readonly chunk: 'alone' | 'joined' | 'split';
  readonly domain: number;
  readonly waitMs: number;
}

/** A relay that drops messages is not to deliver the next ones before they were sent. */
const LAG = 8;

export interface Traffic {
  readonly sent: readonly Sent[];
  readonly faults: readonly Fault[];
  readonly faultsOfOld: readonly Fault[];
  /** How new interleaves its publishers: sorted by this within a stretch of four. */
  readonly turns: readonly number[];
  readonly leavesAfter: number;
  readonly sealed: boolean;
  readonly drained: boolean;
}

const at = fc.nat(200);
export const dropped: fc.Arbitrary<Fault> = fc.record({ kind: fc.constant('drop' as const), at });
export const cutShort: fc.Arbitrary<Fault> = fc.record({
  kind: fc.constant('cut' as const),
  at,
  byte: fc.integer({ min: 1, max: 99 }),
});
export const single: fc.Arbitrary<Fault> = fc.oneof(
  dropped,
  fc.record({ kind: fc.constant('insert' as const), at }),
  fc.record({ kind: fc.constant('move' as const), at, to: at }),
  fc.record({
    kind: fc.constant('flip' as const),
    at,
    byte: fc.nat(99),
    bits: fc.integer({ min: 1, max: 255 }),
  }),
  cutShort,
);
export const repeated: fc.Arbitrary<Fault> = fc.record({
  kind: fc.constant('repeat' as const),
  at,
  to: at,
});

export const traffic = (
  isInterleaved: boolean,
  fault: fc.Arbitrary<Fault>,
  faultsMax = 5,
): fc.Arbitrary<Traffic> =>
  fc.record({
    sent: fc.array(
      fc.record({
        source: fc.constantFrom(4, 4, 4, 9, 11),
        chunk: fc.constantFrom(
          'alone' as const,
          'alone' as const,
          'joined' as const,
          'split' as const,
        ),
        domain: fc.constantFrom(1, 1, 1, 2),
        waitMs: fc.constantFrom(0, 0, 0, 3, 400),
      }),
      { minLength: 1, maxLength: 60 },
    ),
    faults: fc.array(fault, { maxLength: faultsMax }),
    faultsOfOld: fc.array(fault, { maxLength: 1 }),
    turns: isInterleaved ? fc.array(fc.nat(9), { minLength: 60, maxLength: 60 }) : fc.constant([]),
    leavesAfter: fc.nat(60),
    sealed: fc.boolean(),
    drained: fc.boolean(),
  });

/** Source 11 is a second role of the publisher that is source 4. */
const senderOf = (source: number): number => (source === 9 ? 2 : 1);

function framesOf(sent: readonly Sent[]): readonly Uint8Array[] {
  return sent.map(({ source, domain }, index) =>
    testFrame(index + 1, { source, domain, checksum: 'zero' }),
  );
}

function faulty(frames: readonly Uint8Array[], faults: readonly Fault[]): readonly Uint8Array[] {
  let result = [...frames];
  for (const one of faults) {
    const index = one.at % Math.max(1, result.length);
    const frame = result[index];
    if (frame === undefined) break;
    if (one.kind === 'drop') result.splice(index, 1);
    if (one.kind === 'insert') result.splice(index, 0, testFrame(5_000 + one.at));
    if (one.kind === 'repeat') result.splice(one.to % (result.length + 1), 0, frame);
    if (one.kind === 'move') {
      result.splice(index, 1);
      result.splice(one.to % (result.length + 1), 0, frame);
    }
    if (one.kind === 'cut') result[index] = frame.subarray(0, one.byte);
    if (one.kind === 'flip') {
      const changed = Uint8Array.from(frame);
      changed[one.byte] = (changed[one.byte] ?? 0) ^ one.bits;
      result = result.with(index, changed);
    }
  }
  return result;
}

const isOfFirstSender = (frame: Uint8Array): boolean => senderOf(frame[6] ?? 0) === 1;
const isOfFirstDomain = (frame: Uint8Array): boolean => frame[5] === 1;

function interleaved(
  frames: readonly Uint8Array[],
  turns: readonly number[],
  isOfFirst = isOfFirstSender,
): readonly Uint8Array[] {
  if (turns.length === 0) return frames;
  const result: Uint8Array[] = [];
  for (let from = 0; from < frames.length; from += 4) {
    const some = frames.slice(from, from + 4);
    const own = (isFirst: boolean): Uint8Array[] =>
      some.filter((frame) => isOfFirst(frame) === isFirst);
    const [first, second] = [own(true), own(false)];
    for (const [index] of some.entries()) {
      const takesFirst =
        second.length === 0 || (first.length > 0 && (turns[from + index] ?? 0) > 4);
      const next = (takesFirst ? first : second).shift();
      if (next !== undefined) result.push(next);
    }
  }
  return result;
}

const HEADER_BYTES: Readonly<Record<keyof HeaderOffsets, number>> = {
  magic: 4,
  relay_domain: 1,
  version: 1,
  source: 1,
  flags: 1,
  sequence: 8,
  timestamp: 8,
  payload_size: 4,
  checksum: 4,
};

/** What says in one dialect what a frame, or the beginning of one with its header, says in another. */
export function translator(from: Dialect, to: Dialect): (bytes: Uint8Array) => Uint8Array {
  const domains = new Map([...to.domains.names].map(([number, name]) => [name, number]));
  const fields = Object.entries(HEADER_BYTES).map(([name, length]) => {
    const field = Object.keys(from.header.offsets).find(
      (each): each is keyof HeaderOffsets => each === name,
    );
    if (field === undefined) throw new Error(`no field ${name}`);
    return { length, from: from.header.offsets[field], to: to.header.offsets[field] };
  });
  return (bytes) => {
    if (bytes.length < from.header.sizeBytes) return bytes;
    const said = Uint8Array.from(bytes);
    for (const field of fields) {
      said.set(bytes.subarray(field.from, field.from + field.length), field.to);
    }
    const domain = bytes[from.header.offsets.relay_domain] ?? 0;
    said[to.header.offsets.relay_domain] =
      domains.get(from.domains.names.get(domain) ?? '') ?? domain;
    return said;
  };
}

/** `ofNew`: what new makes of the bytes that it delivers. */
export function stepsOf(
  made: Traffic,
  ofNew: (bytes: Uint8Array) => Uint8Array = (bytes) => bytes,
): CaptureStep[] {
  const frames = framesOf(made.sent);
  const old = faulty(frames, made.faultsOfOld);
  const neu = faulty(interleaved(frames, made.turns), made.faults);
  const delivered = neu.map(ofNew);
  const steps: CaptureStep[] = [];
  const held = new Map<number, Uint8Array[]>();
  /** Rounds without a delivery: no relay delivers what was not sent. */
  let waiting = 0;
  const send = (connection: number, bytes: Uint8Array): void => {
    steps.push({ connection, stream: 'client', bytes });
  };
  const deliver = (side: 'old' | 'new', bytes: Uint8Array | undefined, index: number): void => {
    if (bytes === undefined) return;
    const ids = index < made.leavesAfter ? [1, 2, 3] : [1, 2];
    for (const connection of ids) steps.push({ connection, stream: side, bytes });
  };
  const length = Math.max(frames.length, old.length, neu.length) + LAG;
  for (let index = 0; index < length; index++) {
    if (index === made.leavesAfter) steps.push({ connection: 3, event: 'close', on: 'client' });
    const { source = 4, chunk = 'alone', waitMs = 0 } = made.sent[index] ?? {};
    const frame = frames[index];
    if (waitMs > 0) steps.push({ waitMs });
    const sender = senderOf(source);
    if (frame !== undefined) {
      const own = [...(held.get(sender) ?? []), frame];
      if (chunk === 'joined') held.set(sender, own);
      else {
        held.delete(sender);
        const bytes = concat(own);
        const cut = chunk === 'split' ? bytes.length - 30 : 0;
        if (cut > 0) send(sender, bytes.subarray(0, cut));
        send(sender, bytes.subarray(cut));
      }
    }
    if (index === frames.length) for (const [id, own] of held) send(id, concat(own));
    if (held.size > 0 && index < frames.length) waiting++;
    else {
      for (; waiting >= 0; waiting--) {
        deliver('old', old[index - LAG - waiting], index);
        deliver('new', delivered[index - LAG - waiting], index);
      }
      waiting = 0;
    }
  }
  steps.push({ waitMs: 3_000 });
  steps.push({ connection: undefined, event: 'stop', details: { drained: made.drained ? 1 : 0 } });
  return steps;
}

/**
 * The same as a tap sees it: it hears old, feeds new what it heard `feedLag` messages later, each domain over a connection
 * of its own, and comes back as another connection after `lostAfter` messages.
 */
export function tappedStepsOf(
  made: Traffic,
  { feedLag, lostAfter }: { readonly feedLag: number; readonly lostAfter: number },
): CaptureStep[] {
  const heard = faulty(framesOf(made.sent), made.faultsOfOld);
  const parts = [heard.slice(0, lostAfter), heard.slice(lostAfter)];
  const steps = parts.flatMap((part, at): CaptureStep[] => {
    const connection = at + 1;
    if (at > 0 && part.length === 0) return [];
    return [
      { connection, event: 'open', on: 'client' },
      { connection, event: 'upstream-open', on: 'old' },
      { connection, event: 'upstream-open', on: 'new' },
      ...heardAndFed(part, made, { connection, feedLag }),
      { connection, event: 'note', details: { tap: 'lost' } },
      { connection, event: 'close', on: 'old' },
    ];
  });
  return [
    ...steps,
    { connection: undefined, event: 'stop', details: { drained: made.drained ? 1 : 0 } },
  ];
}

function* heardAndFed(
  heard: readonly Uint8Array[],
  made: Traffic,
  { connection, feedLag }: { readonly connection: number; readonly feedLag: number },
): Generator<CaptureStep> {
  const answered = faulty(interleaved(heard, made.turns, isOfFirstDomain), made.faults);
  const length = Math.max(heard.length, answered.length) + feedLag + LAG;
  for (let index = 0; index < length; index++) {
    const { waitMs = 0, chunk = 'alone' } = made.sent[index] ?? {};
    if (waitMs > 0) yield { waitMs };
    const [own, next] = [heard[index], heard[index + 1]];
    const isJoined = chunk === 'joined' && index % 2 === 0 && next !== undefined;
    const wasJoined = index % 2 === 1 && made.sent[index - 1]?.chunk === 'joined';
    if (own !== undefined && !wasJoined) {
      yield { connection, stream: 'old', bytes: isJoined ? concat([own, next]) : own };
    }
    const [fed, answer] = [heard[index - feedLag], answered[index - feedLag - LAG]];
    if (fed !== undefined) yield { connection, stream: 'client', bytes: fed };
    if (answer !== undefined) yield { connection, stream: 'new', bytes: answer };
  }
}
