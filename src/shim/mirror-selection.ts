/**
 * Which part of the traffic the mirror is shown, as the operator asked for it: all, some connections by
 * their order, or those that speak for some sources. Pure.
 */
import type { HeaderLayout } from '../wire/types.ts';

export type MirrorSelection =
  | { readonly kind: 'all' }
  /** Every so many of ten thousand connections, evenly spread, the first one among them. */
  | { readonly kind: 'percent'; readonly hundredths: number }
  /** The order of connection, counted from 1; both ends included. */
  | { readonly kind: 'connections'; readonly ranges: readonly ConnectionRange[] }
  /** Every connection listens to the mirror; bytes are sent to it for these sources only. */
  | { readonly kind: 'sources'; readonly sources: ReadonlySet<number> };

export interface ConnectionRange {
  readonly from: number;
  readonly to: number;
}

/** What becomes of one connection. */
export type Mirroring = 'all' | 'none' | { readonly sources: ReadonlySet<number> };

export const MIRROR_ALL: MirrorSelection = { kind: 'all' };

const PERCENT = /^(\d{1,3}(?:\.\d{1,2})?)%$/;
const FIRST = /^first:(\d+)$/;
const SOURCES = /^source:(\d+(?:,\d+)*)$/;
const RANGE = /^(\d+)(?:-(\d+))?$/;
const SOURCE_MAX = 255;
const WHOLE_HUNDREDTHS = 10_000;

/** The selection, or in a sentence what is wrong with the text. */
export function parseMirrorSelection(text: string): MirrorSelection | string {
  const percent = PERCENT.exec(text)?.[1];
  if (percent !== undefined) return percentOf(percent);
  const first = FIRST.exec(text)?.[1];
  if (first !== undefined) return connectionsOf([{ from: 1, to: Number(first) }], 'first:');
  const sources = SOURCES.exec(text)?.[1];
  if (sources !== undefined) return sourcesOf(sources.split(',').map(Number));
  const ranges: ConnectionRange[] = [];
  for (const part of text.split(',')) {
    const [, from, to = from] = RANGE.exec(part) ?? [];
    if (from === undefined) {
      return 'Write a part of the connections: 25%, first:10, 1,3,5-8 or source:3,4.';
    }
    ranges.push({ from: Number(from), to: Number(to) });
  }
  return connectionsOf(ranges, text);
}

function percentOf(text: string): MirrorSelection | string {
  const hundredths = Math.round(Number(text) * 100);
  if (hundredths === 0 || hundredths > WHOLE_HUNDREDTHS) {
    return 'Write more than 0% and at most 100%.';
  }
  return hundredths === WHOLE_HUNDREDTHS ? MIRROR_ALL : { kind: 'percent', hundredths };
}

function connectionsOf(ranges: readonly ConnectionRange[], text: string): MirrorSelection | string {
  for (const { from, to } of ranges) {
    if (!Number.isSafeInteger(to)) return `The number ${to} in ${text} is too large.`;
    if (from < 1 || to < 1) return 'Connections are counted from 1.';
    if (to < from) return `${from}-${to} is empty: write the smaller number first.`;
  }
  return { kind: 'connections', ranges };
}

function sourcesOf(sources: readonly number[]): MirrorSelection | string {
  const wrong = sources.find((source) => source > SOURCE_MAX);
  if (wrong !== undefined) return `A source is one byte, 0 to ${SOURCE_MAX}, not ${wrong}.`;
  return { kind: 'sources', sources: new Set(sources) };
}

/** `ordinal`: the order of connection, from 1. */
export function mirroringOf(selection: MirrorSelection, ordinal: number): Mirroring {
  switch (selection.kind) {
    case 'all':
      return 'all';
    case 'percent': {
      const phase = ((ordinal - 1) * selection.hundredths) % WHOLE_HUNDREDTHS;
      return phase < selection.hundredths ? 'all' : 'none';
    }
    case 'connections':
      return selection.ranges.some(({ from, to }) => from <= ordinal && ordinal <= to)
        ? 'all'
        : 'none';
    case 'sources':
      return { sources: selection.sources };
  }
}

/** Learns the source of the first frame of a stream from its first bytes, however they are cut. */
export class FirstSource {
  readonly #layout: HeaderLayout;
  readonly #header: Buffer;
  #headerBytes = 0;

  constructor(layout: HeaderLayout) {
    this.#layout = layout;
    this.#header = Buffer.alloc(layout.sizeBytes);
  }

  /** undefined: too few bytes yet. `none`: the stream does not begin with a header. */
  push(chunk: Uint8Array): number | 'none' | undefined {
    const taken = chunk.subarray(0, this.#layout.sizeBytes - this.#headerBytes);
    this.#header.set(taken, this.#headerBytes);
    this.#headerBytes += taken.length;
    if (this.#headerBytes < this.#layout.sizeBytes) return undefined;
    const { magic, source } = this.#layout.offsets;
    const isHeader = this.#header.readUInt32LE(magic) === this.#layout.magic;
    return isHeader ? this.#header.readUInt8(source) : 'none';
  }
}
