/** What a window remembers of a span until it is analysed or dropped. */
import type { StreamRow } from '../../capture/types.ts';
import { defined } from '../../lib/assert.ts';
import type { Frame, Span } from '../../wire/types.ts';
import type { Placement, Sending } from '../client-facts.ts';
import { SHORT_BYTES_MAX } from '../identity.ts';
import type { WalkedSpan } from '../scan/stream-walk.ts';

export interface SpanRecord {
  readonly row: StreamRow;
  readonly index: number;
  readonly offset: number;
  readonly length: number;
  readonly arrivalNs: number;
  readonly isFrame: boolean;
  /** Equal for spans that are the same: see Identity. */
  readonly key: string;
  /** Equal for equal bytes; of a short frame, the bytes. It may be the key. */
  readonly bytesKey: string;
  /** Of what is no frame, and of long ones. */
  readonly span: Span | undefined;
  /** It agreed with the other side: the scan has counted it. */
  readonly isCounted: boolean;
  /** Of old, where equal bytes are not all: the other half of its pair. */
  partner: SpanRecord | undefined;
  /** Of what a client sent. */
  readonly placement: Placement | undefined;
  readonly toNew: Sending['toNew'];
  /** Of what a client sent: it may not have agreed somewhere. */
  readonly mayBeOdd: boolean;
  /** When it was sent, as the number of a message: window-reader. */
  moment: number;
  /** What it passed, or what passed it, is not all in its window. */
  isFar: boolean;
  /** Of the same moment. */
  next: SpanRecord | undefined;
  /** Of what a client sent: whether the relay of a side delivered it, or an equal one, to anybody. */
  old: boolean;
  new: boolean;
}

export function recordOf(
  row: StreamRow,
  { span, index, arrivalNs }: WalkedSpan,
  {
    key,
    bytesKey,
    isCounted,
    placement,
    toNew,
    mayBeOdd = false,
  }: {
    readonly key: string;
    readonly bytesKey: string;
    readonly isCounted: boolean;
    readonly placement?: Placement | undefined;
    readonly toNew?: Sending['toNew'];
    readonly mayBeOdd?: boolean;
  },
): SpanRecord {
  const isFrame = span.kind === 'frame';
  const isShort = isFrame && span.bytes.length <= SHORT_BYTES_MAX;
  return {
    row,
    index,
    offset: span.offset,
    length: span.bytes.length,
    arrivalNs,
    isFrame,
    key,
    bytesKey,
    span: isShort ? undefined : { ...span, bytes: Uint8Array.prototype.slice.call(span.bytes) },
    isCounted,
    partner: undefined,
    placement,
    toNew,
    mayBeOdd,
    moment: 0,
    isFar: false,
    next: undefined,
    old: false,
    new: false,
  };
}

export function bytesOf({ bytesKey, span }: SpanRecord): Uint8Array {
  return span?.bytes ?? Buffer.from(bytesKey, 'latin1');
}

export function spanOf(record: SpanRecord): Span {
  return record.span ?? new RecordedFrame(record);
}

/** A frame whose bytes nobody may ask for. */
export class RecordedFrame implements Frame {
  readonly kind = 'frame';
  readonly record: SpanRecord;
  #bytes: Uint8Array | undefined;

  constructor(record: SpanRecord) {
    this.record = record;
  }

  get offset(): number {
    return this.record.offset;
  }

  get bytes(): Uint8Array {
    return (this.#bytes ??= bytesOf(this.record));
  }
}

/** Of what a client sent. */
export function sendingOf(
  { row, offset, arrivalNs, placement, toNew }: SpanRecord,
  unmirrored?: Sending['unmirrored'],
): Sending {
  return {
    connection: row.connection,
    offset,
    timeNs: arrivalNs,
    placement: defined(placement, 'placement of what was sent'),
    unmirrored,
    ...(toNew && { toNew }),
  };
}
