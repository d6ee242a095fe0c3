/** A frame as a message: what its header and TLVs mean in a dialect. Total over frames of any content. */
import { assert } from '../lib/assert.ts';
import { toHex } from '../lib/bytes.ts';
import { checksumState, readHeader } from '../wire/header.ts';
import { walkTlvs } from '../wire/tlv.ts';
import type { HeaderLayout, Tlv } from '../wire/types.ts';
import { decodeStruct } from './struct-decoder.ts';
import type { DecodedTlv, Dialect, HeaderValues, Message, TlvType } from './types.ts';

/** `frame`: a header and the payload after it, as the frame reader cuts them. */
export function decodeMessage(dialect: Dialect, frame: Uint8Array): Message {
  const layout = dialect.header;
  assert(frame.byteLength >= layout.sizeBytes, `a frame has at least ${layout.sizeBytes} bytes`);
  const payload = frame.subarray(layout.sizeBytes);
  const { tlvs, defect } = walkTlvs(payload);
  return {
    header: headerValues(layout, frame),
    checksum: checksumState(layout, frame),
    tlvs: tlvs.map((tlv) => decodeTlv(dialect, tlv, payload)),
    ...(defect === undefined ? {} : { defect }),
  };
}

function headerValues(layout: HeaderLayout, frame: Uint8Array): HeaderValues {
  const header = readHeader(layout, frame);
  return {
    ...header,
    sequence: header.sequence.toString(),
    timestamp: header.timestamp.toString(),
  };
}

function decodeTlv(dialect: Dialect, tlv: Tlv, payload: Uint8Array): DecodedTlv {
  const { type, extended, length } = tlv;
  const value = tlvValue(tlv, payload);
  const name = tlvName(dialect, type);
  const struct = registeredType(dialect, type)?.struct;
  const fields = struct && decodeStruct(struct, value);
  return fields === undefined
    ? { type, name, extended, length, fields: { raw: toHex(value) } }
    : { type, name, extended, length, layout: struct?.name ?? '', fields };
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
