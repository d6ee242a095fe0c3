/**
 * Takes frames apart that no client sent and that are two: a relay that forwards the beginning of a frame
 * and then the beginning of the next one makes bytes that a frame reader, which believes the announced size,
 * reads as one frame with another payload. What clients sent tells better: both pieces begin sent messages.
 */
import type { ArrivedSpan } from '../capture/types.ts';
import type { Defect, HeaderLayout, Span } from '../wire/types.ts';

export interface SentMessages {
  wasSent(span: Span): boolean;
  /** Whether these bytes are less than a message that a client sent, and begin like it. */
  beginSent(bytes: Uint8Array): boolean;
}

/** The spans of one stream in order; both halves of one that is taken apart keep its index. */
export function* splitJoined(
  spans: Iterable<ArrivedSpan>,
  layout: HeaderLayout,
  sent: SentMessages,
): Generator<ArrivedSpan> {
  const magic = magicBytes(layout);
  /** The second half, which may go on with the bytes behind. */
  let open: ArrivedSpan<Defect> | undefined;
  for (const arrived of spans) {
    const { span } = arrived;
    if (open !== undefined) {
      const longer = span.kind === 'frame' ? undefined : joined(open, arrived);
      if (longer !== undefined && sent.beginSent(longer.span.bytes)) {
        open = longer;
        continue;
      }
      yield open;
      open = undefined;
    }
    const mayBeTwo = span.kind === 'frame' && !sent.wasSent(span);
    const at = mayBeTwo ? findInner(span.bytes, magic, layout, sent) : undefined;
    if (at === undefined) {
      yield arrived;
      continue;
    }
    yield { ...arrived, span: pieceOf(span, 0, at) };
    open = { ...arrived, span: pieceOf(span, at, span.bytes.length) };
  }
  if (open !== undefined) yield { ...open, span: { ...open.span, kind: 'tail' } };
}

function magicBytes(layout: HeaderLayout): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, layout.magic, true);
  return bytes;
}

/** Where inside of a frame another message begins, if what is before it is a beginning too. */
function findInner(
  frame: Uint8Array,
  magic: Uint8Array,
  layout: HeaderLayout,
  sent: SentMessages,
): number | undefined {
  const bytes = Buffer.from(frame.buffer, frame.byteOffset, frame.byteLength);
  let found = bytes.indexOf(magic, layout.offsets.magic + 1);
  for (; found >= 0; found = bytes.indexOf(magic, found + 1)) {
    const at = found - layout.offsets.magic;
    if (at < layout.sizeBytes || at + layout.sizeBytes > frame.length) continue;
    if (sent.beginSent(frame.subarray(at)) && sent.beginSent(frame.subarray(0, at))) return at;
  }
  return undefined;
}

function pieceOf(span: Span, from: number, to: number): Defect {
  const bytes = span.bytes.subarray(from, to);
  return {
    kind: 'defect',
    defect: 'truncated-frame',
    offset: span.offset + from,
    bytes,
    detail: `a frame breaks off after ${bytes.length} bytes`,
  };
}

function joined(open: ArrivedSpan<Defect>, next: ArrivedSpan): ArrivedSpan<Defect> | undefined {
  if (open.span.offset + open.span.bytes.length !== next.span.offset) return undefined;
  const bytes = new Uint8Array(Buffer.concat([open.span.bytes, next.span.bytes]));
  const detail = `a frame breaks off after ${bytes.length} bytes`;
  return { ...next, span: { ...open.span, bytes, detail } };
}
