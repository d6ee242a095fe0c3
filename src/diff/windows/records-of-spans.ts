/** What a window remembers of a span until it is analysed or dropped. */
import type { StreamRow } from '../../capture/types.ts';
import type { Span } from '../../wire/types.ts';
import type { Placement } from '../client-facts.ts';
import { keyOf, SHORT_BYTES_MAX } from '../identity.ts';
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
  /** Of short frames: the bytes, a character each. It may be the key. */
  readonly text: string;
  /** Of all others. */
  readonly span: Span | undefined;
  /** It agreed with the other side: the scan has counted it. */
  readonly isCounted: boolean;
  /** Of old, where equal bytes are not all: the other half of its pair. */
  partner: SpanRecord | undefined;
  /** Of what a client sent. */
  readonly placement: Placement | undefined;
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
    isKeyOfBytes,
    isCounted,
    placement,
  }: {
    readonly key: string;
    /** The key of a short frame is its bytes. */
    readonly isKeyOfBytes: boolean;
    readonly isCounted: boolean;
    readonly placement?: Placement | undefined;
  },
): SpanRecord {
  const isFrame = span.kind === 'frame';
  const isShort = isFrame && span.bytes.length <= SHORT_BYTES_MAX;
  const textOfShort = (): string => (isKeyOfBytes ? key : keyOf(span.bytes));
  return {
    row,
    index,
    offset: span.offset,
    length: span.bytes.length,
    arrivalNs,
    isFrame,
    key,
    text: isShort ? textOfShort() : '',
    span: isShort ? undefined : { ...span, bytes: Uint8Array.prototype.slice.call(span.bytes) },
    isCounted,
    partner: undefined,
    placement,
    moment: 0,
    old: false,
    new: false,
  };
}

export function bytesOf({ text, span }: SpanRecord): Uint8Array {
  return span?.bytes ?? Buffer.from(text, 'latin1');
}

export function spanOf(record: SpanRecord): Span {
  return record.span ?? { kind: 'frame', offset: record.offset, bytes: bytesOf(record) };
}
