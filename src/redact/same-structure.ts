/**
 * Looks whether two captures hold the same but for values: the same chunks at the same times, cut into the same frames
 * and defects, with the same heads and checksums in the same state. Reads both side by side, a span of each at a time.
 */
import { readSpans } from '../capture/spans.ts';
import type { ArrivedSpan, CaptureReader, StreamRow } from '../capture/types.ts';
import type { Dialect } from '../protocol/types.ts';
import { checksumState, readHeader } from '../wire/header.ts';
import { walkTlvs } from '../wire/tlv.ts';
import type { Header, HeaderLayout } from '../wire/types.ts';

/** The first place where they are not, in words; undefined when they are. */
export function findStructureChange(
  before: CaptureReader,
  after: CaptureReader,
  dialect: Dialect,
  onRead: (bytes: number) => void,
): string | undefined {
  const others = new Map(after.streams().map((row) => [`${row.connection}/${row.kind}`, row]));
  for (const stream of before.streams()) {
    const other = others.get(`${stream.connection}/${stream.kind}`);
    if (stream.bytes === 0 && other === undefined) continue;
    const place =
      other === undefined
        ? 'it is not there'
        : changeOfStream([before, stream], [after, other], dialect.header, onRead);
    if (place !== undefined)
      return `stream ${stream.kind} of connection ${stream.connection}: ${place}`;
  }
  return undefined;
}

type Place = readonly [capture: CaptureReader, stream: StreamRow];

function changeOfStream(
  before: Place,
  after: Place,
  layout: HeaderLayout,
  onRead: (bytes: number) => void,
): string | undefined {
  const others = readSpans(...after, layout)[Symbol.iterator]();
  for (const arrived of readSpans(...before, layout)) {
    const { span } = arrived;
    const other = others.next();
    if (other.done === true || !isSame(arrived, other.value, layout))
      return `the ${span.kind} at offset ${span.offset}`;
    onRead(span.bytes.length);
  }
  return others.next().done === true ? undefined : 'it goes on';
}

function isSame(left: ArrivedSpan, right: ArrivedSpan, layout: HeaderLayout): boolean {
  const [one, other] = [left.span, right.span];
  if (
    one.kind !== other.kind ||
    one.offset !== other.offset ||
    one.bytes.length !== other.bytes.length ||
    left.arrivalOrdinal !== right.arrivalOrdinal ||
    left.arrivalNs !== right.arrivalNs
  )
    return false;
  if (one.kind === 'defect' && other.kind === 'defect') return one.defect === other.defect;
  return one.kind !== 'frame' || shapeOf(layout, one.bytes) === shapeOf(layout, other.bytes);
}

const KEPT_HEADER: readonly (keyof Header)[] = ['relay_domain', 'version', 'source', 'sequence'];

function shapeOf(layout: HeaderLayout, frame: Uint8Array): string {
  const header = readHeader(layout, frame);
  const { tlvs, defect } = walkTlvs(frame, layout.sizeBytes);
  return [
    checksumState(layout, frame),
    ...KEPT_HEADER.map((name) => header[name]),
    ...tlvs.map(({ type, offset, extended }) => `${type} ${offset} ${extended ? 'x' : ''}`),
    defect?.defect,
    defect?.offset,
  ].join(' ');
}
