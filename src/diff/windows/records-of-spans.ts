/** What a window remembers of a span until it is analysed or dropped. */
import type { StreamRow } from '../../capture/types.ts';
import { defined } from '../../lib/assert.ts';
import type { Frame, Span } from '../../wire/types.ts';
import type { Placement, Sending } from '../client-facts.ts';
import { KEY_IS_BYTES_MAX } from '../content-table.ts';
import type { WalkedSpan } from '../scan/stream-walk.ts';

export interface SpanRecord {
  readonly row: StreamRow;
  readonly index: number;
  readonly offset: number;
  readonly length: number;
  readonly arrivalNs: number;
  readonly isFrame: boolean;
  /** Equal for equal bytes; of a short one, the bytes. */
  readonly key: string;
  /** Of what is no frame, and of frames whose key is a digest. */
  readonly span: Span | undefined;
  /** It agreed with the other side: the scan has counted it. */
  readonly isCounted: boolean;
  /** Of what a client sent. */
  readonly placement: Placement | undefined;
  readonly toNew: Sending['toNew'];
  /** Of what a client sent: it may not have agreed somewhere. */
  readonly mayBeOdd: boolean;
  /** When it was sent, as the number of a message: window-reader. */
  moment: number;
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
    isCounted,
    placement,
    toNew,
    mayBeOdd = false,
  }: {
    readonly key: string;
    readonly isCounted: boolean;
    readonly placement?: Placement | undefined;
    readonly toNew?: Sending['toNew'];
    readonly mayBeOdd?: boolean;
  },
): SpanRecord {
  const isFrame = span.kind === 'frame';
  const isInKey = isFrame && span.bytes.length <= KEY_IS_BYTES_MAX;
  return {
    row,
    index,
    offset: span.offset,
    length: span.bytes.length,
    arrivalNs,
    isFrame,
    key,
    span: isInKey ? undefined : { ...span, bytes: Uint8Array.prototype.slice.call(span.bytes) },
    isCounted,
    placement,
    toNew,
    mayBeOdd,
    moment: 0,
    next: undefined,
    old: false,
    new: false,
  };
}

export function bytesOf({ key, span }: SpanRecord): Uint8Array {
  return span?.bytes ?? Buffer.from(key, 'latin1');
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
