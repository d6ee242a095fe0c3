/**
 * A frame as a message: what its header and TLVs mean in a dialect. Total over frames of any content. Values are
 * numbers, bigints and views of the frame: to spell them costs more than to read them, and is for those who print.
 */
import { assert } from '../lib/assert.ts';
import { checksumState, readHeader, wholeView } from '../wire/header.ts';
import { walkTlvs } from '../wire/tlv.ts';
import type { Tlv } from '../wire/types.ts';
import { type ReadValue, valueReader } from './struct-decoder.ts';
import type { DecodedTlv, Dialect, Message, TlvType } from './types.ts';

/** `frame`: a header and the payload after it, as the frame reader cuts them. */
export function decodeMessage(dialect: Dialect, frame: Uint8Array): Message {
  const layout = dialect.header;
  assert(frame.byteLength >= layout.sizeBytes, `a frame has at least ${layout.sizeBytes} bytes`);
  const { buffer } = frame;
  const view = wholeView(buffer);
  const readers = tlvReaders(dialect);
  const { tlvs, defect } = walkTlvs(frame, layout.sizeBytes);
  const payloadAt = frame.byteOffset + layout.sizeBytes;
  const decoded: DecodedTlv[] = [];
  for (const tlv of tlvs) {
    const reader = readers[tlv.type] ?? addReader(readers, dialect, tlv.type);
    decoded.push(decodeTlv(reader, tlv, view, buffer, payloadAt + tlv.valueOffset));
  }
  return {
    header: readHeader(layout, frame),
    checksum: checksumState(layout, frame),
    tlvs: decoded,
    defect,
  };
}

function decodeTlv(
  { name, layout, read }: TlvReader,
  { type, extended, length }: Tlv,
  view: DataView,
  buffer: ArrayBufferLike,
  at: number,
): DecodedTlv {
  const fields = read?.(view, buffer, at, length);
  if (fields !== undefined) return { type, name, extended, length, layout, fields };
  const raw = new Uint8Array(buffer, at, length);
  return { type, name, extended, length, layout: undefined, fields: { raw } };
}

/** How the TLVs of a type are read. */
interface TlvReader {
  readonly name: string;
  readonly layout: string | undefined;
  /** Undefined where the registry names no struct. */
  readonly read: ReadValue | undefined;
}

/** Of each dialect by the number of the type; made when a type is first met. */
const readersOfDialects = new WeakMap<Dialect, (TlvReader | undefined)[]>();

function tlvReaders(dialect: Dialect): (TlvReader | undefined)[] {
  let readers = readersOfDialects.get(dialect);
  if (readers === undefined) {
    readers = [];
    readersOfDialects.set(dialect, readers);
  }
  return readers;
}

function addReader(readers: (TlvReader | undefined)[], dialect: Dialect, type: number): TlvReader {
  const struct = registeredType(dialect, type)?.struct;
  const reader: TlvReader = {
    name: tlvName(dialect, type),
    layout: struct?.name,
    read: struct && valueReader(struct),
  };
  readers[type] = reader;
  return reader;
}

export function tlvValue(tlv: Tlv, payload: Uint8Array): Uint8Array {
  return payload.subarray(tlv.valueOffset, tlv.valueOffset + tlv.length);
}

/** The registry's entry; the marker of the extended form is in the registry, but is no type of a TLV. */
export function registeredType(dialect: Dialect, number: number): TlvType | undefined {
  const type = dialect.types.get(number);
  return type?.domain === 'framing' ? undefined : type;
}

/** `Trade`, `Vendor:PoolInfo`, `Vendor` for unregistered vendor types, `Unknown` for the rest. */
export function tlvName(dialect: Dialect, number: number): string {
  const fallback = isVendorType(dialect, number) ? 'Vendor' : 'Unknown';
  return registeredType(dialect, number)?.name ?? fallback;
}

/** Whether vendors may use the number without registering it. */
export function isVendorType({ vendorRange: { first, last } }: Dialect, number: number): boolean {
  return number >= first && number <= last;
}

/** Names of the TLVs of a message, in order. */
export function tlvNames(message: Message): readonly string[] {
  return message.tlvs.map((tlv) => tlv.name);
}

/** The TLVs of a message in a word: `Trade`, `Trade+Quote`, `header only`. */
export function subjectOf(message: Message): string {
  return message.tlvs.length === 0 ? 'header only' : tlvNames(message).join('+');
}
