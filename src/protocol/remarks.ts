/**
 * What is odd about a message that can be read all the same. A remark is no defect: real publishers write zero
 * checksums and real structs break their registry's sizes all day. Whether remarks are shown is the caller's affair.
 */
import { checksumState, frameChecksum, readHeader, viewOf } from '../wire/header.ts';
import type { HeaderOffsets } from '../wire/types.ts';
import { isVendorType, registeredType } from './decode.ts';
import { overfullCount } from './fit.ts';
import type { RemarkKind } from './remark-kind.ts';
import type { Dialect, EnumTable, FieldLayout, Leaf, TlvType } from './types.ts';
import { type IntegerCoding, readInteger } from './values.ts';
import { type FieldNaming, type FrameVisitor, type VisitedTlv, walkFrame } from './walk-frame.ts';

export interface Remark {
  readonly kind: RemarkKind;
  /** Of the leaf that it is about, as describeFrame names it; `tlv[0]` for a whole TLV. */
  readonly path: string;
  /** One sentence for a person, with the numbers. */
  readonly detail: string;
}

/** `version u8`, "always written as 1" in every header order of the reference. */
export const USUAL_VERSION = 1;

/** In the order of the bytes. A frame that is shorter than a header has none: there is no message. */
export function remarksOn(dialect: Dialect, frame: Uint8Array): readonly Remark[] {
  const remarks: Remark[] = [];
  eachRemark(dialect, frame, (kind, path, detail) => {
    remarks.push({ kind, path, detail: detail() });
  });
  return remarks;
}

/** Takes a remark; its sentence is only made when it is asked for, within the call. */
export type RemarkSink = (kind: RemarkKind, path: string, detail: () => string) => void;

/**
 * As remarksOn, for who keeps less than all of them: a frame of 1 MiB may give half a million.
 * `naming`: with the names that the dialects share, remarks of two dialects can be held side by side.
 */
export function eachRemark(
  dialect: Dialect,
  frame: Uint8Array,
  sink: RemarkSink,
  naming: FieldNaming = 'own',
): void {
  if (frame.byteLength < dialect.header.sizeBytes) return;
  walkFrame(dialect, frame, new RemarkPen(dialect, frame, sink), naming);
}

class RemarkPen implements FrameVisitor {
  readonly #sink: RemarkSink;
  readonly #dialect: Dialect;
  readonly #frame: Uint8Array;
  readonly #view: DataView;
  /** Undefined when the dialect has no such domain. */
  readonly #domain: string | undefined;

  constructor(dialect: Dialect, frame: Uint8Array, sink: RemarkSink) {
    this.#sink = sink;
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
        this.#sink('unusual-version', path, () => `${version}, publishers write ${USUAL_VERSION}`);
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
      this.#sink('unknown-type', `${path}.type`, () => `${tlv.type} is in no registry (${name})`);
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
    let used = 0;
    for (let at = offset; at < offset + length; at++) used += this.#frame[at] === 0 ? 0 : 1;
    if (used > 0)
      this.#sink('non-zero-padding', path, () => `${used} of ${length} bytes are not 0`);
  }

  #checksum(path: string): void {
    const { header } = this.#dialect;
    const state = checksumState(header, this.#frame);
    if (state === 'zero')
      this.#sink('zero-checksum', path, () => 'the publisher did not compute it');
    if (state !== 'wrong') return;
    this.#sink('wrong-checksum', path, () => {
      const stored = hex32(readHeader(header, this.#frame).checksum);
      const computed = hex32(frameChecksum(header, this.#frame));
      return `${stored} is written, the bytes give ${computed}`;
    });
  }

  #enumNumber(path: string, table: EnumTable, offset: number, coding: IntegerCoding): void {
    const value = Number(readInteger(this.#view, offset, coding.integer, coding.endian));
    if (!isNamed(table, value))
      this.#sink('unknown-enum-number', path, () => `${value} is no ${table.name}`);
  }

  #domainOf(path: string, type: TlvType): void {
    const domain = this.#domain;
    // Vendor types travel in any domain; a domain without a name is a remark of its own.
    if (domain === undefined || type.domain === 'vendor' || type.domain === domain) return;
    const detail = (): string =>
      `${type.name} belongs to ${type.domain}, the header says ${domain}`;
    this.#sink('type-outside-domain-range', `${path}.type`, detail);
  }

  #declaredSize(path: string, type: TlvType, length: number): void {
    const { size, struct } = type;
    const place = `${path}.length`;
    if (size.kind === 'fixed' && length !== size.bytes) {
      const real = struct?.size === length && !struct.hasLists ? `, as ${struct.name} has` : '';
      const detail = (): string =>
        `type ${type.number} must be ${size.bytes} bytes, got ${length}${real}`;
      this.#sink('wrong-declared-size', place, detail);
    }
    if (size.kind === 'bounded' && (length < size.min || length > size.max)) {
      const detail = (): string =>
        `type ${type.number} is ${size.min} to ${size.max} bytes, got ${length}`;
      this.#sink('out-of-bounds-size', place, detail);
    }
  }

  #struct({ path, name, value, struct }: VisitedTlv, { struct: wanted }: TlvType): void {
    if (wanted === undefined || struct !== undefined) return;
    const overfull = overfullCount(wanted, value);
    if (overfull === undefined) {
      const detail = (): string =>
        `${value.byteLength} bytes are no ${wanted.name} (${sizeText(wanted)})`;
      this.#sink('unfit-struct', path, detail);
      return;
    }
    const detail = (): string =>
      `${overfull.count} elements, there is room for ${overfull.capacity}`;
    this.#sink('count-over-capacity', `${path}.${name}.${overfull.path}.count`, detail);
  }
}

const U8 = { integer: 'u8', endian: 'little' } as const;

/** Whether the number, or of flags each of its bits, has a name. */
export function isNamed(table: EnumTable, value: number): boolean {
  return table.flags ? isNamedFlags(table, value) : table.names.has(value);
}

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
