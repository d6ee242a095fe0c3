/** Gaps of all places and reasons in random traffic: as a recorder, or a mirror, would have made them. */
import fc from 'fast-check';
import type { StreamKind } from '../../src/capture/types.ts';
import type { CaptureStep } from '../support/capture-builder.ts';

export interface GapMade {
  /** `spool-full` takes from all streams, the others of the recording from one. */
  readonly reason:
    | 'spool-full'
    | 'disk-full'
    | 'mirror-overflow'
    | 'hidden'
    | 'not-selected'
    | 'sent-to-new-only';
  readonly connection: number;
  readonly stream: StreamKind;
  /** Of the chunks of the stream, or of the steps. */
  readonly from: number;
  readonly count: number;
  /** Bytes of the chunk before that are gone, too. */
  readonly cut: number;
  /** What was in a gap of the mirror was not delivered; false: some of it was all the same. */
  readonly isHonest: boolean;
}

export const gapMade: fc.Arbitrary<GapMade> = fc.record({
  reason: fc.constantFrom(
    'spool-full' as const,
    'disk-full' as const,
    'disk-full' as const,
    'mirror-overflow' as const,
    'mirror-overflow' as const,
    'hidden' as const,
    'not-selected' as const,
    'sent-to-new-only' as const,
  ),
  connection: fc.constantFrom(1, 1, 2, 3),
  stream: fc.constantFrom('client' as const, 'old' as const, 'new' as const, 'new' as const),
  from: fc.nat(60),
  count: fc.integer({ min: 1, max: 20 }),
  cut: fc.constantFrom(0, 0, 0, 40),
  isHonest: fc.constantFrom(true, true, true, false),
});

/** A step with its place in its stream and its time, as long as nothing has been taken out. */
type Placed =
  | { readonly step: CaptureStep; readonly chunk: undefined }
  | { readonly step: CaptureStep; readonly chunk: PlacedChunk };

interface PlacedChunk {
  readonly connection: number;
  readonly stream: StreamKind;
  readonly offset: number;
  readonly end: number;
  readonly bytes: Uint8Array;
  readonly timeNs: bigint;
}

interface Hole {
  readonly connection: number;
  readonly stream: StreamKind;
  readonly from: number;
  readonly to: number;
  readonly where: 'recording' | 'mirror';
  readonly reason: string;
}

function placed(steps: readonly CaptureStep[]): readonly Placed[] {
  const ends = new Map<string, number>();
  let timeNs = 0n;
  return steps.map((step): Placed => {
    timeNs += 'waitMs' in step ? BigInt(step.waitMs) * 1_000_000n : 1_000_000n;
    if (!('bytes' in step)) return { step, chunk: undefined };
    const { connection, stream, bytes } = step;
    const offset = ends.get(`${connection} ${stream}`) ?? 0;
    const end = offset + bytes.length;
    ends.set(`${connection} ${stream}`, end);
    return { step, chunk: { connection, stream, offset, end, bytes, timeNs } };
  });
}

function* holesOf(all: readonly Placed[], gaps: readonly GapMade[]): Generator<Hole> {
  const chunks = all.flatMap(({ chunk }) => chunk ?? []);
  for (const { reason, connection, stream, from, count, cut } of gaps) {
    const isMirror = reason !== 'spool-full' && reason !== 'disk-full';
    const kind = isMirror ? 'client' : stream;
    const taken =
      reason === 'spool-full'
        ? chunks.slice(from * 6, from * 6 + count * 6)
        : chunks
            .filter((chunk) => chunk.connection === connection && chunk.stream === kind)
            .slice(from % 40, (from % 40) + count);
    const streams = new Map<string, PlacedChunk[]>();
    for (const chunk of taken) {
      const name = `${chunk.connection} ${chunk.stream}`;
      streams.set(name, [...(streams.get(name) ?? []), chunk]);
    }
    for (const own of streams.values()) {
      const [first, last] = [own[0], own.at(-1)];
      if (first === undefined || last === undefined) continue;
      const hole = {
        connection: first.connection,
        stream: first.stream,
        from: Math.max(0, first.offset - cut),
        to: last.end,
      };
      if (isMirror) yield { ...hole, where: 'mirror', reason };
      if (!isMirror || reason === 'hidden') yield { ...hole, where: 'recording', reason };
    }
  }
}

/** One place of a stream is in one gap of each kind. */
function withoutOverlap(holes: Iterable<Hole>): readonly Hole[] {
  const kept: Hole[] = [];
  for (const hole of holes) {
    const isTaken = kept.some(
      (other) =>
        other.connection === hole.connection &&
        other.stream === hole.stream &&
        other.where === hole.where &&
        other.from <= hole.to &&
        hole.from <= other.to,
    );
    if (!isTaken) kept.push(hole);
  }
  return kept;
}

export function withGaps(steps: readonly CaptureStep[], gaps: readonly GapMade[]): CaptureStep[] {
  const all = placed(steps);
  const holes = withoutOverlap(holesOf(all, gaps));
  const left = withoutUnmirrored(steps, all, {
    holes,
    isHonest: gaps.every(({ isHonest }) => isHonest),
  });
  const made: CaptureStep[] = [];
  const open = new Set(holes);
  for (const { step, chunk } of placed(left)) {
    if (chunk === undefined) {
      made.push(step);
      continue;
    }
    const { connection, stream, offset, end, bytes, timeNs } = chunk;
    const own = holes.filter((hole) => hole.connection === connection && hole.stream === stream);
    for (const hole of own) {
      if (!open.has(hole) || hole.from > end) continue;
      open.delete(hole);
      // Its end is not known before the stream is; it lasts as long as what it took.
      if (hole.where === 'mirror') made.push(gapOf(hole, timeNs));
    }
    const inside = own.find(
      (hole) => hole.where === 'recording' && hole.from < end && hole.to > offset,
    );
    if (inside === undefined) {
      made.push(step);
      continue;
    }
    const head = bytes.subarray(0, Math.max(0, inside.from - offset));
    if (head.length > 0) made.push({ connection, stream, bytes: head });
    if (inside.from >= offset) made.push(gapOf(inside, timeNs));
    const tail = bytes.subarray(Math.max(0, inside.to - offset));
    if (inside.to < end && tail.length > 0) made.push({ connection, stream, bytes: tail });
  }
  return made;
}

function gapOf({ connection, stream, where, reason, from, to }: Hole, timeNs: bigint): CaptureStep {
  return {
    gap: {
      connection,
      stream,
      where,
      reason,
      offset: from,
      bytes: to - from,
      frames: undefined,
      firstTimeNs: timeNs,
      lastTimeNs: timeNs + BigInt(to - from) * 60_000n,
    },
  };
}

/** A relay that was not sent a message does not deliver it. */
function withoutUnmirrored(
  steps: readonly CaptureStep[],
  all: readonly Placed[],
  { holes, isHonest }: { readonly holes: readonly Hole[]; readonly isHonest: boolean },
): readonly CaptureStep[] {
  const lost = { old: new Set<string>(), new: new Set<string>() };
  const name = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1');
  for (const hole of holes) {
    if (hole.where !== 'mirror') continue;
    const sent = Buffer.concat(
      all.flatMap(({ chunk }) =>
        chunk?.connection === hole.connection && chunk.stream === 'client' ? [chunk.bytes] : [],
      ),
    );
    // All frames of this traffic have one length.
    for (let at = 0; at + FRAME_BYTES <= sent.length; at += FRAME_BYTES) {
      if (at + FRAME_BYTES <= hole.from || at >= hole.to) continue;
      const side = hole.reason === 'sent-to-new-only' ? 'old' : 'new';
      lost[side].add(name(sent.subarray(at, at + FRAME_BYTES)));
    }
  }
  let kept = 0;
  return steps.filter((step) => {
    if (!('bytes' in step) || step.stream === 'client') return true;
    if (!lost[step.stream].has(name(step.bytes))) return true;
    return !isHonest && kept++ % 5 === 0;
  });
}

const FRAME_BYTES = 100;
