/** What is in a capture, counted: for `info`. Reads every byte once, so the numbers are of the file, not of its seal. */
import { readSpans } from '../capture/spans.ts';
import type { CaptureReader, StreamKind, StreamRow } from '../capture/types.ts';
import { type GapSummary, summarizeGap } from './gaps.ts';
import { tlvName } from '../protocol/decode.ts';
import type { Dialect } from '../protocol/types.ts';
import { checksumState, readHeader } from '../wire/header.ts';
import { walkTlvs } from '../wire/tlv.ts';
import type { ChecksumState, Span } from '../wire/types.ts';

export interface StreamSummary {
  readonly connection: number;
  readonly label: string;
  readonly stream: StreamKind;
  readonly bytes: number;
  readonly chunks: number;
  readonly frames: number;
  readonly defects: number;
  /** Bytes of an unfinished frame at the end. */
  readonly tailBytes: number;
}

/** How many messages of one kind passed on the streams of one direction. */
export interface MessageCount {
  /** `Trade`, `Trade+Quote`, `header only`. */
  readonly message: string;
  readonly domain: string;
  readonly source: string;
  readonly client: number;
  readonly old: number;
  readonly new: number;
}

export interface CaptureSummary {
  readonly path: string;
  readonly origin: string;
  readonly writer: string;
  readonly dialect: string;
  readonly sealed: boolean;
  /** Of a file of a rotated recording that was opened by itself, or of its first one. */
  readonly part: number | null;
  readonly startedUnixNs: string;
  readonly durationNs: string;
  readonly notes: Readonly<Record<string, string>>;
  readonly streams: readonly StreamSummary[];
  readonly messages: readonly MessageCount[];
  readonly checksums: Readonly<Record<ChecksumState, number>>;
  readonly gaps: readonly StreamGapSummary[];
}

export interface StreamGapSummary extends GapSummary {
  readonly connection: number;
  readonly stream: StreamKind;
}

export function summarizeCapture(capture: CaptureReader, dialect: Dialect): CaptureSummary {
  const labels = new Map(capture.connections().map(({ id, label }) => [id, label]));
  const counter = new MessageCounter(dialect);
  const streams = capture.streams().map((stream): StreamSummary => {
    const label = labels.get(stream.connection) ?? '';
    return summarizeStream(capture, stream, dialect, counter, label);
  });
  const { info } = capture;
  return {
    path: capture.path,
    origin: info.origin,
    writer: info.writer,
    dialect: dialect.name,
    sealed: info.sealed,
    part: info.part?.number ?? null,
    startedUnixNs: String(info.startedUnixNs),
    durationNs: String(info.durationNs),
    notes: info.notes,
    streams,
    messages: counter.messages(),
    checksums: counter.checksums,
    gaps: capture.gaps().map((gap) => ({
      connection: gap.connection,
      stream: gap.stream,
      ...summarizeGap(gap, dialect),
    })),
  };
}

function summarizeStream(
  capture: CaptureReader,
  stream: StreamRow,
  dialect: Dialect,
  counter: MessageCounter,
  label: string,
): StreamSummary {
  let frames = 0;
  let defects = 0;
  let tailBytes = 0;
  const count = (span: Span): void => {
    if (span.kind === 'frame') {
      frames += 1;
      counter.add(stream.kind, span.bytes);
    } else if (span.kind === 'defect') defects += 1;
    else tailBytes += span.bytes.length;
  };
  for (const { span } of readSpans(capture, stream, dialect.header)) count(span);
  return {
    connection: stream.connection,
    label,
    stream: stream.kind,
    bytes: stream.bytes,
    chunks: stream.chunks,
    frames,
    defects,
    tailBytes,
  };
}

type Tally = { -readonly [Key in keyof MessageCount]: MessageCount[Key] };

class MessageCounter {
  readonly checksums: Record<ChecksumState, number> = { valid: 0, zero: 0, wrong: 0 };
  readonly #dialect: Dialect;
  readonly #tallies = new Map<string, Tally>();

  constructor(dialect: Dialect) {
    this.#dialect = dialect;
  }

  add(stream: StreamKind, frame: Uint8Array): void {
    const dialect = this.#dialect;
    const header = readHeader(dialect.header, frame);
    const { tlvs, defect } = walkTlvs(frame.subarray(dialect.header.sizeBytes));
    const names = tlvs.map((tlv) => tlvName(dialect, tlv.type));
    if (defect !== undefined) names.push('?');
    const message = names.length === 0 ? 'header only' : names.join('+');
    const domain = dialect.domains.names.get(header.relay_domain) ?? String(header.relay_domain);
    const source = dialect.sources.names.get(header.source) ?? String(header.source);
    const key = `${message}/${domain}/${source}`;
    let tally = this.#tallies.get(key);
    if (tally === undefined) {
      tally = { message, domain, source, client: 0, old: 0, new: 0 };
      this.#tallies.set(key, tally);
    }
    tally[stream] += 1;
    this.checksums[checksumState(dialect.header, frame)] += 1;
  }

  messages(): readonly MessageCount[] {
    const total = (tally: Tally): number => tally.client + tally.old + tally.new;
    return [...this.#tallies.values()].sort((left, right) => total(right) - total(left));
  }
}
