/** What a window remembers of a span until it is analysed or dropped. */
import type { StreamRow } from '../../capture/types.ts';
import { defined } from '../../lib/assert.ts';
import type { Span } from '../../wire/types.ts';
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
  /** When it was sent, as the number of a message: window-reader. */
  moment: number;
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
  }: {
    readonly key: string;
    readonly isCounted: boolean;
    readonly placement?: Placement | undefined;
    readonly toNew?: Sending['toNew'];
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
    moment: 0,
    old: false,
    new: false,
  };
}

export function bytesOf({ key, span }: SpanRecord): Uint8Array {
  return span?.bytes ?? Buffer.from(key, 'latin1');
}

export function spanOf(record: SpanRecord): Span {
  return record.span ?? { kind: 'frame', offset: record.offset, bytes: bytesOf(record) };
}

/** Of what a client sent. */
export function sendingOf({ row, offset, arrivalNs, placement, toNew }: SpanRecord): Sending {
  return {
    connection: row.connection,
    offset,
    timeNs: arrivalNs,
    placement: defined(placement, 'placement of what was sent'),
    unmirrored: undefined,
    ...(toNew && { toNew }),
  };
}
