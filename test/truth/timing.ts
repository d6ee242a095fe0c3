/**
 * Puts what is written into chunks at moments in time. How chunks are cut says nothing: several messages in one, one
 * in several, or a chunk each. What arrives when is known here, and only here.
 */
import type { Random } from '../fuzz/random.ts';
import { concat } from '../support/frames.ts';
import type { Leg, Sent } from './traffic.ts';

export interface TimedChunk {
  readonly bytes: Uint8Array;
  readonly timeNs: number;
}

interface Timed {
  readonly bytes: Uint8Array;
  readonly timeNs: number;
}

export interface TimedLeg {
  readonly chunks: readonly TimedChunk[];
  /** When the last byte of each delivery arrived. */
  readonly arrivalsNs: readonly number[];
}

const TOGETHER_NS = 1_000_000;

export function timeLeg({ deliveries }: Leg, random: Random): TimedLeg {
  const together = random.pick([0, 0.3, 0.9]);
  const split = random.pick([0, 0.2, 0.7]);
  let nowNs = 0;
  const timed = deliveries.map(({ bytes, readyNs }) => {
    nowNs = Math.max(nowNs + 2_000, readyNs);
    return { bytes, timeNs: nowNs };
  });
  const groups: Timed[][] = [];
  for (const one of timed) {
    const group = groups.at(-1);
    const first = group?.[0];
    if (
      group !== undefined &&
      first !== undefined &&
      random.chance(together) &&
      one.timeNs - first.timeNs < TOGETHER_NS
    ) {
      group.push(one);
    } else groups.push([one]);
  }
  const arrivalsNs: number[] = [];
  const chunks = groups.flatMap((group) => {
    const timeNs = group.at(-1)?.timeNs ?? 0;
    for (const _ of group) arrivalsNs.push(timeNs);
    return pieces(
      concat(group.map(({ bytes }) => bytes)),
      timeNs,
      random.chance(split) ? random : undefined,
    );
  });
  return { chunks, arrivalsNs };
}

/** The chunks of what one client sent; what it wrote at one moment is one chunk, or the last of several. */
export function timeSends(sent: readonly Sent[], random: Random): readonly TimedChunk[] {
  const split = random.pick([0, 0, 0.3]);
  const chunks: TimedChunk[] = [];
  for (let at = 0; at < sent.length; ) {
    const timeNs = sent[at]?.sentNs ?? 0;
    const together = sent
      .slice(at)
      .filter(
        (one, index, rest) =>
          rest.slice(0, index + 1).every((other) => other.sentNs === timeNs) &&
          one.sentNs === timeNs,
      );
    const bytes = concat(together.map((one) => one.bytes));
    chunks.push(...pieces(bytes, timeNs, random.chance(split) ? random : undefined));
    at += together.length;
  }
  return chunks;
}

/** All of the pieces but the last come a little earlier. */
function pieces(bytes: Uint8Array, timeNs: number, random: Random | undefined): TimedChunk[] {
  if (random === undefined || bytes.length < 2) return [{ bytes, timeNs }];
  const at = 1 + random.below(bytes.length - 1);
  return [
    { bytes: bytes.slice(0, at), timeNs: timeNs - 1_000 },
    { bytes: bytes.slice(at), timeNs },
  ];
}
