/** A capture as the blocks of a pcapng file: an interface for each stream, a unit for each frame, defect and tail. */
import { mergeSorted } from '../lib/merge-sorted.ts';
import type { HeaderLayout } from '../wire/types.ts';
import {
  CAPTURED_BYTES_MAX,
  type CapturedUnit,
  enhancedPacket,
  interfaceDescription,
  sectionHeader,
} from './pcapng.ts';
import { readSpans } from './spans.ts';
import type { ArrivedSpan, CaptureReader, Gap, StreamRow } from './types.ts';

/** A block, and what it holds of the capture. */
export interface ExportedBlock {
  readonly block: Uint8Array;
  readonly kind: 'head' | 'frame' | 'defect' | 'tail' | 'gap';
  /** The frame is longer than a unit may be: its end is missing, and the unit says so. */
  readonly isCut: boolean;
}

interface Item extends Omit<CapturedUnit, 'unixNs'> {
  readonly kind: ExportedBlock['kind'];
  readonly timeNs: bigint;
  /** Of what happened in the same nanosecond. */
  readonly ordinal: number;
}

/** In order of arrival, in bounded memory. A recording gap is a unit without bytes that says how many are missing. */
export function* exportPcapng(
  capture: CaptureReader,
  layout: HeaderLayout,
  writer: string,
): Generator<ExportedBlock> {
  const { startedUnixNs } = capture.info;
  const streams = capture.streams();
  const labels = new Map(capture.connections().map(({ id, label }) => [id, label]));
  yield head(sectionHeader(writer));
  for (const { connection, kind } of streams) {
    const name = `${connection} ${labels.get(connection) ?? 'connection'} ${kind}`;
    yield head(interfaceDescription(name));
  }
  const items = streams.flatMap((stream, index) => [
    gapItems(capture.gaps(), stream, index),
    spanItems(readSpans(capture, stream, layout), index),
  ]);
  for (const { kind, timeNs, ...unit } of mergeSorted(items, byArrival)) {
    const isCut = unit.bytes.length > CAPTURED_BYTES_MAX;
    yield { block: enhancedPacket({ ...unit, unixNs: startedUnixNs + timeNs }), kind, isCut };
  }
}

function head(block: Uint8Array): ExportedBlock {
  return { block, kind: 'head', isCut: false };
}

function byArrival(left: Item, right: Item): number {
  if (left.timeNs !== right.timeNs) return left.timeNs < right.timeNs ? -1 : 1;
  return left.ordinal - right.ordinal;
}

function* spanItems(spans: Iterable<ArrivedSpan>, index: number): Generator<Item> {
  for (const { span, arrivalNs, arrivalOrdinal } of spans) {
    yield {
      kind: span.kind,
      interface: index,
      timeNs: arrivalNs,
      ordinal: arrivalOrdinal,
      bytes: span.bytes,
      ...comment(span.kind === 'frame' ? undefined : span.detail),
    };
  }
}

function comment(text: string | undefined): { readonly comment?: string } {
  return text === undefined ? {} : { comment: text };
}

/** Bytes that never reached the file. What only the mirror missed is in it. */
function gapItems(gaps: readonly Gap[], stream: StreamRow, index: number): readonly Item[] {
  return gaps
    .filter((gap) => gap.connection === stream.connection && gap.stream === stream.kind)
    .filter((gap) => gap.where === 'recording')
    .map((gap) => ({
      kind: 'gap' as const,
      interface: index,
      timeNs: gap.firstTimeNs,
      ordinal: 0,
      bytes: new Uint8Array(),
      originalBytes: gap.bytes,
      comment: `gap: ${gap.bytes} bytes were not recorded (${gap.reason})`,
    }))
    .toSorted(byArrival);
}
