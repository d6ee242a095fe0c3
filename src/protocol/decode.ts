/** A frame as a message: what its header and TLVs mean in a dialect. Total over frames of any content. */
import { assert } from '../lib/assert.ts';
import { toHex } from '../lib/bytes.ts';
import { checksumState, readHeader } from '../wire/header.ts';
import { walkTlvs } from '../wire/tlv.ts';
import type { ChecksumState, Header, HeaderLayout, Tlv, TlvDefect } from '../wire/types.ts';
import { decodeStruct, type RawFields, readStruct } from './struct-decoder.ts';
import type { DecodedTlv, Dialect, HeaderValues, Message, TlvType } from './types.ts';

/** `frame`: a header and the payload after it, as the frame reader cuts them. */
export function decodeMessage(dialect: Dialect, frame: Uint8Array): Message {
  const layout = dialect.header;
  assert(frame.byteLength >= layout.sizeBytes, `a frame has at least ${layout.sizeBytes} bytes`);
  const { tlvs, defect } = walkTlvs(frame, layout.sizeBytes);
  return {
    header: headerValues(layout, frame),
    checksum: checksumState(layout, frame),
    tlvs: tlvs.map((tlv) => decodeTlv(dialect, tlv, frame)),
    ...(defect === undefined ? {} : { defect }),
  };
}

function headerValues(layout: HeaderLayout, frame: Uint8Array): HeaderValues {
  const header = readHeader(layout, frame);
  // Spelt out: a spread copies twice as slowly.
  return {
    magic: header.magic,
    relay_domain: header.relay_domain,
    version: header.version,
    source: header.source,
    flags: header.flags,
    sequence: header.sequence.toString(),
    timestamp: header.timestamp.toString(),
    payload_size: header.payload_size,
    checksum: header.checksum,
  };
}

function decodeTlv(dialect: Dialect, tlv: Tlv, frame: Uint8Array): DecodedTlv {
  const { type, extended, length } = tlv;
  const start = dialect.header.sizeBytes + tlv.valueOffset;
  const value = frame.subarray(start, start + length);
  const name = tlvName(dialect, type);
  const struct = registeredType(dialect, type)?.struct;
  const fields = struct && decodeStruct(struct, value);
  return fields === undefined
    ? { type, name, extended, length, fields: { raw: toHex(value) } }
    : { type, name, extended, length, layout: struct?.name ?? '', fields };
}

/** A message whose numbers are numbers and whose bytes are views of the frame: to compute with, not to show. */
export interface RawMessage {
  readonly header: Header;
  readonly checksum: ChecksumState;
  readonly tlvs: readonly RawTlv[];
  readonly defect: TlvDefect | undefined;
}

export interface RawTlv {
  readonly tlv: Tlv;
  readonly name: string;
  /** `{ raw: bytes }` where no struct fits. */
  readonly fields: RawFields;
}

/** As decodeMessage, without spelling anything. */
export function readMessage(dialect: Dialect, frame: Uint8Array): RawMessage {
  const layout = dialect.header;
  assert(frame.byteLength >= layout.sizeBytes, `a frame has at least ${layout.sizeBytes} bytes`);
  const { tlvs, defect } = walkTlvs(frame, layout.sizeBytes);
  return {
    header: readHeader(layout, frame),
    checksum: checksumState(layout, frame),
    tlvs: tlvs.map((tlv) => readTlv(dialect, tlv, frame)),
    defect,
  };
}

function readTlv(dialect: Dialect, tlv: Tlv, frame: Uint8Array): RawTlv {
  // No Buffer, although frames are: every field of bytes is a view of it, and views of a Buffer cost half again.
  const at = frame.byteOffset + dialect.header.sizeBytes + tlv.valueOffset;
  const value = new Uint8Array(frame.buffer, at, tlv.length);
  const registered = registeredType(dialect, tlv.type);
  const fields = registered?.struct && readStruct(registered.struct, value);
  const name = registered?.name ?? tlvName(dialect, tlv.type);
  return { tlv, name, fields: fields ?? { raw: value } };
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
