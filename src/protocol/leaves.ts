/**
 * Names every byte of a frame: leaves in order, without holes and without overlaps, whatever the bytes are.
 * Reads the bytes itself rather than a decoded message, because padding and unused tails are in no message.
 */
import { assertNever } from '../lib/assert.ts';
import { toHex } from '../lib/bytes.ts';
import { checksumState, viewOf } from '../wire/header.ts';
import type { ChecksumState, HeaderOffsets } from '../wire/types.ts';
import { displayEnum, displayInteger, displayUnixNs } from './display.ts';
import type { Dialect, FieldLayout, Leaf } from './types.ts';
import { HEADER_INTEGERS, INTEGER_BYTES, type IntegerCoding, readInteger } from './values.ts';
import { type FieldNaming, type FrameVisitor, type HeadPart, walkFrame } from './walk-frame.ts';

// What a frame is called stands beside what it says.
export { subjectOf, tlvNames } from './decode.ts';

/** Bytes that are too few for a header give the one leaf `undecoded`. */
export function describeFrame(
  dialect: Dialect,
  frame: Uint8Array,
  naming: FieldNaming = 'own',
): readonly Leaf[] {
  const pen = new LeafPen(dialect, frame);
  walkFrame(dialect, frame, pen, naming);
  return pen.leaves;
}

/** Appends leaves; a leaf without bytes is none. */
class LeafPen implements FrameVisitor {
  readonly leaves: Leaf[] = [];
  readonly #dialect: Dialect;
  readonly #frame: Uint8Array;
  readonly #view: DataView;

  constructor(dialect: Dialect, frame: Uint8Array) {
    this.#dialect = dialect;
    this.#frame = frame;
    this.#view = viewOf(frame);
  }

  headerField(name: keyof HeaderOffsets, offset: number): void {
    const encoding = name === 'payload_size' || name === 'checksum';
    this.#number(
      `header.${name}`,
      offset,
      { integer: HEADER_INTEGERS[name], endian: 'little' },
      encoding ? 'encoding' : 'semantic',
      (value) => displayHeader(this.#dialect, name, value, this.#frame),
    );
  }

  head(path: string, offset: number, coding: IntegerCoding, part: HeadPart): void {
    this.#number(path, offset, coding, part.class, () => part.shown);
  }

  integer(path: string, offset: number, coding: IntegerCoding, field: FieldLayout): void {
    this.#number(path, offset, coding, 'semantic', (value) => displayInteger(field, value));
  }

  bytes(path: string, offset: number, length: number, leafClass: Leaf['class']): void {
    if (length === 0) return;
    const value = toHex(this.#frame.subarray(offset, offset + length));
    this.leaves.push({ path, offset, length, value, class: leafClass });
  }

  #number(
    path: string,
    offset: number,
    { integer, endian }: IntegerCoding,
    leafClass: Leaf['class'],
    display: (value: number | bigint) => string | undefined,
  ): void {
    const value = readInteger(this.#view, offset, integer, endian);
    const shown = display(value);
    this.leaves.push({
      path,
      offset,
      length: INTEGER_BYTES[integer],
      value: value.toString(),
      ...(shown === undefined ? {} : { display: shown }),
      class: leafClass,
    });
  }
}

const CHECKSUM_WORDS: Readonly<Record<ChecksumState, string>> = {
  valid: 'valid',
  zero: 'not computed',
  wrong: 'wrong',
};

function displayHeader(
  dialect: Dialect,
  name: keyof HeaderOffsets,
  value: number | bigint,
  frame: Uint8Array,
): string | undefined {
  switch (name) {
    case 'magic':
      return `0x${value.toString(16).padStart(8, '0').toUpperCase()}`;
    case 'relay_domain':
      return displayEnum(dialect.domains, Number(value));
    case 'source':
      return displayEnum(dialect.sources, Number(value));
    case 'timestamp':
      return displayUnixNs(BigInt(value));
    case 'checksum':
      return CHECKSUM_WORDS[checksumState(dialect.header, frame)];
    case 'version':
    case 'flags':
    case 'sequence':
    case 'payload_size':
      return undefined;
    default:
      return assertNever(name, 'header field');
  }
}
