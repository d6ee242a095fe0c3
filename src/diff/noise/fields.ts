/**
 * The fields of a frame as noise is learned of them: each with the name that all messages of its type share,
 * its place, and its value as one number, whatever its coding. Answers for names and places only.
 */
import type { Dialect } from '../../protocol/types.ts';
import {
  HEADER_INTEGERS,
  INTEGER_BYTES,
  type IntegerCoding,
  readInteger,
} from '../../protocol/values.ts';
import { type FrameVisitor, walkFrame } from '../../protocol/walk-frame.ts';
import { viewOf } from '../../wire/header.ts';
import type { HeaderOffsets } from '../../wire/types.ts';

export interface FrameField {
  /** `tlv[0].OrderBook.bids.elements[].size`: the place in an array is no part of the name. */
  readonly field: string;
  /** As differences name it: `tlv[0].OrderBook.bids.elements[3].size`. */
  readonly path: string;
  readonly offset: number;
  readonly length: number;
  /** undefined: bytes, which are read as one big-endian number. */
  readonly coding: IntegerCoding | undefined;
}

/** Longer ones are no values but whole structures that nobody described: what changes in them is not noise. */
export const FIELD_BYTES_MAX = 32;

export const CHECKSUM_FIELD = 'header.checksum';

const ELEMENT = /(?<!^tlv)\[\d+\]/g;

/** The name of a field without places in arrays; those of TLVs stay: they are part of the type of a message. */
export function fieldOf(path: string): string {
  return path.replaceAll(ELEMENT, '[]');
}

/** Messages of one type: one domain, and the same TLV types in the same order. */
export function typeKeyOf(domain: number, shape: string): string {
  return `${domain} ${shape}`;
}

/** Stands for the messages of a domain of whose own type nothing is known. */
export const ANY_SHAPE = '*';

/** Every field, whatever its length; what has no bytes is none. */
export function fieldsOf(dialect: Dialect, frame: Uint8Array): readonly FrameField[] {
  const pen = new FieldPen();
  walkFrame(dialect, frame, pen);
  return pen.fields;
}

export function valueOf(
  bytes: Uint8Array,
  { offset, length, coding }: Pick<FrameField, 'offset' | 'length' | 'coding'>,
): bigint {
  if (coding !== undefined) {
    return BigInt(readInteger(viewOf(bytes), offset, coding.integer, coding.endian));
  }
  let value = 0n;
  for (let at = offset; at < offset + length; at++) value = (value << 8n) | BigInt(bytes[at] ?? 0);
  return value;
}

class FieldPen implements FrameVisitor {
  readonly fields: FrameField[] = [];

  headerField(name: keyof HeaderOffsets, offset: number): void {
    this.integer(`header.${name}`, offset, { integer: HEADER_INTEGERS[name], endian: 'little' });
  }

  head(path: string, offset: number, coding: IntegerCoding): void {
    this.integer(path, offset, coding);
  }

  integer(path: string, offset: number, { integer, endian }: IntegerCoding): void {
    const coding = { integer, endian };
    this.fields.push({
      field: fieldOf(path),
      path,
      offset,
      length: INTEGER_BYTES[integer],
      coding,
    });
  }

  bytes(path: string, offset: number, length: number): void {
    if (length === 0) return;
    this.fields.push({ field: fieldOf(path), path, offset, length, coding: undefined });
  }
}
