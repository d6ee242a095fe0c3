/**
 * Changes headers of client messages before they are played: times, sequences, or the numbering of a dialect. Pure.
 * A checksum that was valid is made valid again; one that was 0 or wrong stays what it was. Chunks keep their lengths,
 * so how the client cut its writes is not touched. What is no frame is not touched either.
 */
import { mapSpans } from '../capture/map-spans.ts';
import type { Chunk } from '../capture/types.ts';
import type { Dialect } from '../protocol/types.ts';
import { checksumState, frameChecksum, readHeader, writeHeader } from '../wire/header.ts';
import { walkTlvs } from '../wire/tlv.ts';
import type { Header, HeaderLayout, Span } from '../wire/types.ts';

export interface RewriteRequest {
  readonly timestamps: boolean;
  readonly sequence: boolean;
  /** Name; undefined: the numbering stays. */
  readonly dialect: string | undefined;
}

/** Changes what the header of a frame of one client says, and may change the frame behind the header in place. */
export type RewriteFrame = (header: Header, frame: Uint8Array) => Header;

/** `timestamps,sequence,dialect:NAME`; undefined when a part of it is none of these, or there twice. */
export function parseRewrite(text: string): RewriteRequest | undefined {
  const parts = text.split(',');
  if (new Set(parts.map((part) => part.split(':')[0])).size < parts.length) return undefined;
  let dialect: string | undefined;
  for (const part of parts) {
    const [name, value, ...more] = part.split(':');
    if (name === 'dialect' && value !== undefined && value !== '' && more.length === 0) {
      dialect = value;
    } else if (part !== 'timestamps' && part !== 'sequence') return undefined;
  }
  return {
    timestamps: parts.includes('timestamps'),
    sequence: parts.includes('sequence'),
    dialect,
  };
}

/** What the rewritten frames are read and written as. */
export interface RewriteLayouts {
  readonly from: HeaderLayout;
  readonly to: HeaderLayout;
}

/** Looks ahead as far as a frame goes, so that its checksum is right in its first write. */
export function rewriteChunks(
  chunks: Iterable<Chunk>,
  layouts: RewriteLayouts,
  rewriteFrame: RewriteFrame,
): Iterable<Chunk> {
  return mapSpans(chunks, { layout: layouts.from, restarts: [] }, (span) =>
    rewriteSpan(span, layouts, rewriteFrame),
  );
}

function rewriteSpan(
  span: Span,
  { from, to }: RewriteLayouts,
  rewriteFrame: RewriteFrame,
): Uint8Array {
  // The reader uses its memory again.
  const frame = Uint8Array.from(span.bytes);
  if (span.kind !== 'frame') return frame;
  const header = readHeader(from, frame);
  const state = checksumState(from, frame);
  const rewritten = rewriteFrame(header, frame);
  writeHeader(to, rewritten, frame);
  if (state !== 'valid') return frame;
  writeHeader(to, { ...rewritten, checksum: frameChecksum(to, frame) }, frame);
  return frame;
}

/** From the wall clock of the recording to that of the replay. */
export interface ClockChange {
  readonly recordedUnixNs: bigint;
  readonly replayedUnixNs: bigint;
  readonly speed: number;
}

/** Each message has the same age when it is sent as it had in the recording. 0 is no time and stays. */
export function rewriteTimestamps({
  recordedUnixNs,
  replayedUnixNs,
  speed,
}: ClockChange): RewriteFrame {
  return (header) => {
    if (header.timestamp === 0n) return header;
    const sinceStart = header.timestamp - recordedUnixNs;
    const moved = speed === 1 ? sinceStart : BigInt(Math.round(Number(sinceStart) / speed));
    return { ...header, timestamp: BigInt.asUintN(64, replayedUnixNs + moved) };
  };
}

/** Counts from 1 for each source of a client, as a publisher that was started anew. */
export function rewriteSequence(): RewriteFrame {
  const counts = new Map<number, bigint>();
  return (header) => {
    const sequence = (counts.get(header.source) ?? 0n) + 1n;
    counts.set(header.source, sequence);
    return { ...header, sequence };
  };
}

/**
 * The numbers of domains, sources and TLV types that have the same name in the other dialect; what has none keeps its
 * number. Values of TLVs keep their layout.
 */
export function rewriteNumbering(from: Dialect, to: Dialect): RewriteFrame {
  const domains = numbersOf(from.domains.names, to.domains.names);
  const sources = numbersOf(from.sources.names, to.sources.names);
  const typeNames = (dialect: Dialect): ReadonlyMap<number, string> =>
    new Map([...dialect.types].map(([number, { name }]) => [number, name]));
  const types = numbersOf(typeNames(from), typeNames(to));
  const start = from.header.sizeBytes;
  return (header, frame) => {
    for (const { type, extended, offset } of walkTlvs(frame, start).tlvs) {
      const at = start + offset + (extended ? EXTENDED_TYPE_AT : 0);
      frame[at] = types.get(type) ?? type;
    }
    return {
      ...header,
      relay_domain: domains.get(header.relay_domain) ?? header.relay_domain,
      source: sources.get(header.source) ?? header.source,
    };
  };
}

/** In an extended TLV the type follows a marker and a reserved byte. */
const EXTENDED_TYPE_AT = 2;

function numbersOf(
  from: ReadonlyMap<number, string>,
  to: ReadonlyMap<number, string>,
): ReadonlyMap<number, number> {
  const numbers = new Map([...to].map(([number, name]) => [name, number]));
  const pairs = [...from].flatMap(([number, name]): [number, number][] => {
    const other = numbers.get(name);
    return other === undefined ? [] : [[number, other]];
  });
  return new Map(pairs);
}

/** One after the other. */
export function rewriteAll(rewrites: readonly RewriteFrame[]): RewriteFrame {
  return (header, frame) => rewrites.reduce((changed, rewrite) => rewrite(changed, frame), header);
}
