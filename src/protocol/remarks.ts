/**
 * What is odd about a message that can be read all the same. A remark is no defect: real publishers write zero
 * checksums and real structs break their registry's sizes all day. Whether remarks are shown is the caller's affair.
 */
import { checksumState, frameChecksum, readHeader, viewOf } from '../wire/header.ts';
import type { HeaderOffsets } from '../wire/types.ts';
import { isVendorType, registeredType } from './decode.ts';
import { displayEnum } from './display.ts';
import { overfullCount } from './fit.ts';
import type { Dialect, EnumTable, FieldLayout, Leaf, TlvType } from './types.ts';
import { type IntegerCoding, readInteger } from './values.ts';
import { type FrameVisitor, type VisitedTlv, walkFrame } from './walk-frame.ts';

/**
 * - `wrong-declared-size`: the registry declares one size, and the value has another.
 * - `out-of-bounds-size`: the value is shorter or longer than the bounds of the registry. No parser enforces them.
 * - `unfit-struct`: the type has a struct, and the bytes are not it; they stay raw.
 * - `count-over-capacity`: the size is the struct's, but a FixedVec says more elements than it has.
 * - `zero-checksum`: not computed. `wrong-checksum`: computed otherwise, or the bytes have changed.
 * - `unknown-enum-number`: no name of the dialect; for flags, a bit without a name.
 * - `non-zero-padding`: padding, or elements behind the count, that hold something.
 * - `type-outside-domain-range`: the registry puts the TLV into another domain than the header.
 * - `unknown-type`: in no registry and in no vendor range.
 * - `unusual-version`: another one than every known publisher writes.
 */
export type RemarkKind =
  | 'wrong-declared-size'
  | 'out-of-bounds-size'
  | 'unfit-struct'
  | 'count-over-capacity'
  | 'zero-checksum'
  | 'wrong-checksum'
  | 'unknown-enum-number'
  | 'non-zero-padding'
  | 'type-outside-domain-range'
  | 'unknown-type'
  | 'unusual-version';

export interface Remark {
  readonly kind: RemarkKind;
  /** Of the leaf that it is about, as describeFrame names it; `tlv[0]` for a whole TLV. */
  readonly path: string;
  /** One sentence for a person, with the numbers. */
  readonly detail: string;
}

/** `version u8`, "always written as 1" in every header order of the reference. */
const USUAL_VERSION = 1;

/** In the order of the bytes. A frame that is shorter than a header has none: there is no message. */
export function remarksOn(dialect: Dialect, frame: Uint8Array): readonly Remark[] {
  if (frame.byteLength < dialect.header.sizeBytes) return [];
  const pen = new RemarkPen(dialect, frame);
  walkFrame(dialect, frame, pen);
  return pen.remarks;
}

class RemarkPen implements FrameVisitor {
  readonly remarks: Remark[] = [];
  readonly #dialect: Dialect;
  readonly #frame: Uint8Array;
  readonly #view: DataView;
  /** Undefined when the dialect has no such domain. */
  readonly #domain: string | undefined;

  constructor(dialect: Dialect, frame: Uint8Array) {
    this.#dialect = dialect;
    this.#frame = frame;
    this.#view = viewOf(frame);
    this.#domain = dialect.domains.names.get(readHeader(dialect.header, frame).relay_domain);
  }

  headerField(name: keyof HeaderOffsets, offset: number): void {
    const path = `header.${name}`;
    if (name === 'relay_domain') this.#enumNumber(path, this.#dialect.domains, offset, U8);
    if (name === 'source') this.#enumNumber(path, this.#dialect.sources, offset, U8);
    if (name === 'checksum') this.#checksum(path);
    if (name === 'version') {
      const version = this.#view.getUint8(offset);
      if (version !== USUAL_VERSION)
        this.#remark('unusual-version', path, `${version}, publishers write ${USUAL_VERSION}`);
    }
  }

  tlv(visited: VisitedTlv): void {
    const { tlv, path, name } = visited;
    const type = registeredType(this.#dialect, tlv.type);
    if (type !== undefined) {
      this.#domainOf(path, type);
      this.#declaredSize(path, type, tlv.length);
      this.#struct(visited, type);
    } else if (!isVendorType(this.#dialect, tlv.type)) {
      this.#remark('unknown-type', `${path}.type`, `${tlv.type} is in no registry (${name})`);
    }
  }

  head(): void {
    // Heads are judged with their TLV.
  }

  integer(path: string, offset: number, coding: IntegerCoding, field: FieldLayout): void {
    if (field.enum !== undefined) this.#enumNumber(path, field.enum, offset, coding);
  }

  bytes(path: string, offset: number, length: number, leafClass: Leaf['class']): void {
    if (leafClass === 'semantic') return;
    const bytes = this.#frame.subarray(offset, offset + length);
    const used = bytes.reduce((count, byte) => count + (byte === 0 ? 0 : 1), 0);
    if (used > 0) this.#remark('non-zero-padding', path, `${used} of ${length} bytes are not 0`);
  }

  #checksum(path: string): void {
    const { header } = this.#dialect;
    const state = checksumState(header, this.#frame);
    if (state === 'zero') this.#remark('zero-checksum', path, 'the publisher did not compute it');
    if (state !== 'wrong') return;
    const stored = hex32(readHeader(header, this.#frame).checksum);
    const computed = hex32(frameChecksum(header, this.#frame));
    this.#remark('wrong-checksum', path, `${stored} is written, the bytes give ${computed}`);
  }

  #enumNumber(path: string, table: EnumTable, offset: number, coding: IntegerCoding): void {
    const value = Number(readInteger(this.#view, offset, coding.integer, coding.endian));
    const named = table.flags
      ? isNamedFlags(table, value)
      : displayEnum(table, value) !== undefined;
    if (!named) this.#remark('unknown-enum-number', path, `${value} is no ${table.name}`);
  }

  #domainOf(path: string, type: TlvType): void {
    const domain = this.#domain;
    // Vendor types travel in any domain; a domain without a name is a remark of its own.
    if (domain === undefined || type.domain === 'vendor' || type.domain === domain) return;
    const detail = `${type.name} belongs to ${type.domain}, the header says ${domain}`;
    this.#remark('type-outside-domain-range', `${path}.type`, detail);
  }

  #declaredSize(path: string, type: TlvType, length: number): void {
    const { size, struct } = type;
    const place = `${path}.length`;
    if (size.kind === 'fixed' && length !== size.bytes) {
      const real = struct?.size === length && !struct.hasLists ? `, as ${struct.name} has` : '';
      const detail = `type ${type.number} must be ${size.bytes} bytes, got ${length}${real}`;
      this.#remark('wrong-declared-size', place, detail);
    }
    if (size.kind === 'bounded' && (length < size.min || length > size.max)) {
      const detail = `type ${type.number} is ${size.min} to ${size.max} bytes, got ${length}`;
      this.#remark('out-of-bounds-size', place, detail);
    }
  }

  #struct({ path, name, value, struct }: VisitedTlv, type: TlvType): void {
    if (type.struct === undefined || struct !== undefined) return;
    const overfull = overfullCount(type.struct, value);
    if (overfull === undefined) {
      const detail = `${value.byteLength} bytes are no ${type.struct.name}`;
      this.#remark('unfit-struct', path, `${detail} (${sizeText(type.struct)})`);
      return;
    }
    const detail = `${overfull.count} elements, there is room for ${overfull.capacity}`;
    this.#remark('count-over-capacity', `${path}.${name}.${overfull.path}.count`, detail);
  }

  #remark(kind: RemarkKind, path: string, detail: string): void {
    this.remarks.push({ kind, path, detail });
  }
}

const U8 = { integer: 'u8', endian: 'little' } as const;

function isNamedFlags(table: EnumTable, value: number): boolean {
  let unnamed = value;
  for (const bit of table.names.keys()) {
    if (Math.floor(value / bit) % 2 === 1) unnamed -= bit;
  }
  return unnamed === 0;
}

function sizeText(struct: {
  readonly size: number;
  readonly openEnded: boolean;
  readonly hasLists: boolean;
}): string {
  if (struct.hasLists) return `${struct.size} bytes and what its lists hold`;
  return struct.openEnded ? `${struct.size} bytes or more` : `${struct.size} bytes`;
}

function hex32(value: number): string {
  return value.toString(16).padStart(8, '0');
}
