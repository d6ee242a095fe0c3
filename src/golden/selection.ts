/** Which part of a recording becomes a golden, in connections and bytes. */
import type { StreamKind } from '../capture/types.ts';

export interface ByteRange {
  /** Position in its stream. */
  readonly offset: number;
  readonly bytes: number;
}

/** Ranges in order that do not touch; `all` where nobody looked. */
export type StreamPart = readonly ByteRange[] | 'all';

export interface Selection {
  /** By their numbers; of a stream that is not there nothing is taken. */
  readonly connections: ReadonlyMap<number, Readonly<Partial<Record<StreamKind, StreamPart>>>>;
  /** Time 0 of the golden. */
  readonly startNs: bigint;
  /** Of the last thing that is taken: what happened later did not. */
  readonly endNs: bigint;
  /** How many of the connections are open then. */
  readonly openAtEnd: number;
  /** The new side is taken, too. */
  readonly hasNew: boolean;
  /** What was left out, each a sentence without its full stop. */
  readonly leftOut: readonly string[];
}
